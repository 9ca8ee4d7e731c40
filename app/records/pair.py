"""A narrow latent with a reference latent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

PartnerDiagnosis = Literal["main", "hedged", "absorbed", "split", "unexplained"]


@dataclass(frozen=True)
class Partner:
    """A narrow latent and a reference latent of its decomposition or its hedging score, with the evidence.

    Attributes:
        narrow_index, index: the two latents; `index` is the reference latent's.
        rank: 0 for the main partner, then by descending share, then by descending mixed mass.
        level: Matryoshka level of the reference latent.
        weight: of the reference direction in the narrow latent's decomposition, 0 outside it.
        share: of the decomposition, in [0, 1].
        activation_share: of the narrow latent's explained activation variance, in [0, 1]; None outside the
            decomposition.
        n_both: tokens on which both fire; `n_narrow`, `n_reference`: on which each fires.
        jaccard, p_j_given_i, p_i_given_j, lift, phi: of the firings; `*_low`, `*_high`: 95 % Wilson.
        z: standard score of `n_both` under independence.
        mixed_mass: the term of the hedging score that it is; `*_low`, `*_high`: its 95 % interval. This and what
            follows is None for a partner that the score does not count, and in comparisons before scoring version 4.
        composition_mass, residual_mass: the two estimates of which the larger is the mixed mass.
        q_value: false discovery rate at which its evidence is significant.
        p_i_given_j_own_silent: share of `n_own_silent` tokens on which the narrow latent fires: those with this
            reference latent and without the main partner.
    """

    narrow_index: int
    index: int
    rank: int
    level: int
    decoder_cosine: float
    weight: float
    share: float
    activation_share: float | None
    n_both: int
    n_narrow: int
    n_reference: int
    jaccard: float | None
    jaccard_low: float | None
    jaccard_high: float | None
    p_j_given_i: float | None
    p_j_given_i_low: float | None
    p_j_given_i_high: float | None
    p_i_given_j: float | None
    lift: float | None
    phi: float | None
    z: float | None
    diagnosis: PartnerDiagnosis
    mixed_mass: float | None = None
    mixed_mass_low: float | None = None
    mixed_mass_high: float | None = None
    composition_mass: float | None = None
    residual_mass: float | None = None
    q_value: float | None = None
    p_i_given_j_own_silent: float | None = None
    n_own_silent: int | None = None

    @property
    def predicted_mass(self) -> float:
        """The part of the narrow latent's squared norm that the comparison says lies with this partner, 0 for none.

        Comparisons of scoring version 4 store it; older ones store the shares of a sparse decomposition, of which
        those of hedged partners count.
        """
        if self.mixed_mass is not None:
            return self.mixed_mass
        return self.share if self.diagnosis == "hedged" else 0.0


@dataclass(frozen=True)
class FiringTable:
    """Numbers of scored tokens on which both of two latents fire, only one, or neither."""

    both: int
    narrow_only: int
    reference_only: int
    neither: int


@dataclass(frozen=True)
class Overlap:
    """How much two latents fire together: the fields of `Partner` that follow from counts of tokens.

    `*_low` and `*_high` are 95 % Wilson intervals. None where a latent never fired.
    """

    jaccard: float | None
    jaccard_low: float | None
    jaccard_high: float | None
    p_j_given_i: float | None
    p_j_given_i_low: float | None
    p_j_given_i_high: float | None
    p_i_given_j: float | None
    lift: float | None
    phi: float | None
    z: float | None


@dataclass(frozen=True)
class PairContext:
    """A stretch of text around a token on which both latents of a pair fire, with the activations of both."""

    row: int
    position: int
    start: int
    narrow_activations: tuple[float, ...]
    reference_activations: tuple[float, ...]


@dataclass(frozen=True)
class PairDetail:
    """Joint behaviour of a narrow latent and one of its partners.

    Attributes:
        narrow_edges, reference_edges: log-spaced bin edges.
        joint_counts: `[n_narrow_bins][n_reference_bins]` tokens on which both fire.
        contexts: where both fire most strongly, each relative to its own maximum.
    """

    narrow_index: int
    reference_index: int
    narrow_edges: tuple[float, ...]
    reference_edges: tuple[float, ...]
    joint_counts: tuple[tuple[int, ...], ...]
    contexts: tuple[PairContext, ...]


@dataclass(frozen=True)
class PairProfile:
    """One narrow latent against every reference latent, so that any pair has a page.

    Attributes:
        indices: reference latents listed, ascending.
        n_both: tokens on which both fire.
        decoder_cosine: of the pair.
        complete: whether all reference latents are listed; else those that matter most are.
    """

    narrow_index: int
    indices: Sequence[int]
    n_both: Sequence[int]
    decoder_cosine: Sequence[float]
    complete: bool
