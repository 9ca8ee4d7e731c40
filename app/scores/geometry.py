"""Where the latents of both SAEs lie: decoder cosines both ways, and what chance would give."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from app.arrays import Flags, Float32s
from app.errors import ScoringError
from app.parallel import together
from app.records import BySide, Side, other_side
from app.scores.cosines import Nearest, nearest, neighbours
from app.scores.null import Null, null_of
from app.scores.weights import ComparedWeights
from app.stats.collect import Statistics

N_NEIGHBOURS = 10


@dataclass(frozen=True)
class SideGeometry:
    """Decoder cosines of one SAE's latents.

    Attributes:
        matchable: `[d_sae]` latents that can be the match of a latent of the other SAE.
        other_sae, same_sae: nearest latents in either SAE.
        c_dec: `[d_sae]` mean absolute cosine to the others of the same SAE.
        null: best cosines of isotropic random directions against the other SAE.
        data_null: the same of directions with the inputs' covariance.
    """

    matchable: Flags
    other_sae: Nearest
    same_sae: Nearest
    c_dec: Float32s
    null: Null
    data_null: Null


Geometry = BySide[SideGeometry]


def geometry_of(weights: ComparedWeights, statistics: Statistics) -> Geometry:
    """Cosines both ways; latents that never fire can't be a match.

    Where the narrow SAE is a prefix of the reference, its latents are left out of the reference:
    each would only find itself.

    Raises:
        ScoringError: the reference has no latent left.
    """
    fires = statistics.sides.map(lambda side: side.firing.n_firings > 0)
    matchable = BySide(fires.narrow, fires.reference.copy())
    if weights.is_prefix:
        matchable.reference[: len(fires.narrow)] = False
    if not matchable.reference.any():
        raise ScoringError(_nothing_to_compare_with(weights, statistics.co_firing.n_tokens))

    def measure(side: Side) -> SideGeometry:
        other = other_side(side)
        own_rows, other_rows, candidates = weights[side].decoder, weights[other].decoder, matchable[other]
        # A reference latent that is a narrow latent too would find itself.
        same = weights.is_prefix and side == "reference"
        (same_sae, c_dec), other_sae, null, data_null = together(
            partial(neighbours, own_rows, fires[side], N_NEIGHBOURS),
            partial(nearest, own_rows, other_rows, candidates, N_NEIGHBOURS, same=same),
            partial(null_of, other_rows, candidates),
            partial(null_of, other_rows, candidates, inputs=statistics.sample.inputs),
        )
        return SideGeometry(
            matchable=matchable[side],
            other_sae=other_sae,
            same_sae=same_sae,
            c_dec=c_dec,
            null=null,
            data_null=data_null,
        )

    return BySide.of(measure)


def _nothing_to_compare_with(weights: ComparedWeights, n_tokens: int) -> str:
    beyond = " beyond the narrow SAE" if weights.is_prefix else ""
    return (
        f"{weights.reference.name}: no latent{beyond} fires on the {n_tokens:,} scored tokens, so there is nothing to "
        "compare with; give more tokens or another reference"
    )
