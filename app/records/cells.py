"""How a narrow latent fires with the reference latents that matter most to it."""

from __future__ import annotations

from dataclasses import dataclass

from app.records.latent import LogitWeights, Neighbour


@dataclass(frozen=True)
class CellContext:
    """A stretch of one row of tokens, with the activations of a narrow latent and its partners.

    Attributes:
        cell: which partners fire at `position`: bit k for partner k.
        row: index of the row in the text; position: place in it of the token that the context is about.
        start: place in the row of the context's first token; it has `len(activations)` tokens.
        activations: of the latent on each token of the stretch, 0 where silent or not scored.
        partners: of each partner on the same tokens; an empty one is silent on all of them.
    """

    cell: int
    row: int
    position: int
    start: int
    activations: tuple[float, ...]
    partners: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class PlanePoint:
    """A token on which the latent fires: the input without what the SAE's other latents put in.

    Attributes:
        x: along the main partner's row; y: along the part of the mixed-in partner's row at right angles to it.
        cell: which partners fire there: bit k for partner k.
        token: as it is shown.
    """

    x: float
    y: float
    cell: int
    token: str


@dataclass(frozen=True)
class Plane:
    """Tokens and directions in the plane of the main partner's row and the largest mixed-in partner's.

    Attributes:
        row: `[2]` the latent's unit decoder row; corrected: `[2]` the same without its mixed-in parts, at length 1.
        mixed_in: `[2]` the mixed-in partner's unit row.
        spread: variances of the SAE's other decoder rows along x and y, and their covariance: what chance gives.
        points: some tokens of each cell.
    """

    row: tuple[float, float]
    corrected: tuple[float, float]
    mixed_in: tuple[float, float]
    spread: tuple[float, float, float]
    points: tuple[PlanePoint, ...]


@dataclass(frozen=True)
class CorrectedRow:
    """The decoder row without the parts of its named partners.

    Attributes:
        decoder_cosine: with the row itself.
        other_sae: the reference latents that are nearest to it, nearest first.
        logit_weights: None where there is no model.
    """

    decoder_cosine: float
    other_sae: tuple[Neighbour, ...]
    logit_weights: LogitWeights | None


@dataclass(frozen=True)
class FiringCells:
    """How a narrow latent fires with its main partner and its largest mixed-in ones.

    A cell is a set of partners: bit k of its number says that partner k fires. Of n partners there are 2^n cells.

    Attributes:
        partners: reference latents, the main partner first, then by mixed mass; empty where there is no main partner.
        edges: `[n_bins + 1]` of the histogram, in units of activation.
        histogram: of each cell, tokens on which the latent fires by its activation; empty for a cell without any.
        contexts: strongest firings of each cell, by cell.
        near_misses: of each partner, where it fires most strongly and the latent doesn't.
        shown_partners: of each context in the latent's detail, the activations of the partners behind the main one;
            an empty one is silent.
        plane: None without a mixed-in partner, or where no firing is in the sample of inputs.
        corrected: None where nothing is mixed in.
    """

    narrow_index: int
    partners: tuple[int, ...]
    edges: tuple[float, ...]
    histogram: tuple[tuple[int, ...], ...]
    contexts: tuple[CellContext, ...]
    near_misses: tuple[tuple[CellContext, ...], ...]
    shown_partners: tuple[tuple[tuple[float, ...], ...], ...]
    plane: Plane | None
    corrected: CorrectedRow | None

    @property
    def counts(self) -> tuple[int, ...]:
        """`[2^n]` tokens on which the latent fires, by cell."""
        return tuple(sum(bins) for bins in self.histogram)
