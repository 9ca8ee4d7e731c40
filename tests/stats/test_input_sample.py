from __future__ import annotations

import numpy as np

from app.records import BySide
from app.sparse.csr import SparseActs
from app.stats.input_sample import InputSample, Sample


def shard(row: int, rng: np.random.Generator) -> tuple[BySide[SparseActs], np.ndarray, np.ndarray]:
    """A row of five tokens, four of whose inputs were kept."""
    acts = []
    for n_latents in (3, 4):
        dense = np.maximum(rng.standard_normal((5, n_latents)), 0).astype(np.float32)
        token, latent = np.nonzero(dense)
        indptr = np.concatenate([[0], np.cumsum((dense > 0).sum(axis=1))])
        place = np.arange(5, dtype=np.int32)
        acts.append(
            SparseActs(
                indptr, latent.astype(np.int32), dense[token, latent], np.full(5, row, dtype=np.int64), place, n_latents
            )
        )
    return BySide(*acts), np.array([0, 1, 3, 4]), rng.standard_normal((4, 2)).astype(np.float32)


def same(one: Sample, other: Sample) -> None:
    np.testing.assert_array_equal(one.inputs, other.inputs)
    np.testing.assert_array_equal(one.narrow.toarray(), other.narrow.toarray())
    np.testing.assert_array_equal(one.reference.toarray(), other.reference.toarray())
    np.testing.assert_array_equal(one.bounds, other.bounds)
    np.testing.assert_array_equal(one.row, other.row)
    np.testing.assert_array_equal(one.position, other.position)


def test_the_order_of_shards_and_merging_change_nothing() -> None:
    rng = np.random.default_rng(0)
    shards = [shard(row, rng) for row in range(9)]
    whole, backwards, first, second = (InputSample(BySide(3, 4), 2) for _ in range(4))
    for each in shards:
        whole.update(*each)
    for each in reversed(shards):
        backwards.update(*each)
    for n, each in enumerate(shards):
        (first if n % 3 else second).update(*each)
    first.merge(second)
    sample = whole.finalize()
    same(backwards.finalize(), sample)
    same(first.finalize(), sample)
    assert len(sample) == 36
    assert np.diff(sample.bounds).tolist() == [12, 8, 8, 8]
    assert sample.row.tolist() == np.repeat([0, 4, 8, 1, 5, 2, 6, 3, 7], 4).tolist()
    assert sample.position.tolist() == [0, 1, 3, 4] * 9
    np.testing.assert_array_equal(sample.inputs[:4], shards[0][2])
    np.testing.assert_array_equal(
        sample.narrow.toarray()[:4], shards[0][0].narrow.csr(np.float32).toarray()[[0, 1, 3, 4]]
    )


def test_no_shards_give_an_empty_sample() -> None:
    sample = InputSample(BySide(3, 4), 2).finalize()
    assert len(sample) == 0
    assert sample.narrow.shape == (0, 3)
