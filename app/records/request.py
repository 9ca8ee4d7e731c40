"""What people ask the program to do. Each field is declared once, here: its title, its meaning, its limits.

The command line, the API's schema, the forms and the job pages read them with `about`. The keys of the metadata are
those of Pydantic's `Field`, and Pydantic's adapters of these records apply the limits. Limits on the length and the
characters of texts bind what is sent to a server, not paths on a command line; the rules in `__post_init__` bind every
request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from app.errors import RequestError
from app.records.comparison_request import ComparisonRequest
from app.records.intervention_request import InterventionRequest
from app.records.request_fields import (
    DTYPES,
    MAX_NAME,
    MAX_WIDTH,
    NAME,
    NAME_CHARACTERS,
    NAME_PATTERN,
    TEXT,
    Dtype,
    given,
)

__all__ = [
    "DTYPES",
    "MAX_NAME",
    "NAME_CHARACTERS",
    "NAME_PATTERN",
    "ComparisonRequest",
    "Dtype",
    "InterventionRequest",
    "JobRequest",
    "SaeRequest",
    "about",
    "given",
]


@dataclass(frozen=True)
class SaeRequest:
    """The registration of an SAE.

    Raises:
        RequestError: a field is invalid.
    """

    source: str = field(
        metadata={
            **TEXT,
            "title": "Source",
            "description": "A folder or file of an SAE, or `release:sae_id` or `owner/repo:path` on the Hub.",
        }
    )
    name: str | None = field(
        default=None,
        metadata={
            **NAME,
            "title": "Name",
            "description": f"Name to register it under: {NAME_CHARACTERS}; by default the last part of its source.",
        },
    )
    matryoshka_widths: tuple[int, ...] | None = field(
        default=None,
        metadata={
            "max_length": 64,
            "title": "Matryoshka widths",
            "description": "Prefix widths, such as 128, 512, 2048; needed only where its files do not list them.",
        },
    )
    model: str | None = field(
        default=None,
        metadata={
            **TEXT,
            "title": "Model",
            "description": "Language model it reads; needed only where its files do not name it.",
        },
    )
    hook: str | None = field(
        default=None,
        metadata={
            **TEXT,
            "title": "Hook",
            "description": "Where it reads the model; needed only where its files do not name it.",
        },
    )

    def __post_init__(self) -> None:
        for width in self.matryoshka_widths or ():
            if not 1 <= width <= MAX_WIDTH:
                message = f"matryoshka_widths has {width}; expected 1 to {MAX_WIDTH:,} for each"
                raise RequestError(message, field="matryoshka_widths")


JobRequest = ComparisonRequest | SaeRequest | InterventionRequest


def about(record: type[JobRequest]) -> dict[str, Mapping[str, Any]]:
    """Field -> its `title`, `description` and limits."""
    return {each.name: dict(each.metadata) for each in fields(record)}
