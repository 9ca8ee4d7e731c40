"""Numbers and tokens as people read them. Pure: no HTML, no request."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from typing import Literal

from app.catalogue import ScoreSpec

UNDEFINED = "–"
SMALLEST = 0.001
"""Shares below it are shown as such: their fourth digit is noise."""
MINUS = "−"

INTENSITY_STEPS = 10
"""Steps of colour between a silent token and the latent's largest activation."""

PieceKind = Literal["text", "break", "mark"]

_JOINERS = "\u200c\u200d"
"""Invisible, but parts of words (Persian) and of composed emoji: shown as they are."""

_PICTURES = 0x2400
"""Unicode's pictures of the control characters U+0000 … U+001F start here."""

_INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


@dataclass(frozen=True)
class Piece:
    """A run of characters of a token that is shown in one way.

    Attributes:
        kind: `text` as it is; `break` a line break, shown as a mark and a break; `mark` a visible
            stand-in for a character that would be invisible or would reorder the text around it.
        text: what is shown.
        name: code point and Unicode name of what a mark stands for; empty for text.
    """

    kind: PieceKind
    text: str
    name: str = ""


def number(value: float | None) -> str:
    """A number in about three significant digits; whole numbers in full, with thousands separated.

    A value just below 1 is never rounded up to it: `1.000` would say "all".
    """
    if value is None:
        return UNDEFINED
    if isinstance(value, int):
        return _signed(value, f"{abs(value):,}")
    size = abs(value)
    if size == 0:
        return "0"
    if size < 0.001 or size >= 1e6:
        return _signed(value, f"{size:.1e}".replace("e-0", "e-").replace("e+0", "e+"))
    if size < 1 and f"{size:.3f}" == "1.000":
        return f"{'<' if value < 0 else '>'}{_signed(value, '0.999')}"
    return _signed(value, f"{size:,.{_decimals(size)}f}")


def percent(share: float | None) -> str:
    """A share in [0, 1] in percent, one decimal below 10 %, more below 0.1 %."""
    if share is None:
        return UNDEFINED
    value = 100 * share
    if 0 < abs(value) < 0.1:
        return f"{value:.{3 if abs(value) >= 0.01 else 4}f} %"
    return f"{value:.1f} %" if 0 < abs(value) < 10 or 99 < value < 100 else f"{value:.0f} %"


def file_size(n_bytes: int | None) -> str:
    """A number of bytes in the largest unit of which there is at least one."""
    if n_bytes is None:
        return UNDEFINED
    size, units = float(n_bytes), ["bytes", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.{0 if units[0] == 'bytes' or size >= 100 else 1}f} {units[0]}"


def duration(seconds: float | None) -> str:
    """A stretch of time in its two largest units."""
    if seconds is None:
        return UNDEFINED
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def of_spec(value: object, spec: ScoreSpec) -> str:
    """A value of a catalogue field: indices and levels plain, counts with thousands separated."""
    if value is None:
        return UNDEFINED
    if spec.kind == "flag":
        return "yes" if value else "no"
    if spec.kind == "integer" and not spec.unit:
        return str(value)
    if spec.shown == "percent" and isinstance(value, int | float):
        return percent(value)
    if spec.shown == "share" and isinstance(value, float) and 0 < value < SMALLEST:
        return f"<{SMALLEST}"
    return number(value) if isinstance(value, int | float) else plain(str(value))


def tenths(value: float | None) -> str:
    """A number with one decimal, so that a column of them can be compared at a glance."""
    return UNDEFINED if value is None else _signed(value, f"{abs(value):,.1f}")


def pieces(token: str) -> tuple[Piece, ...]:
    """A token cut into what can be shown as it is and what needs a stand-in."""
    found: list[Piece] = []
    for character in token:
        piece = _piece(character)
        if piece.kind == "text" and found and found[-1].kind == "text":
            piece = Piece("text", found.pop().text + character)
        found.append(piece)
    return tuple(found)


def plain(text: str) -> str:
    """A text on one line with stand-ins in place: for titles, tooltips and plots."""
    # True of most texts, and a hundred times faster than a look at each character.
    if text.isprintable():
        return text
    return "".join(piece.text for piece in pieces(text))


def intensity(activation: float, largest: float | None) -> int:
    """Colour step of an activation: 0 where silent, 1 … 10 in proportion to the largest."""
    if activation <= 0 or not largest:
        return 0
    return min(INTENSITY_STEPS, max(1, math.ceil(INTENSITY_STEPS * activation / largest)))


def _decimals(size: float) -> int:
    """Decimals that leave three to four significant digits for `0.001 <= size < 1e6`."""
    if size < 10:
        return 3
    return 1 if size < 1000 else 0


def _signed(value: float, digits: str) -> str:
    return MINUS + digits if value < 0 else digits


def _piece(character: str) -> Piece:
    if character == "\n":
        return Piece("break", "↵", "line break")
    if character == "\t":
        return Piece("mark", "⇥", "tab")
    if character in _JOINERS or unicodedata.category(character) not in _INVISIBLE:
        return Piece("text", character)
    code = f"U+{ord(character):04X}"
    name = f"{code} {unicodedata.name(character, '')}".strip()
    if ord(character) < 0x20:
        return Piece("mark", chr(_PICTURES + ord(character)), name)
    return Piece("mark", f"[{code}]", name)
