"""Candidates against a plain sort."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from app.scores.candidates import N_BY_COSINE, N_BY_OVERLAP, candidates_of

N_TOKENS = 400
N_REFERENCE = 90


def make_case(seed: int) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """(cosines, firings of 3 narrow latents, firings of the reference latents); ties are common."""
    rng = np.random.default_rng(seed)
    cosines = (rng.integers(-20, 21, N_REFERENCE) / 20).astype(np.float32)
    cosines[rng.random(N_REFERENCE) < 0.2] = np.nan
    density = rng.choice([0.0, 0.02, 0.3], N_REFERENCE)
    return cosines, rng.random((N_TOKENS, 3)) < 0.1, rng.random((N_TOKENS, N_REFERENCE)) < density


@pytest.mark.parametrize("seed", range(5))
def test_candidates_against_a_sort(seed: int) -> None:
    cosines, narrow, reference = make_case(seed)
    n_both = sp.csr_array(narrow.T.astype(np.int64) @ reference.astype(np.int64))
    n_j = reference.sum(axis=0)
    found = candidates_of(cosines, n_both, 1, n_i=int(narrow[:, 1].sum()), n_j=n_j, n_tokens=N_TOKENS)
    alive = [j for j in range(N_REFERENCE) if not np.isnan(cosines[j])]
    by_cosine = sorted(alive, key=lambda j: (-abs(cosines[j]), j))[:N_BY_COSINE]
    meeting = [j for j in alive if (narrow[:, 1] & reference[:, j]).any()]
    phi = {j: float(np.corrcoef(narrow[:, 1], reference[:, j])[0, 1]) for j in meeting}
    by_overlap = sorted(meeting, key=lambda j: (-round(phi[j], 9), j))[:N_BY_OVERLAP]
    assert found.tolist() == sorted({*by_cosine, *by_overlap})


def test_latents_that_are_no_match_take_no_place() -> None:
    """The most co-firing ones are excluded; the next ones move up."""
    cosines = np.zeros(60, dtype=np.float32)
    cosines[:20] = np.nan
    n_both = sp.csr_array(np.arange(60, 0, -1)[None, :])
    found = candidates_of(cosines, n_both, 0, n_i=60, n_j=np.full(60, 60), n_tokens=N_TOKENS)
    assert found.tolist() == list(range(20, 36))


def test_a_latent_that_never_fires_has_candidates_by_cosine() -> None:
    cosines = np.linspace(-1, 1, 40).astype(np.float32)
    n_both = sp.csr_array((1, 40), dtype=np.int64)
    found = candidates_of(cosines, n_both, 0, n_i=0, n_j=np.full(40, 5), n_tokens=N_TOKENS)
    assert len(found) == N_BY_COSINE
    assert {0, 39} <= set(found.tolist())
