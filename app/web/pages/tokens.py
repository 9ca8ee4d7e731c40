"""Stored contexts and text rows, as a page shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.records import Context, PairContext, TextRow
from app.web.pages.contexts.common import ShownContext, ShownToken
from app.web.shared.formatting import intensity
from app.web.shared.text import tokens_of

GROUP_TITLES: Mapping[str, str] = {
    "top": "Strongest firings",
    "q5": "Top 20 % of its firings",
    "q4": "60–80 %",
    "q3": "40–60 %",
    "q2": "20–40 %",
    "q1": "Bottom 20 % of its firings",
}
"""Kinds of contexts, in the order in which they are shown."""

Rows = Mapping[int, TextRow]


def rows_of(contexts: Sequence[Context | PairContext]) -> list[int]:
    """The text rows that the contexts need, each once."""
    return sorted({context.row for context in contexts})


def shown_context(context: Context, rows: Rows, largest: float | None, other_largest: float | None) -> ShownContext:
    """A latent's context, with its main partner's activations if it has one."""
    centre = context.position - context.start
    return ShownContext(
        row=context.row,
        position=context.position,
        activation=context.activation,
        other=None if context.partner_activations is None else context.partner_activations[centre],
        tokens=_tokens(
            tokens_of(rows, context.row, context.start, len(context.activations)) or (),
            context.activations,
            context.partner_activations,
            (largest, other_largest),
            centre,
        ),
    )


def shown_pair_context(
    context: PairContext, rows: Rows, narrow_largest: float | None, reference_largest: float | None
) -> ShownContext:
    """A context of a pair: the narrow latent first, then the reference latent."""
    centre = context.position - context.start
    return ShownContext(
        row=context.row,
        position=context.position,
        activation=context.narrow_activations[centre],
        other=context.reference_activations[centre],
        tokens=_tokens(
            tokens_of(rows, context.row, context.start, len(context.narrow_activations)) or (),
            context.narrow_activations,
            context.reference_activations,
            (narrow_largest, reference_largest),
            centre,
        ),
    )


def _tokens(
    texts: Sequence[str],
    activations: Sequence[float],
    others: Sequence[float] | None,
    largest: tuple[float | None, float | None],
    centre: int,
) -> tuple[ShownToken, ...]:
    """Tokens with their activations; none if there is no text."""
    return tuple(
        ShownToken(
            text=text,
            activation=activations[k],
            other=None if others is None else others[k],
            strength=intensity(activations[k], largest[0]),
            other_strength=0 if others is None else intensity(others[k], largest[1]),
            centre=k == centre,
        )
        for k, text in enumerate(texts)
    )
