"""What `/jobs` and the page of one job show."""

from __future__ import annotations

from dataclasses import dataclass

from app.jobs.records import Job
from app.web.pages.contexts.common import Frame


@dataclass(frozen=True)
class JobRow:
    """A job in the list of all.

    Attributes:
        title: the request in a few words.
        result_url: page of the result; None before there is one.
    """

    job: Job
    title: str
    result_url: str | None


@dataclass(frozen=True)
class JobsPage:
    """Jobs, newest first; `older_url` leads to those before them."""

    frame: Frame
    rows: tuple[JobRow, ...]
    older_url: str | None


@dataclass(frozen=True)
class JobPage:
    """One job, followed while it runs.

    Attributes:
        facts: the fields of the request, as names and values.
        result_url: page of the result; None before there is one.
        events_url: its stream of events.
        asks_token: whether cancelling and resuming need a key.
        again_url: the form, filled in with the same request; None where there is no form.
    """

    frame: Frame
    job: Job
    title: str
    facts: tuple[tuple[str, str], ...]
    result_url: str | None
    events_url: str
    asks_token: bool
    again_url: str | None
