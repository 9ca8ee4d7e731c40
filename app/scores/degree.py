"""The paper's hedging degree: what a control SAE and the same SAE with new latents say about each other.

Source: Chanin, Dulka & Garriga-Alonso, *Feature Hedging: Correlated Features Break Narrow Sparse
Autoencoders*, arXiv 2505.11756, the section that defines the hedging degree.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.arrays import Flags, Float32s, Float64s
from app.errors import ScoringError
from app.records import LatentDegree

__all__ = ["HedgingDegree", "LatentDegree", "hedging_degree", "span"]

N_BASELINES = 50
"""Random subspaces of the baseline, as in the paper."""


@dataclass(frozen=True)
class HedgingDegree:
    """The hedging degree of one control/extended pair.

    Attributes:
        n_latents: original latents, those of the control.
        n_new: new latents, N.
        rank: dimension of the span of their decoder rows; smaller than N where they are dependent.
        mean_control_norm: mean norm of the control's decoder rows once folded to unit norm: 1.
        mean_change: mean norm of a latent's change, in and out of the span.
        raw: mean norm of the projected changes over `mean_control_norm`.
        baseline_mean, baseline_sd: of `raw` for random N-dimensional subspaces.
        degree: (raw - baseline_mean) / (1 - baseline_mean); at most 1, and below 0 where the changes
            avoid the span.
        latents: each original latent.
        reason: why raw, baseline or degree are None.
    """

    n_latents: int
    n_new: int
    rank: int
    n_baselines: int
    seed: int
    mean_control_norm: float
    mean_change: float
    raw: float | None
    baseline_mean: float | None
    baseline_sd: float | None
    degree: float | None
    latents: tuple[LatentDegree, ...]
    reason: str | None = None

    @property
    def shown_degree(self) -> float | None:
        """The degree for display, no smaller than 0.

        The value itself is kept as it is: a clamp hides how far below its baseline a pair lies.
        """
        return None if self.degree is None else max(0.0, self.degree)


def hedging_degree(
    control: Float32s, extended: Float32s, *, seed: int = 0, n_baselines: int = N_BASELINES
) -> HedgingDegree:
    """The hedging degree of a pair of decoders (arXiv 2505.11756).

    With rows folded to unit norm, the change of original latent i is
    `δ_i = W_dec_ext[i] − W_dec_ctl[i]`; P projects on the span of the N new rows:

        raw = mean_i |P δ_i| / mean_i |W_dec_ctl[i]|
        degree = (raw − baseline) / (1 − baseline)

    where baseline is the mean of `raw` over random N-dimensional subspaces. A latent that hedged
    lets go of a component as soon as a new latent can carry it, so its change lies in that span.

    The span comes from a singular value decomposition. An unpivoted QR decomposition cut at the
    rank keeps the first columns, which are not a basis of the span when early rows are dependent.

    Args:
        control: `[n, d_in]` decoder rows of any norm.
        extended: `[n + N, d_in]`; the first n latents are the control's.
        seed: of the random subspaces.
        n_baselines: how many there are, at least 2.

    Raises:
        ScoringError: the decoders do not fit each other, hold NaN or are zero.
    """
    _check(control, extended, n_baselines)
    n, d_in = control.shape
    n_new = len(extended) - n
    old, new = _unit_rows(control), _unit_rows(extended)
    change = new[:n] - old
    used = np.any(old, axis=1) & np.any(new[:n], axis=1)
    if not used.any():
        raise ScoringError("no original latent has a decoder row other than zero in both SAEs; nothing to compare")
    basis = span(new[n:])
    result = HedgingDegree(
        n_latents=n,
        n_new=n_new,
        rank=basis.shape[1],
        n_baselines=n_baselines,
        seed=seed,
        mean_control_norm=float(np.linalg.norm(old[used], axis=1).mean()),
        mean_change=float(np.linalg.norm(change[used], axis=1).mean()),
        raw=None,
        baseline_mean=None,
        baseline_sd=None,
        degree=None,
        latents=(),
    )
    if reason := _why_undefined(basis, n_new, d_in):
        nothing = tuple(LatentDegree(i, None, None, None, reason) for i in range(n))
        return replace(result, latents=nothing, reason=reason)
    projected = _projected_norms(change, basis) / result.mean_control_norm
    baselines = _baselines(change, n_new, seed, n_baselines) / result.mean_control_norm
    return _filled(result, projected, baselines, used)


def span(rows: NDArray[np.floating[Any]]) -> Float64s:
    """`[d_in, rank]` orthonormal basis of the span of `rows [N, d_in]`, by singular value decomposition.

    Rows come from float32 files: what their rounding alone could add is not counted as a direction.
    """
    if not rows.size:
        return np.zeros((rows.shape[1], 0))
    _, values, directions = np.linalg.svd(rows.astype(np.float64), full_matrices=False)
    tolerance = values.max() * max(rows.shape) * np.finfo(np.float32).eps
    return np.ascontiguousarray(directions[values > tolerance].T)


def _filled(result: HedgingDegree, projected: Float64s, baselines: Float64s, used: Flags) -> HedgingDegree:
    """The result with its numbers.

    Args:
        projected: `[n]` norms of the projected changes, relative to the mean control norm.
        baselines: `[n_baselines, n]` the same for random subspaces.
    """
    raw = float(projected[used].mean())
    draws = baselines[:, used].mean(axis=1)
    degree, reason = _beyond(raw, float(draws.mean()))
    return replace(
        result,
        raw=raw,
        baseline_mean=float(draws.mean()),
        baseline_sd=float(draws.std(ddof=1)),
        degree=degree,
        latents=tuple(map(_latent, range(len(used)), projected, baselines.mean(axis=0), used)),
        reason=reason,
    )


def _latent(index: int, raw: float, baseline: float, used: bool) -> LatentDegree:
    if not used:
        return LatentDegree(index, None, None, None, "its decoder row is zero in one of the two SAEs")
    degree, reason = _beyond(float(raw), float(baseline))
    return LatentDegree(index, float(raw), float(baseline), degree, reason)


def _beyond(raw: float, baseline: float) -> tuple[float | None, str | None]:
    """(degree, why there is none)."""
    if baseline >= 1:
        return None, f"random subspaces already hold {baseline:.2f} decoder norms of the change; expected less than 1"
    return (raw - baseline) / (1 - baseline), None


def _why_undefined(basis: Float64s, n_new: int, d_in: int) -> str | None:
    if n_new >= d_in:
        return f"{n_new} new latents in {d_in} dimensions: any {d_in} directions span everything; add fewer latents"
    if basis.shape[1] == 0:
        return "the new latents' decoder rows are all zero; they span nothing"
    return None


def _check(control: Float32s, extended: Float32s, n_baselines: int) -> None:
    if control.ndim != 2 or extended.ndim != 2 or control.shape[1] != extended.shape[1]:
        raise ScoringError(
            f"decoders of shape {list(control.shape)} and {list(extended.shape)}; expected two of the same d_in"
        )
    if len(extended) <= len(control) or len(control) == 0:
        raise ScoringError(
            f"{len(control)} control and {len(extended)} extended latents; expected the control's and some new ones"
        )
    if not (np.isfinite(control).all() and np.isfinite(extended).all()):
        raise ScoringError("a decoder holds NaN or infinite values; expected none")
    if n_baselines < 2:
        raise ScoringError(f"{n_baselines} random subspaces; expected at least 2, for a mean and a deviation")


def _unit_rows(rows: Float32s) -> Float64s:
    """Rows at unit norm; zero rows stay zero."""
    norms = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    unit: Float64s = rows / np.where(norms > 0, norms, 1.0)
    return unit


def _projected_norms(change: Float64s, basis: Float64s) -> Float64s:
    """`[n]` norms of the rows' projections: lengths are the same in the basis's own coordinates."""
    norms: Float64s = np.linalg.norm(change @ basis, axis=1)
    return norms


def _baselines(change: Float64s, n_new: int, seed: int, n_baselines: int) -> Float64s:
    """`[n_baselines, n]` norms of the projections on random subspaces.

    The span of independent Gaussian directions has no preferred orientation. They are independent
    with certainty, so that a QR decomposition does for their basis.
    """
    rng = np.random.default_rng(seed)
    draws = (np.linalg.qr(rng.standard_normal((change.shape[1], n_new)))[0] for _ in range(n_baselines))
    return np.stack([_projected_norms(change, basis) for basis in draws])
