"""Contexts as rows of tokens with marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.records import LatentScores, TextRow
from app.web.pages.contexts.marked import MarkedContext, MarkedToken, TokenMark
from app.web.shared.formatting import intensity
from app.web.shared.split import SplitContext
from app.web.shared.text import tokens_of

SHORT_BEFORE, SHORT_AFTER = 14, 8
"""Tokens of a short row."""

ALIKE_BEFORE, ALIKE_AFTER = 5, 2
"""Rows with the same tokens this far around the one they are about are near duplicates."""

Rows = Mapping[int, TextRow]


@dataclass(frozen=True)
class RowStyle:
    """How rows are shown.

    Attributes:
        marked: partners by mark: place among the latent's partners -> 1 … 3.
        is_short: whether they are cut to one line.
        with_duplicates: whether near duplicates are shown.
    """

    marked: Mapping[int, int]
    is_short: bool
    with_duplicates: bool


def marked_rows(
    contexts: Sequence[SplitContext], rows: Rows, latent: LatentScores, style: RowStyle
) -> tuple[tuple[MarkedContext, ...], int]:
    """(Rows, how many near duplicates were left out)."""
    shown, seen, n_hidden = [], set(), 0
    for context in contexts:
        tokens = tokens_of(rows, context.row, context.start, len(context.activations)) or ()
        key = _alike(tokens, context.position - context.start)
        if tokens and key in seen and not style.with_duplicates:
            n_hidden += 1
            continue
        seen.add(key)
        shown.append(_row(context, tokens, latent.max_activation, style))
    return tuple(shown), n_hidden


def _alike(tokens: Sequence[str], at: int) -> tuple[str, ...]:
    return tuple(token.strip().casefold() for token in tokens[max(0, at - ALIKE_BEFORE) : at + ALIKE_AFTER + 1])


def _row(context: SplitContext, tokens: Sequence[str], largest: float | None, style: RowStyle) -> MarkedContext:
    at = context.position - context.start
    first = max(0, at - SHORT_BEFORE) if style.is_short else 0
    last = at + SHORT_AFTER + 1 if style.is_short else len(tokens)
    marked = [
        MarkedToken(text, context.activations[k], intensity(context.activations[k], largest), _marks(context, k, style))
        for k, text in enumerate(tokens[:last])
    ]
    return MarkedContext(
        row=context.row,
        position=context.position,
        activation=context.activations[at],
        marks=_marks(context, at, style),
        before=tuple(marked[first:at]),
        centre=marked[at] if marked else None,
        after=tuple(marked[at + 1 :]),
    )


def _marks(context: SplitContext, at: int, style: RowStyle) -> tuple[TokenMark, ...]:
    found = []
    for place, slot in style.marked.items():
        values = context.others[place] if place < len(context.others) else ()
        if values and values[at] > 0:
            found.append(TokenMark(slot, values[at]))
    return tuple(sorted(found, key=lambda mark: mark.slot))
