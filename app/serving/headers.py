"""Headers that pages, API and worker send alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

NEVER_KEPT: Final[Mapping[str, str]] = {"Cache-Control": "no-store"}
"""For answers that must not be kept: they change at any time, or hold what somebody typed."""
