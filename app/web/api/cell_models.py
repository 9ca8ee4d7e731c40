"""The API's answers about contexts by cell."""

from __future__ import annotations

from dataclasses import dataclass

from app.records import Side


@dataclass(frozen=True)
class CellContextItem:
    """A stretch of tokens around a token of a cell.

    Attributes:
        row: index of the row in the text.
        position: place in the row of the token that the context is about.
        start: place in the row of the context's first token.
        activation: of the latent at that token.
        activations: of the latent on each token of the stretch.
        partner_activations: of each of `partners` on the same tokens.
        tokens: joined, they give the text; null if the comparison keeps no text.
    """

    row: int
    position: int
    start: int
    activation: float
    activations: tuple[float, ...]
    partner_activations: tuple[tuple[float, ...], ...]
    tokens: tuple[str, ...] | None


@dataclass(frozen=True)
class CellContexts:
    """Contexts of one latent by which of its partners fire.

    Attributes:
        sae: whose latent it is.
        index: of the latent in its SAE.
        cell: as requested.
        partner: latent of the other SAE that the cell is about; null for any mixed-in one.
        partners: that can be requested, the main one first.
        count: tokens in the cell.
        counts: of every cell, each for its usual partner.
        items: the strongest ones, strongest first.
        reason: why there are no cells; null where there are.
    """

    sae: Side
    index: int
    cell: str
    partner: int | None
    partners: tuple[int, ...]
    count: int | None
    counts: dict[str, int]
    items: tuple[CellContextItem, ...]
    reason: str | None
