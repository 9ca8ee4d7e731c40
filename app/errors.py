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
    │   └── ShardDiskFullError      the disk of the shards, or of temporary files, is full
    ├── ExecutorError               the machines that run the shards can't be used, or failed
    ├── TrainingError               training an SAE diverged, or memory ran out
    ├── ScoringError                statistics and weights do not belong together
    ├── PromptError                 a live prompt can't be answered as it is (HTTP 400)
    ├── WorkerError                 the inference worker can't answer (HTTP 503)
    │   ├── NoWorkerError           none is configured (HTTP 503)
    │   ├── WorkerStartsError       it was started and does not listen yet (HTTP 503)
    │   ├── WorkerBusyError         it is overloaded; try again later (HTTP 503)
    │   └── WorkerAnswerError       its answer is invalid (HTTP 502)
    └── StoreError                  the database can't be used
        ├── DiskFullError           its disk is full
        ├── SchemaError             its schema is older or newer than the program
        ├── NotFoundError           no such comparison, SAE, latent (HTTP 404)
        ├── ConflictError           the name is taken by something else (HTTP 409)
        ├── QueryStoppedError       a query took too long (HTTP 503), or its client has left
        └── QueryError              a parameter of a query is wrong (HTTP 400)

A message says, in one line, what was found, what was expected and what to do. Paths of this machine stand apart from it
(`place`, `reason`), so that it can be shown to everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath


@dataclass(frozen=True)
class Place:
    """A file, folder or address that an error is about.

    Attributes:
        private: its whole name, for those who run the program.
        public: its name for everybody.
    """

    private: str
    public: str

    @classmethod
    def of(cls, *names: Path | str) -> Place:
        """One place or several, whose public name is their last part."""
        return cls(" and ".join(map(str, names)), " and ".join(last_part(str(name)) for name in names))


def last_part(name: str) -> str:
    """The last part of an address, or of a path that is absolute or begins with a dot; other names as they are."""
    path = PurePosixPath(name.partition("://")[2] or name)
    if path.is_absolute() or "://" in name or name.startswith(("~", "./", "../")):
        return path.name or name
    windows = PureWindowsPath(name)
    return windows.name if windows.is_absolute() else name


class HedgescopeError(Exception):
    """Base of all errors that are explained to people in one line.

    `str(error)` is for those who run the program: the command line and the logs show it. `public` is for everybody:
    pages and the API show it, and what is stored for them.

    Args:
        detail: what was found, what was expected and what to do; names no folder of this machine.
        place: file, folder or address that it is about; written before the detail, and public by its last part only.
        reason: the cause in a library's words, which may name folders; written behind the detail, not public.
    """

    def __init__(self, detail: str, *, place: Place | Path | str | None = None, reason: str | None = None) -> None:
        self.detail = detail
        self.place = place if place is None or isinstance(place, Place) else Place.of(place)
        self.reason = reason
        where = "" if self.place is None else f"{self.place.private}: "
        super().__init__(f"{where}{detail}{'' if reason is None else f' ({reason})'}")

    @property
    def public(self) -> str:
        """The message without folders of this machine."""
        return self.detail if self.place is None else f"{self.place.public}: {self.detail}"


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
        super().__init__("; ".join(problems), place=source)
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


class ShardDiskFullError(ShardError):
    """The disk of the shards, or of temporary files, is full."""


class ExecutorError(HedgescopeError):
    """The machines that run the shards can't be used, or failed."""


class TrainingError(HedgescopeError):
    """Training an SAE diverged, or memory ran out."""


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


class WorkerStartsError(WorkerError):
    """The inference worker was started, and does not listen yet."""


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


class DiskFullError(StoreError):
    """The disk of the database is full."""


class SchemaError(StoreError):
    """The database's schema is older or newer than the program."""


class NotFoundError(StoreError):
    """There is no such comparison, SAE or latent."""


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


class QueryStoppedError(StoreError):
    """A query was stopped.

    Args:
        message: why, and what to do.
        is_late: it took too long; else nobody waits for its answer.
    """

    def __init__(self, message: str, *, is_late: bool) -> None:
        super().__init__(message)
        self.is_late = is_late
