from __future__ import annotations

import numpy as np

from app.stats.by_latent import by_latent, expand
from tests.stats.dense_text import make_text


def test_entries_are_sorted_by_latent_then_token() -> None:
    text = make_text(seed=4)
    entries = by_latent(text.whole()[1])
    latent, token = np.nonzero(text.reference.T)
    np.testing.assert_array_equal(entries.latent, latent)
    np.testing.assert_array_equal(entries.token, token)
    np.testing.assert_array_equal(entries.value, text.reference.T[latent, token])
    np.testing.assert_array_equal(np.diff(entries.starts), (text.reference > 0).sum(axis=0))


def test_values_at_every_cell() -> None:
    text = make_text(seed=5)
    latent, token = (index.ravel() for index in np.indices(text.reference.T.shape))
    found = by_latent(text.whole()[1]).values_at(latent, token)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, text.reference.T.ravel())


def test_values_of_a_silent_shard_are_zero() -> None:
    entries = by_latent(make_text(seed=5, active=0).whole()[1])
    assert entries.values_at(np.array([0, 3]), np.array([1, 0])).tolist() == [0, 0]


def test_expand_writes_ranges_out() -> None:
    owner, index = expand(np.array([5, 7, 0]), np.array([7, 7, 3]))
    assert owner.tolist() == [0, 0, 2, 2, 2]
    assert index.tolist() == [5, 6, 0, 1, 2]


def test_expand_of_nothing() -> None:
    owner, index = expand(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    assert (len(owner), len(index)) == (0, 0)
