"""What `/saes` shows."""

from __future__ import annotations

from dataclasses import dataclass

from app.records import (
    SaeRecord,
)
from app.web.pages.contexts.common import Frame


@dataclass(frozen=True)
class SaesPage:
    """The registered SAEs."""

    frame: Frame
    saes: tuple[SaeRecord, ...]
