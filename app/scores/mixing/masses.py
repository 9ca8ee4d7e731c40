"""How a decoder row is written as a mixture of reference rows, as far as the activations support it.

    d_i  =  own part  +  sum over partners j of  w_ij e_j  +  rest

Rows of 4,096 latents in 576 dimensions can write any direction in countless ways, so each weight gets a prior scale
L_ij from the evidence (`composition.py`, `residuals.py`): the larger of |W_ij| and |<H_i, e_j>|, 0 where two halves of
the text disagree or the sign is not that of the pair's co-firing. The weights are the posterior mean under
w_ij ~ N(0, L_ij²) and white noise of variance NOISE: ridge regression with a prior for each row (Tipping, JMLR 1
(2001) 211, without its updates). Weights of the wrong sign are dropped and the others fitted again.

    composition mass   C_ij = w_ij <d_i, e_j>                  as the row is written
    residual mass      R_ij = beta_ij <e_j, h>                 as the residual says: h = the part of
                                                               sum of beta_ij e_j at right angles to d_i - that sum
    mixed mass         M_ij = max(C_ij, R_ij)                  each sees what the other misses

All masses are shares of the row's squared length 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dposv

from app.arrays import Float64s

NOISE = 1e-3
"""Variance of what no partner explains, per dimension of the row: of composition."""

RESIDUAL_NOISE = 3e-3
"""The same of H, which is estimated."""

MAIN_SCALE = 0.3
"""Prior scale of the main partner, at least: the latent's own feature needs no evidence."""

MIN_OF_H, MIN_OF_RESIDUAL = 0.03, 0.02
"""|<H, e>| below it says nothing; it is taken off the rest."""

NEGLIGIBLE = 1e-4
SPLIT_COSINE = 0.8
"""A partner this near to the latent's own reference row is a part of it."""

MIN_OWN_MASS = 0.005
"""Mass of the row that a latent stands for, at least."""

MIN_OWN = 0.2
"""Length that is left of a row without what H takes away, at least."""

ROUNDS = 4


@dataclass(frozen=True)
class Support:
    """What is known of one latent's p candidate partners; inner products only, so that nothing below is `[p, d]`.

    Attributes:
        gram: `[p, p]` of their unit rows; sign: `[p]` of their co-firing with the latent.
        weight: `[parts, p]` W.
        inside: `[parts, p]` <H, e_j> of the narrow residual's H within the span of the regressed rows.
        seen: `[2, parts, p]` <H, e_j> of both residuals' H. Both are 0 for candidates that are not regressed.
        main: place of the main partner, -1 where it is not one of them; correlation: `[p]` of activations.
    """

    gram: Float64s
    sign: Float64s
    weight: Float64s
    inside: Float64s
    seen: Float64s
    main: int
    correlation: Float64s


@dataclass(frozen=True)
class Masses:
    """`[p]` of each candidate; the own one and its near-duplicates have 0.

    Attributes:
        weight: w of the composition; composition, residual, mixed: masses; own: place of the own row, -1 for none.
    """

    weight: Float64s
    composition: Float64s
    residual: Float64s
    mixed: Float64s
    own: int


def masses(along: Float64s, support: Support, pair: tuple[int, int] = (0, 1), *, flip: bool = False) -> Masses:
    """Masses of one latent's candidates.

    Args:
        along: `[p]` <d_i, e_j>.
        pair: places in `PARTS` of two halves of the text.
        flip: for the chance level: residual evidence against the sign of co-firing.
    """
    weight = composition_weights(along, support, pair)
    composition = np.maximum(weight * along, 0)
    own = _own(composition, support)
    residual = residual_masses(along, support, pair, -support.sign if flip else support.sign)
    other = (support.gram[own] if own >= 0 else along) <= SPLIT_COSINE
    composition, residual = composition * other, residual * other
    return Masses(weight, composition, residual, np.maximum(composition, residual), own)


def _own(composition: Float64s, support: Support) -> int:
    """The candidate that the latent stands for: much of the row, and activations that go with it; -1 for none."""
    match = np.where(composition >= MIN_OWN_MASS, composition * np.maximum(support.correlation, 0), 0.0)
    return int(np.argmax(match)) if support.main >= 0 and match.max(initial=0.0) > 0 else -1


def composition_weights(along: Float64s, support: Support, pair: tuple[int, int]) -> Float64s:
    """`[p]` w of the row on its candidates."""
    agreed, seen = _agreed(support.weight, pair) * support.sign, _agreed(support.inside, pair) * support.sign
    scale = np.maximum(np.maximum(agreed, seen - MIN_OF_H), 0)
    sign = support.sign.copy()
    if support.main >= 0:
        scale[support.main], sign[support.main] = max(float(scale[support.main]), MAIN_SCALE), 1.0
    return ridge_with_signs(support.gram, along, scale, sign, NOISE)


def residual_masses(along: Float64s, support: Support, pair: tuple[int, int], sign: Float64s) -> Float64s:
    """`[p]` R: the smaller of what both residuals say."""
    both = [_residual_mass(along, support.gram, seen[list(pair)], sign) for seen in support.seen]
    return np.minimum(*both)


def _residual_mass(along: Float64s, gram: Float64s, seen: Float64s, sign: Float64s) -> Float64s:
    """`[p]` masses of H, written on the partners' rows.

    Args:
        seen: `[2, p]` <H, e_j> from two halves.
    """
    scale = np.maximum(_agreed(seen, (0, 1)) * sign - MIN_OF_RESIDUAL, 0)
    beta = ridge_with_signs(gram, seen.mean(axis=0), scale, sign, RESIDUAL_NOISE)
    if not beta.any():
        return np.zeros(len(beta))
    # mixed = sum of beta_j e_j; own = row - share * mixed; what counts of mixed is at right angles to own.
    on_rows, with_row = gram @ beta, float(beta @ along)
    squared = float(beta @ on_rows)
    share = 1.0 if 1 - 2 * with_row + squared >= MIN_OWN**2 else 0.8
    length_squared = max(1 - 2 * share * with_row + share**2 * squared, NEGLIGIBLE)
    with_own = (with_row - share * squared) / length_squared
    return np.maximum(beta * (on_rows - with_own * (along - share * on_rows)), 0)


def _agreed(parts: Float64s, pair: tuple[int, int]) -> Float64s:
    """`[p]` signed geometric mean of two halves, 0 where their signs differ: noise of the two does not add up."""
    product = parts[pair[0]] * parts[pair[1]]
    return np.where(product > 0, np.sign(parts[pair[0]]) * np.sqrt(np.abs(product)), 0.0)


def ridge_with_signs(gram: Float64s, along: Float64s, scale: Float64s, sign: Float64s, noise: float) -> Float64s:
    """`[p]` posterior mean of w in target = sum of w_j e_j + noise, w_j ~ N(0, scale_j²) of the given sign.

    Args:
        gram: `[p, p]` of the rows e; along: `[p]` <target, e_j>; scale, sign: `[p]`; noise: variance in a dimension.
    """
    weight = np.zeros(len(scale))
    left = np.flatnonzero(scale > NEGLIGIBLE)
    for _ in range(ROUNDS):
        if not len(left):
            break
        system = gram[np.ix_(left, left)] * np.outer(scale[left], scale[left])
        system[np.diag_indices(len(left))] += noise
        found = scale[left] * dposv(system, scale[left] * along[left])[1]
        weight[:] = 0
        weight[left] = found
        right = np.sign(found) == sign[left]
        if right.all():
            break
        left = left[right]
    return np.where(np.sign(weight) == sign, weight, 0.0)


def inside_span(gram: Float64s, seen: Float64s) -> Float64s:
    """`[..., p]` inner products of the projection onto the rows' span, from those of the vectors themselves.

    Args:
        gram: `[p, p]` of the rows; seen: `[..., p]` <vector, e_j>. In exact arithmetic both are the same; directions
            that the rows hardly reach, which would carry noise alone, are left out.
    """
    if not len(gram):
        return seen
    values, vectors = np.linalg.eigh(gram)
    kept = vectors[:, values > 1e-4 * values[-1]]
    return np.asarray(seen @ kept @ kept.T, dtype=np.float64)
