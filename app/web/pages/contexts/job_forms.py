"""What the forms for a comparison and an SAE show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.records import Preflight
from app.web.pages.contexts.common import Frame
from app.web.shared.input_files import InputFolder


@dataclass(frozen=True)
class AskForm:
    """A form that submits a job.

    Attributes:
        fields: field -> its title, description and limits.
        given: field -> its value.
        error: why the request is refused; None before one was sent.
        wrong: the field that the error is about.
        asks_token: whether a key is needed.
        checked: what the preflight found; None before a check.
        unchecked: why there was no preflight.
        inputs: what the input folder holds; None for those who may not see it.
    """

    fields: Mapping[str, Mapping[str, Any]]
    given: Mapping[str, str]
    error: str | None
    wrong: str | None
    asks_token: bool
    checked: Preflight | None = None
    unchecked: str | None = None
    inputs: InputFolder | None = None


@dataclass(frozen=True)
class CompareNewPage:
    """The form for a comparison; `choices` are the SAEs, and the prefixes of Matryoshka SAEs as `name@width`."""

    frame: Frame
    form: AskForm
    choices: tuple[str, ...]


@dataclass(frozen=True)
class SaeNewPage:
    """The form for the registration of an SAE, and the one for its upload.

    Attributes:
        upload_max_bytes: size of an upload; 0 where there are none.
        upload_error: why an upload was refused.
    """

    frame: Frame
    form: AskForm
    upload_max_bytes: int
    upload_error: str | None
