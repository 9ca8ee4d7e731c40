"""Every error that the program explains to people, as one tree.

    HedgescopeError                 exit code 1, or an HTTP problem document
    ├── SettingsError               a setting is missing or invalid
    ├── RequestError                a field of a requested comparison or registration is invalid
    ├── SaeError                    an SAE can't be found, read or used
    │   └── PreflightError          it was read, but its content is unusable
    ├── ModelError                  a language model can't be found, read or hooked
    ├── TextError                   a text is missing, empty or unreadable
    ├── ActivationsError            an activations file is missing or does not fit
    ├── ShardError                  a shard can't be read or written
    ├── ExecutorError               the machines that run the shards can't be used, or failed
    ├── ScoringError                statistics and weights do not belong together
    ├── PromptError                 a live prompt can't be answered as it is (HTTP 400)
    ├── WorkerError                 the inference worker can't answer (HTTP 503)
    │   ├── NoWorkerError           none is configured (HTTP 503)
    │   ├── WorkerBusyError         it is overloaded; try again later (HTTP 503)
    │   └── WorkerAnswerError       its answer is invalid (HTTP 502)
    └── StoreError                  the database can't be used
        ├── SchemaError             its schema is older or newer than the program
        ├── NotFoundError           no such comparison, SAE, latent (HTTP 404)
        ├── ConflictError           the name is taken by something else (HTTP 409)
        └── QueryError              a parameter of a query is wrong (HTTP 400)

A message says, in one line, what was found, what was expected and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence


class HedgescopeError(Exception):
    """Base of all errors that are explained to people in one line."""


class SettingsError(HedgescopeError):
    """A setting is missing or invalid."""


class RequestError(HedgescopeError):
    """A field of a requested comparison or registration is invalid.

    Args:
        message: what was found and what was expected.
        field: the field's name.
    """

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class SaeError(HedgescopeError):
    """An SAE can't be found, read or used."""


class PreflightError(SaeError):
    """An SAE was read, but its content is unusable (NaN, wrong width, …).

    Args:
        source: what the user named.
        problems: what is wrong with it, one line each.
    """

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        super().__init__(f"{source}: " + "; ".join(problems))
        self.source = source
        self.problems = tuple(problems)


class ModelError(HedgescopeError):
    """A language model can't be found, read or hooked."""


class TextError(HedgescopeError):
    """A text is missing, empty or unreadable."""


class ActivationsError(HedgescopeError):
    """An activations file is missing or does not fit."""


class ShardError(HedgescopeError):
    """A shard can't be read or written."""


class ExecutorError(HedgescopeError):
    """The machines that run the shards can't be used, or failed."""


class ScoringError(HedgescopeError):
    """Statistics and weights do not belong together."""


class PromptError(HedgescopeError):
    """A live prompt can't be answered as it is: too long, empty, or its comparison has no model.

    Args:
        message: what was found and what was expected.
        parameter: what of the request is wrong.
    """

    def __init__(self, message: str, *, parameter: str = "text") -> None:
        super().__init__(message)
        self.parameter = parameter


class WorkerError(HedgescopeError):
    """The inference worker can't answer: none is configured, it is down, or it failed."""


class NoWorkerError(WorkerError):
    """No inference worker is configured."""


class WorkerBusyError(WorkerError):
    """The inference worker has too much to do.

    Args:
        message: how much work is waiting.
        retry_after_s: seconds after which to try again.
    """

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class WorkerAnswerError(WorkerError):
    """The answer is invalid: not from a worker of this program, or from a broken one."""


class StoreError(HedgescopeError):
    """The database can't be used."""


class SchemaError(StoreError):
    """The database's schema is older or newer than the program."""


class NotFoundError(StoreError):
    """No such comparison, SAE or latent."""


class ConflictError(StoreError):
    """The name is taken by something else."""


class QueryError(StoreError):
    """A parameter of a query is wrong.

    Args:
        message: what was found and what was expected.
        parameter: the parameter's name, as the caller wrote it.
        valid: the values that would have been accepted, where they can be listed.
    """

    def __init__(self, message: str, *, parameter: str, valid: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.valid = tuple(valid)
