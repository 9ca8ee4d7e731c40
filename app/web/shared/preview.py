"""The picture that a link to a comparison shows in chats: its hedging scores as bars. Pure: a PNG of rectangles.

Words stand next to the picture as title and description, so it needs no font, and no library that draws.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.records import ComparisonSummary

WIDTH, HEIGHT = 1200, 630
"""Pixels, as Open Graph readers expect them."""

MARGIN = 90
PALETTE = ((248, 249, 250), (213, 94, 0), (125, 131, 140), (28, 33, 39))
"""Page, bars, axis and chance level, in red, green and blue."""

PAGE, BAR, AXIS, CHANCE = range(len(PALETTE))
LINE = 6
"""Thickness in pixels."""


@dataclass(frozen=True)
class Box:
    """A filled rectangle in pixels from the top left, ends left out."""

    left: int
    top: int
    right: int
    bottom: int
    colour: int


def preview_png(summary: ComparisonSummary) -> bytes:
    """The distribution of a comparison's hedging scores over [0, 1], and their chance level, as a PNG."""
    return png(list(boxes(summary.score_histogram, summary.chance_level)))


def boxes(counts: Sequence[int], chance: float | None) -> Iterator[Box]:
    """What is drawn, later ones over earlier ones."""
    bottom, inner = HEIGHT - MARGIN, WIDTH - 2 * MARGIN
    largest = max(counts, default=0) or 1
    for k, count in enumerate(counts):
        left, right = (MARGIN + round(inner * end / len(counts)) for end in (k, k + 1))
        yield Box(left, bottom - round((HEIGHT - 2 * MARGIN) * count / largest), right - 4, bottom, BAR)
    yield Box(MARGIN, bottom, WIDTH - MARGIN, bottom + LINE, AXIS)
    if chance is not None:
        x = MARGIN + round(inner * min(1.0, max(0.0, chance)))
        yield Box(x, MARGIN, x + LINE, bottom, CHANCE)


def png(shapes: Sequence[Box]) -> bytes:
    """An indexed PNG of `WIDTH` by `HEIGHT` pixels."""
    rows = []
    for y in range(HEIGHT):
        row = bytearray(WIDTH)
        for box in shapes:
            if box.top <= y < box.bottom:
                row[box.left : box.right] = bytes([box.colour]) * (box.right - box.left)
        rows.append(b"\0" + bytes(row))
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 3, 0, 0, 0)
    palette = bytes(value for colour in PALETTE for value in colour)
    parts = ((b"IHDR", head), (b"PLTE", palette), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
