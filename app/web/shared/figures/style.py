"""Texts that figures share."""

from __future__ import annotations

from app.web.shared import formatting as show


def shortened(label: str, length: int = 40) -> str:
    """A label on one line, cut to a length of characters."""
    text = show.plain(label)
    return text if len(text) <= length else text[: length - 1] + "…"


def span(edges: tuple[float, float]) -> str:
    """The ends of a bin in words."""
    return f"{show.number(edges[0])}–{show.number(edges[1])}"
