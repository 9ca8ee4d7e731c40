"""Which part of a narrow latent lies with which reference latent: shares of its direction and of its activation.

For narrow latent i with partners j (the first one the main partner):

    decoder share     s_ij   of the explained squared norm of its decoder row    (decomposition.py)
    activation share  v_ij   of its explained activation variance                (regression below)

    decoder hedging     = sum of s_ij over j other than the main partner
    activation hedging  = sum of v_ij over j other than the main partner

Both count every other component, whatever its cause; mixed masses (`mixing`) say which of it is hedging. All
functions work on all narrow latents at once; lists of partners are padded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.arrays import RELATIVE_ZERO, Flags, Float64s, Int64s
from app.scores.partners import PartnerLists
from app.stats.collect import Statistics
from app.stats.pairs import PairTotals

MIN_FIRINGS = 30
"""A narrow latent that fires on fewer tokens has no activation hedging."""

RIDGE = 1e-6
"""Of the mean variance of the regressors: keeps the regression solvable when two are the same."""


@dataclass(frozen=True)
class PartnerMoments:
    """Sums over tokens for L narrow latents and up to K partners each.

    Attributes:
        n_tokens: tokens.
        n_i: `[L]` firings; sum_i, sum_ii: `[L]` sums of activations and of their squares.
        n_j: `[L, K]` firings of the partners; sum_j: `[L, K]` sums of their activations.
        n_both: `[L, K]` tokens on which both fire.
        sum_ij: `[L, K]` sums of products.
        sum_jk: `[L, K, K]` sums of products among the partners.
    """

    n_tokens: int
    n_i: Int64s
    sum_i: Float64s
    sum_ii: Float64s
    n_j: Int64s
    sum_j: Float64s
    n_both: Int64s
    sum_ij: Float64s
    sum_jk: Float64s


@dataclass(frozen=True)
class PartnerEvidence:
    """Of L narrow latents and their partners; NaN where undefined.

    Attributes:
        decoder, activation: `[L]` in [0, 1].
        activation_share: `[L, K]`.
    """

    decoder: Float64s
    activation: Float64s
    activation_share: Float64s


def partner_moments(
    statistics: Statistics, lists: PartnerLists, listed: PairTotals, products: Float64s
) -> PartnerMoments:
    """Moments over all tokens.

    Args:
        listed: of the valid pairs of the lists, in their order; products: `[L, K, K]` sums among the partners.
    """
    n_both, sum_products = np.zeros(lists.partners.shape, dtype=np.int64), np.zeros(lists.partners.shape)
    n_both[lists.valid], sum_products[lists.valid] = listed.n_both, listed.sum_products
    narrow, reference = statistics.narrow.firing, statistics.reference.firing
    return PartnerMoments(
        n_tokens=narrow.n_tokens,
        n_i=narrow.n_firings,
        sum_i=narrow.sum_activation,
        sum_ii=narrow.sum_squares,
        n_j=reference.n_firings[lists.partners] * lists.valid,
        sum_j=reference.sum_activation[lists.partners] * lists.valid,
        n_both=n_both,
        sum_ij=sum_products,
        sum_jk=products,
    )


def activation_shares(moments: PartnerMoments, valid: Flags) -> Float64s:
    """`[L, K]` share of each partner in the explained variance of the narrow latent's activation.

    Least squares of activation i on its partners' activations over all tokens; the explained
    variance is the sum over partners of `beta_j · Cov(i, j)`, negative terms counted as none.
    NaN where nothing is explained.
    """
    n = float(moments.n_tokens)
    cross = moments.sum_ij / n - moments.sum_i[:, None] * moments.sum_j / n**2
    gram = moments.sum_jk / n - moments.sum_j[:, :, None] * moments.sum_j[:, None, :] / n**2
    both_valid = valid[:, :, None] & valid[:, None, :]
    gram = np.where(both_valid, gram, 0.0)
    diagonal = np.einsum("lkk->lk", gram)
    ridge = RIDGE * diagonal.sum(axis=1) / np.maximum(valid.sum(axis=1), 1) + 1e-30
    width = valid.shape[1]
    # Padding gets a one on the diagonal, so that every system has a solution.
    gram = gram + np.eye(width) * np.where(valid, ridge[:, None], 1.0)[:, None, :]
    cross = np.where(valid, cross, 0.0)
    beta = np.linalg.solve(gram, cross[:, :, None])[:, :, 0]
    contribution = np.clip(beta * cross, 0, None)
    total = contribution.sum(axis=1, keepdims=True)
    explained = total > RELATIVE_ZERO * moments.sum_ii[:, None] / n
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(explained, contribution / total, np.nan)


def partner_evidence(moments: PartnerMoments, lists: PartnerLists) -> PartnerEvidence:
    """Shares of all narrow latents."""
    valid = lists.valid
    others = valid.copy()
    others[:, 0] = False
    activation_share = activation_shares(moments, valid)
    has_partner = valid[:, 0]
    enough = has_partner & (moments.n_i >= MIN_FIRINGS)
    scored = enough & np.isfinite(activation_share[:, 0])
    return PartnerEvidence(
        decoder=_total(lists.shares, others, has_partner),
        activation=_total(activation_share, others, scored),
        activation_share=activation_share,
    )


def _total(shares: Float64s, counted: Flags, defined: Flags) -> Float64s:
    """`[L]` sum of the counted shares, without the rounding that lifts it above 1; NaN where not defined."""
    total = np.where(counted, shares, 0.0).sum(axis=1)
    return np.where(defined, np.minimum(total, 1.0), np.nan)
