"""The intervention's estimator: what a latent lets go of along a direction that gets a latent of its own.

A latent that hedges holds a part of a feature it has no latent for, and lets go of it as soon as one is added (the idea
behind the hedging degree of Chanin, Dulka & Garriga-Alonso, *Feature Hedging*, arXiv 2505.11756). Here each of m
candidate directions is added in some runs and left out in others, at random, so that what any training does to a latent
cancels. Runs come in pairs, *blocks*: a random half of the candidates, then the other half, from the same start on the
same batches, next to one control with nothing added.

    fall of latent i along e_j      f_ij = -(d_i(extended) - d_i(control)) · e_j · sign(d_i(start) · e_j)
    release, of one block           f_ij(run that added j) - f_ij(run that did not)
    summed release of latent i      sum over j of 2 |d_i(start) · e_j| · release_ij

All rows have unit norm, so a release is in units of decoder norm, and the sum is, to first order, the share of the
latent's squared norm that it let go of. Arrays in, arrays out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.arrays import Flags, Float32s, Float64s, Int64s
from app.errors import ScoringError


def choose_candidates(mass: Float64s, n_firings: Int64s, best_cosine: Float64s, *, n: int, twin: float) -> Int64s:
    """`[at most n]` ascending indices of the reference latents to add, those with most predicted mass first.

    Where fewer have any, those that fire most often fill up.

    Args:
        mass: `[m]` predicted mass of each reference latent, summed over the narrow latents.
        n_firings: `[m]` tokens it fires on; one that never does is left out.
        best_cosine: `[m]` largest decoder cosine with a narrow latent: from `twin` on it has one already.
    """
    eligible = np.flatnonzero((n_firings > 0) & (best_cosine < twin))
    order = np.lexsort((-n_firings[eligible], -mass[eligible]))
    return np.sort(eligible[order[:n]])


def draw_splits(n_candidates: int, n_runs: int, seed: int) -> Flags:
    """`[n_runs, n_candidates]` which candidates each run adds: a random half, then the other half, and so on.

    So every candidate is added in exactly half of the runs. Halves of an odd number differ by one.

    Raises:
        ScoringError: fewer than two candidates, or a number of runs that is not even.
    """
    if n_candidates < 2:
        raise ScoringError(f"{n_candidates} candidates: expected at least 2, one to add and one to leave out")
    if n_runs < 2 or n_runs % 2:
        raise ScoringError(f"{n_runs} runs: expected an even number, since each split is run with its other half")
    rng = np.random.default_rng(seed)
    added = np.zeros((n_runs, n_candidates), dtype=np.bool_)
    for block in range(n_runs // 2):
        added[2 * block, rng.permutation(n_candidates)[: n_candidates // 2]] = True
        added[2 * block + 1] = ~added[2 * block]
    return added


@dataclass(frozen=True)
class Block:
    """Decoder rows of the original latents at the end of one block's runs, `[n, d_in]` at unit norm.

    Attributes:
        control: nothing added.
        first, second: the block's two runs, in the order of the splits.
    """

    control: Float32s
    first: Float32s
    second: Float32s


@dataclass(frozen=True)
class Releases:
    """Estimates over Q blocks, of n latents and m candidates.

    Attributes:
        cosine: `[n, m]` of the start's rows with the candidates'.
        fall_added, fall_not_added: `[n, m]` mean falls in the runs that added a candidate, and in those that did not.
        release: `[n, m]` their difference.
        se: `[n, m]` its standard error over blocks; NaN for one block.
        control_fall: `[n, m]` mean fall of the control itself, against the start.
        summed: `[n]` summed release; summed_se: its standard error over blocks, NaN for one block.
        n_blocks: Q.
    """

    cosine: Float64s
    fall_added: Float64s
    fall_not_added: Float64s
    release: Float64s
    se: Float64s
    control_fall: Float64s
    summed: Float64s
    summed_se: Float64s
    n_blocks: int


class ReleaseEstimator:
    """Takes block after block; holds a few `[n, m]` tables however many there are.

    Args:
        start: `[n, d_in]` unit decoder rows that all runs started from.
        directions: `[m, d_in]` unit rows of the candidates.
    """

    def __init__(self, start: Float32s, directions: Float32s) -> None:
        self._start = start
        self._directions = directions
        self._cosine: Float64s = (start @ directions.T).astype(np.float64)
        self._sums = {name: np.zeros_like(self._cosine) for name in ("with", "without", "square", "control")}
        self._totals: list[Float64s] = []

    def falls(self, rows: Float32s, against: Float32s) -> Float64s:
        """`[n, m]` how far the rows' components along the candidates fell, against other rows."""
        return -((rows - against) @ self._directions.T).astype(np.float64) * np.sign(self._cosine)

    def update(self, block: Block, added: Flags) -> None:
        """One more block.

        Args:
            added: `[2, m]` which candidates its runs added; the second row is the first one's opposite.

        Raises:
            ScoringError: it is not.
        """
        if (added[0] == added[1]).any():
            raise ScoringError("a candidate is added in both runs of a block, or in neither; expected in one of them")
        first, second = (self.falls(rows, block.control) for rows in (block.first, block.second))
        with_it, without = np.where(added[0], first, second), np.where(added[0], second, first)
        difference = with_it - without
        for name, value in (("with", with_it), ("without", without), ("square", difference**2)):
            self._sums[name] += value
        self._sums["control"] += self.falls(block.control, self._start)
        self._totals.append((2 * np.abs(self._cosine) * difference).sum(axis=1))

    def result(self) -> Releases:
        """The estimates from all blocks so far.

        Raises:
            ScoringError: there was none.
        """
        n = len(self._totals)
        if not n:
            raise ScoringError("no block of runs to estimate a release from; expected at least one")
        with_it, without = self._sums["with"] / n, self._sums["without"] / n
        release = with_it - without
        totals = np.stack(self._totals)
        # The mean of squares less the squared mean is rounded below 0 where all blocks agree.
        variance = np.maximum(self._sums["square"] / n - release**2, 0) * n / (n - 1) if n > 1 else release * np.nan
        spread = totals.std(axis=0, ddof=1) if n > 1 else totals[0] * np.nan
        return Releases(
            cosine=self._cosine,
            fall_added=with_it,
            fall_not_added=without,
            release=release,
            se=np.sqrt(variance / n),
            control_fall=self._sums["control"] / n,
            summed=totals.mean(axis=0),
            summed_se=spread / np.sqrt(n),
            n_blocks=n,
        )


def distance_moved(turns: Sequence[Float32s]) -> Float64s:
    """`[n]` how far latents turned because of what was added, without the noise of training.

    Of one run it is |t|² = 1 - cos²(extended, control). Of several with other batch orders it is the mean of
    `t · t'` over pairs of different runs: what is the same in all remains, independent noise has mean zero. So it may
    be slightly negative.

    Args:
        turns: `[n, d_in]` each, from `turn`.

    Raises:
        ScoringError: there is none.
    """
    if not turns:
        raise ScoringError("no run to measure a distance in; expected at least one")
    squares = sum((turn.astype(np.float64) ** 2).sum(axis=1) for turn in turns)
    n = len(turns)
    if n == 1:
        return np.asarray(squares)
    total = sum(turn.astype(np.float64) for turn in turns)
    return np.asarray(((np.asarray(total) ** 2).sum(axis=1) - squares) / (n * (n - 1)))


def turn(extended: Float32s, control: Float32s) -> Float32s:
    """`[n, d_in]` the part of the extended SAE's unit rows that is orthogonal to the control's."""
    along = np.einsum("nd,nd->n", extended, control)
    return np.asarray(extended - along[:, None] * control, dtype=np.float32)


def motion_cosines(change: Float32s, predicted: Float32s, *, least: float = 0.05) -> Float64s:
    """`[n]` cosine of each row's change with the predicted one; NaN where that is shorter than `least`."""
    lengths = np.linalg.norm(predicted, axis=1)
    size = np.linalg.norm(change, axis=1) * lengths
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((lengths >= least) & (size > 0), np.einsum("nd,nd->n", change, predicted) / size, np.nan)
