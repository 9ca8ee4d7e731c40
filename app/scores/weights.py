"""What scores need of two SAEs, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

from app.arrays import Float32s, Int64s
from app.records import BySide


@dataclass(frozen=True)
class Weights:
    """One SAE's weights.

    Attributes:
        name: of the SAE, for messages.
        decoder: `[d_sae, d_in]` float32 rows at unit norm (zero rows stay zero).
        encoder: `[d_sae, d_in]` float32 rows.
        level: `[d_sae]` int64 Matryoshka level of each latent, 0 for the innermost.
    """

    name: str
    decoder: Float32s
    encoder: Float32s
    level: Int64s


@dataclass(frozen=True)
class ComparedWeights(BySide[Weights]):
    """Both SAEs' weights.

    Attributes:
        is_prefix: whether the narrow SAE's latents are the reference's first ones.
    """

    is_prefix: bool
