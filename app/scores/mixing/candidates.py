"""Which reference latents may be mixed into a narrow latent, and what the joint regression says of each.

Every alive reference latent is tested by its co-firing (`Bonferroni`, 5 %). Of the significant ones stay those that
fire with the latent most significantly, that are nearest in direction, or that the joint regression gives most weight:
at most `BY_FIRING + NEAREST + BY_WEIGHT`, and the main partner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from app.arrays import Flags, Float32s, Float64s, Int64s
from app.records import BySide
from app.scores.mixing.composition import Composition, StretchErrors
from app.scores.mixing.masses import SPLIT_COSINE
from app.scores.mixing.products import SampleProducts
from app.scores.overlap import significant_z, standard_score
from app.stats.input_sample import Sample

MIN_FIRINGS = 30
"""Fewer firing tokens in the sample give no score."""

BY_FIRING, BY_COSINE = 16, 24
"""Partners that residual evidence is estimated with: the most significant ones, and the nearest in direction."""

BY_WEIGHT, NEAREST = 96, 32
"""Further candidates, of which the joint regression alone says something."""

MIN_COSINE = 0.02


@dataclass(frozen=True)
class Candidates:
    """Of one narrow latent, p reference latents, ascending.

    Attributes:
        latents: `[p]` which.
        main: reference latent whose activations and direction go with the latent's most, one of these; in a comparison
            of an SAE with its own prefix the latent itself, which is none of them.
        regressed: `[p]` whether residual evidence is estimated with it.
        sign: `[p]` of the co-firing; correlation: `[p]` of the activations.
        weight: `[2, p]` W from each half; error: `[p]` standard error of their mean.
        n_tested: reference latents with significant co-firing, all of which count as tests.
    """

    latents: Int64s
    main: int
    regressed: Flags
    sign: Float64s
    correlation: Float64s
    weight: Float32s
    error: Float64s
    n_tested: int


@dataclass(frozen=True)
class _Pairs:
    """One narrow latent with each reference latent, `[m]` each: standard score of the co-firing, correlation of the
    activations, cosine of the rows."""

    z: Float64s
    correlation: Float32s
    cosine: Float32s


class CandidateSearch:
    """Searches for a block of narrow latents, which share products of sparse matrices.

    Args:
        decoders: `[n, d]` and `[m, d]` unit rows.
        counted: `[m]` reference latents that can be partners.
        is_prefix: whether the narrow latents are the reference's first ones, none of which is counted.
        products: of the sample, if there are tables of them.
    """

    def __init__(
        self,
        sample: Sample,
        decoders: BySide[Float32s],
        counted: Flags,
        *,
        is_prefix: bool,
        products: SampleProducts | None = None,
    ) -> None:
        self._sample, self._decoders, self._counted, self._is_prefix = sample, decoders, counted, is_prefix
        self._halves = [Composition(sample, half, products) for half in (0, 1)]
        self._products = products
        self._errors = StretchErrors(sample.reference)
        acts = BySide(sample.narrow, sample.reference)
        self._fires = _ones(sample.reference_rows)
        self._n_firings = acts.map(lambda each: np.diff(each.indptr).astype(np.int64))
        self._mean, self._sd = acts.map(lambda each: each.mean(axis=0)), acts.map(_standard_deviation)
        self._threshold = significant_z(len(decoders.narrow) * max(int(counted.sum()), 1))

    def __call__(self, block: slice) -> list[Candidates | None]:
        """The candidates of each narrow latent of a block; None where it fires too seldom."""
        left_over = [half.left_over(block) for half in self._halves]
        weight = np.stack([half.weights(block, each) for half, each in zip(self._halves, left_over, strict=True)])
        both = np.concatenate(left_over)
        z, correlation = self._together(block)
        cosines = self._decoders.narrow[block] @ self._decoders.reference.T
        enough = self._n_firings.narrow[block] >= MIN_FIRINGS
        return [
            self._chosen(block.start + k, weight[:, k], both[:, k], _Pairs(z[k], correlation[k], cosines[k]))
            if enough[k]
            else None
            for k in range(len(enough))
        ]

    def _together(self, block: slice) -> tuple[Float64s, Float32s]:
        """`[k, m]` standard scores of the co-firing, and correlations of activations; 0 where not counted."""
        acts, n = self._sample.narrow[:, block].T, len(self._sample)
        counts = (_ones(acts) @ self._fires).toarray()
        z = standard_score(counts, self._n_firings.narrow[block, None], self._n_firings.reference, n)
        found = self._sums(block, acts) / np.float32(n)
        found -= np.outer(self._mean.narrow[block], self._mean.reference)
        found /= np.outer(self._sd.narrow[block], self._sd.reference)
        return np.where(self._counted, np.nan_to_num(z), 0.0), np.where(self._counted, found, 0.0)

    def _sums(self, block: slice, acts: sp.csr_array) -> Float32s:
        """`[k, m]` sums of products of activations; `acts` are the block's, by latent."""
        if self._products is not None:
            return np.asarray(self._products.crossed[:, block].sum(axis=0), dtype=np.float32)
        return np.asarray((acts @ self._sample.reference_rows).toarray())

    def _main(self, i: int, pairs: _Pairs) -> int:
        if self._is_prefix:
            return i
        return int(np.argmax(np.where(self._counted, pairs.correlation * np.maximum(pairs.cosine, 0), -1.0)))

    def _chosen(self, i: int, weight: Float32s, left_over: Float32s, pairs: _Pairs) -> Candidates:
        """From `[2, m]` W and `[T]` ã of latent i."""
        z, main = pairs.z, self._main(i, pairs)
        significant = np.flatnonzero(np.abs(z) > self._threshold)
        others = significant[significant != main]
        cosine, w, sign = np.abs(pairs.cosine[others]), weight[:, others], np.sign(z[others])
        agreed = np.where((np.sign(w) == sign).all(axis=0), np.abs(w.mean(axis=0)), 0.0)
        beside = np.union1d(_top(others, np.abs(z[others]), BY_FIRING), _top(others, cosine, BY_COSINE))
        rows = self._decoders.reference
        beside = beside[rows[beside] @ rows[main] < SPLIT_COSINE]
        further = _top(others, agreed * np.maximum(cosine, MIN_COSINE), BY_WEIGHT), _top(others, cosine, NEAREST)
        latents = np.unique(np.concatenate([beside, *further, [] if self._is_prefix else [main]])).astype(np.int64)
        return Candidates(
            latents=latents,
            main=main,
            regressed=np.isin(latents, beside),
            sign=np.sign(z[latents]),
            correlation=pairs.correlation[latents].astype(np.float64),
            weight=weight[:, latents],
            error=self._errors.of(latents, left_over),
            n_tested=max(len(significant), 1),
        )


def _top(latents: Int64s, values: Float32s | Float64s, k: int) -> Int64s:
    """The k latents of the largest values."""
    return latents[np.argsort(-values, kind="stable")[:k]]


def _standard_deviation(acts: sp.csc_array) -> Float64s:
    """`[n]` of each latent's activations."""
    mean, square = acts.mean(axis=0), acts.power(2).mean(axis=0)
    deviation: Float64s = np.sqrt(np.maximum(square - mean**2, 1e-30))
    return deviation


def _ones(acts: sp.csr_array) -> sp.csr_array:
    """A one for each firing; float32 counts the tokens of any sample exactly."""
    return sp.csr_array((np.ones(acts.nnz, dtype=np.float32), acts.indices, acts.indptr), shape=acts.shape)
