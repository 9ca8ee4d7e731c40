from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from app.records import BySide
from app.stats.best_partners import RunningBest, best_of_rows, best_partners


def test_latents_that_meet_none_have_no_overlap() -> None:
    found = best_of_rows(sp.csr_array((2, 3), dtype=np.int64), np.array([5, 0]), np.array([4, 4, 4]))
    assert found.index.tolist() == [-1, -1]
    np.testing.assert_array_equal(found.jaccard, [0, np.nan])


@pytest.mark.parametrize("is_prefix", [False, True])
def test_a_latent_at_a_time_gives_the_same(is_prefix: bool) -> None:
    rng = np.random.default_rng(0)
    reference = rng.random((300, 9)) < 0.2
    narrow = reference[:, :4] if is_prefix else rng.random((300, 4)) < 0.2
    n_both = sp.csr_array(narrow.T.astype(np.int64) @ reference.astype(np.int64))
    n_firings = BySide(narrow.sum(axis=0), reference.sum(axis=0))
    whole = best_partners(n_both, n_firings, is_prefix=is_prefix)
    running = RunningBest(n_firings, is_prefix=is_prefix)
    for i in range(4):
        entries = slice(n_both.indptr[i], n_both.indptr[i + 1])
        running.update(i, n_both.indices[entries].astype(np.int64), n_both.data[entries].astype(np.int32))
    for side, found in running.finalize().items():
        np.testing.assert_array_equal(found.index, whole[side].index)
        np.testing.assert_array_equal(found.jaccard, whole[side].jaccard)
    assert (whole.narrow.index >= 4).all() or not is_prefix
