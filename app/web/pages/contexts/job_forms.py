"""What the forms for a comparison and an SAE show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.web.pages.contexts.common import Frame


@dataclass(frozen=True)
class AskForm:
    """A form that submits a job.

    Attributes:
        fields: field -> its title, description and limits.
        given: field -> its value.
        error: why the request is refused; None before one was sent.
        wrong: the field that the error is about.
        asks_token: whether a key is needed.
    """

    fields: Mapping[str, Mapping[str, Any]]
    given: Mapping[str, str]
    error: str | None
    wrong: str | None
    asks_token: bool


@dataclass(frozen=True)
class CompareNewPage:
    """The form for a comparison; `choices` are the SAEs, and the prefixes of Matryoshka SAEs as `name@width`."""

    frame: Frame
    form: AskForm
    choices: tuple[str, ...]


@dataclass(frozen=True)
class SaeNewPage:
    """The form for the registration of an SAE."""

    frame: Frame
    form: AskForm
