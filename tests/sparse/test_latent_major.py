from __future__ import annotations

import numpy as np

from tests.stats.dense_text import make_text


def test_entries_are_sorted_by_latent_then_token() -> None:
    text = make_text(seed=4)
    entries = text.whole()[1].by_latent
    latent, token = np.nonzero(text.reference.T)
    np.testing.assert_array_equal(entries.latent, latent)
    np.testing.assert_array_equal(entries.token, token)
    np.testing.assert_array_equal(entries.value, text.reference.T[latent, token])
    np.testing.assert_array_equal(np.diff(entries.starts), (text.reference > 0).sum(axis=0))


def test_values_at_every_cell() -> None:
    text = make_text(seed=5)
    latent, token = (index.ravel() for index in np.indices(text.reference.T.shape))
    found = text.whole()[1].by_latent.values_at(latent, token)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, text.reference.T.ravel())


def test_values_of_a_silent_shard_are_zero() -> None:
    entries = make_text(seed=5, active=0).whole()[1].by_latent
    assert entries.values_at(np.array([0, 3]), np.array([1, 0])).tolist() == [0, 0]
