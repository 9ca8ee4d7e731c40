from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.errors import ShardError
from app.sparse.csr import concatenate
from tests.stats.dense_text import assert_same, make_text, one_row_each


def test_matrices_are_the_dense_ones() -> None:
    shard = one_row_each([[0, 2, 1], [0, 0, 0], [3, 0, 0]])
    assert shard.n_tokens == 3
    assert shard.csr(np.float64).toarray().tolist() == [[0, 2, 1], [0, 0, 0], [3, 0, 0]]
    assert shard.firings(np.int32).toarray().tolist() == [[0, 1, 1], [0, 0, 0], [1, 0, 0]]
    assert shard.firings(np.int32).dtype == np.int32


@pytest.mark.parametrize("width", [0, 1, 4, 11])
def test_select_is_the_prefix(width: int) -> None:
    text = make_text(seed=1)
    prefix = text.whole()[1].select(width)
    assert prefix.n_latents == width
    assert prefix.indptr.dtype == np.int64
    np.testing.assert_array_equal(prefix.csr(np.float32).toarray(), text.reference[:, :width])


def test_select_wider_than_the_sae_is_the_sae() -> None:
    shard = make_text(seed=1).whole()[0]
    assert_same(shard.select(100), shard)


def test_concatenate_puts_shards_together_again() -> None:
    text = make_text(seed=2)
    parts = [reference for _, reference in text.shards([0, 2, 3, 3])]
    assert_same(concatenate(parts), text.whole()[1])


def test_arrays_that_do_not_fit_are_refused() -> None:
    shard = one_row_each([[0, 2], [1, 0]])
    with pytest.raises(ShardError, match="2 tokens with active latents, 1 rows and 2 positions"):
        replace(shard, row=shard.row[:1])
    with pytest.raises(ShardError, match="1 latents and 2 activations, expected 2"):
        replace(shard, latent=shard.latent[:1])
