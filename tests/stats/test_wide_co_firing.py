"""The table of pairs made by way of the disk is the dense one, whatever fits into memory."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest

from app.errors import ShardError
from app.stats import shard_buffer, wide_co_firing
from app.stats.wide_co_firing import WideCoFiring
from tests.stats.dense_text import DenseText, make_text, one_row_each


def run(text: DenseText, cuts: list[int], *, is_prefix: bool = False, bytes_: int = 1 << 20) -> WideCoFiring:
    left, right = text.narrow.shape[1], text.reference.shape[1]
    accumulator = WideCoFiring(left, right, is_prefix=is_prefix, bytes_=bytes_)
    for narrow, reference in text.shards(cuts):
        accumulator.update(narrow, reference)
    return accumulator


@pytest.mark.parametrize("bytes_", [1, 100, 1 << 20])
@pytest.mark.parametrize("entries", [1, 60, 1 << 20])
def test_counts_are_the_dense_ones(bytes_: int, entries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_buffer, "BUFFER_ENTRIES", entries)
    monkeypatch.setattr(wide_co_firing, "ROWS_AT_ONCE", 2)
    text = make_text(seed=11)
    table = run(text, [1, 3, 4], bytes_=bytes_).finalize()
    both = (text.narrow > 0).T.astype(np.int64) @ (text.reference > 0)
    assert table.n_tokens == len(text.narrow)
    assert table.n_both.dtype == np.int64
    np.testing.assert_array_equal(table.n_both.toarray(), both)


@pytest.mark.parametrize("is_prefix", [False, True])
def test_best_partners_are_those_of_all_pairs(is_prefix: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wide_co_firing, "KEPT_BY_COUNT", 1)
    monkeypatch.setattr(wide_co_firing, "KEPT_BY_PHI", 1)
    text = make_text(seed=5)
    text = DenseText(text.reference[:, :5], text.reference, text.row, text.position) if is_prefix else text
    table = run(text, [2], is_prefix=is_prefix, bytes_=100).finalize()
    fires = text.narrow > 0, text.reference > 0
    jaccard = np.array([[np.sum(a & r) / max(np.sum(a | r), 1) for r in fires[1].T] for a in fires[0].T])
    forth, back = jaccard.copy(), jaccard.copy()
    if is_prefix:
        forth[:, :5] = 0
        back[np.arange(5), np.arange(5)] = 0
    assert table.best is not None
    best = table.best
    for found, values, n in ((best.narrow, forth, fires[0].sum(0)), (best.reference, back.T, fires[1].sum(0))):
        expected = np.where(values.max(axis=1) > 0, values.argmax(axis=1), -1)
        np.testing.assert_array_equal(found.index, expected)
        np.testing.assert_allclose(found.jaccard, np.where(n > 0, values.max(axis=1), np.nan))


def test_the_most_frequent_and_the_most_correlated_pairs_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wide_co_firing, "KEPT_BY_COUNT", 2)
    monkeypatch.setattr(wide_co_firing, "KEPT_BY_PHI", 2)
    text = make_text(seed=7)
    table = run(text, []).finalize()
    both = (text.narrow > 0).T.astype(np.int64) @ (text.reference > 0)
    for i, counts in enumerate(both):
        kept = table.n_both.toarray()[i] > 0
        assert kept.sum() >= min(2, np.count_nonzero(counts))
        most = np.sort(counts[counts > 0])[-2:].tolist()
        assert np.sort(counts[kept])[len(counts[kept]) - len(most) :].tolist() == most
        met = np.flatnonzero(counts)
        with np.errstate(all="ignore"):
            phi = [np.corrcoef(text.narrow[:, i] > 0, text.reference[:, j] > 0)[0, 1] for j in met]
        for j in met[np.argsort(-np.nan_to_num(phi, nan=-2), kind="stable")[:1]]:
            assert kept[j]


def test_no_token_and_no_active_latent() -> None:
    assert WideCoFiring(2, 3).finalize().n_both.toarray().tolist() == [[0, 0, 0], [0, 0, 0]]
    silent = WideCoFiring(2, 3)
    silent.update(one_row_each([[0, 0]]), one_row_each([[0, 0, 0]]))
    table = silent.finalize()
    assert (table.n_tokens, table.n_both.nnz) == (1, 0)
    assert table.best is not None
    assert np.isnan(table.best.narrow.jaccard).all()


def test_one_token_on_which_all_fire() -> None:
    full = WideCoFiring(1, 3)
    full.update(one_row_each([[2]]), one_row_each([[1, 2, 3]]))
    table = full.finalize()
    assert table.n_both.toarray().tolist() == [[1, 1, 1]]
    assert table.best is not None
    assert table.best.reference.index.tolist() == [0, 0, 0]


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("the system has no device that is always full")
    with Path("/dev/full").open("r+b", buffering=0) as always_full:
        monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: always_full)
        accumulator = WideCoFiring(1, 3, folder=tmp_path)
        accumulator.update(one_row_each([[2]]), one_row_each([[1, 2, 3]]))
        with pytest.raises(
            ShardError, match=r"is full while co-firing is put aside there \(\d+ bytes to write, [\d,]+ free\); free"
        ):
            accumulator.finalize()


def test_what_is_put_aside_leaves_no_file(tmp_path: Path) -> None:
    accumulator = WideCoFiring(1, 3, folder=tmp_path)
    accumulator.update(one_row_each([[2]]), one_row_each([[1, 2, 3]]))
    accumulator.finalize()
    assert list(tmp_path.iterdir()) == []
