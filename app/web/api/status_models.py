"""Problems, and how the server is, as the API describes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ProblemDocument:
    """An error, after RFC 9457.

    Attributes:
        type: the kind of problem, `urn:hedgescope:problem:…`.
        title: of the kind.
        status: of HTTP.
        detail: what was found, what was expected, what to do.
        request_id: of the request, as the header `X-Request-ID` and the server's log have it.
    """

    type: str
    title: str
    status: int
    detail: str
    request_id: str


@dataclass(frozen=True, kw_only=True)
class ParameterProblem(ProblemDocument):
    """A wrong or unknown parameter.

    Attributes:
        parameter: its name.
        valid: what would be accepted, if that can be listed; empty otherwise.
    """

    parameter: str
    valid: tuple[str, ...]


@dataclass(frozen=True)
class ProcessHealth:
    """Whether the process answers.

    Attributes:
        status: `ok`.
    """

    status: Literal["ok"]


@dataclass(frozen=True)
class Check:
    """One part that the dashboard needs.

    Attributes:
        name: `database`: it answers; `schema`: it fits this version; `worker`: it answers, and accepts the secret.
        state: `ok`; `degraded`: pages and stored data are available, something else is not; `failed`: nothing is;
            `off`: not configured.
        detail: what is wrong and what to do; null if nothing is wrong.
    """

    name: str
    state: Literal["ok", "degraded", "failed", "off"]
    detail: str | None


@dataclass(frozen=True)
class Readiness:
    """Whether the dashboard can do its work.

    Attributes:
        status: `ready`; `degraded`: pages and stored data are available, something else is not; `unready`, with HTTP
            status 503: nothing is.
        checks: part by part.
    """

    status: Literal["ready", "degraded", "unready"]
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class WorkerStatus:
    """Whether live prompts can be run now.

    Attributes:
        available: whether an inference worker answers.
        reason: why none does; null if one does.
    """

    available: bool
    reason: str | None
