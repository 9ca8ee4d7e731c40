from __future__ import annotations

import numpy as np
import pytest

from app.activations.batch import TokenRows
from app.sparse import inputs
from app.sparse.inputs import in_sample, pack, sampled_rows, unpack


def rows_of(n_rows: int, length: int = 8) -> TokenRows:
    keep = np.ones((n_rows, length), dtype=np.bool_)
    keep[:, 0] = False
    return TokenRows(np.zeros((n_rows, length), dtype=np.int32), keep)


def test_a_short_text_is_kept_whole() -> None:
    assert sampled_rows(rows_of(100), 20, 90, 576).all()


def test_the_sample_of_a_long_text_thins_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "MAX_TOKENS", 700)
    rows = rows_of(10_000)
    chosen = sampled_rows(rows, 0, 10_000, 4)
    assert chosen[:100].all()
    # The first 100 rows, and then a share of 100 / row: 100 · ln(10,000 / 100) more.
    assert chosen.sum() == pytest.approx(100 * (1 + np.log(100)), rel=0.03)


def test_wide_inputs_are_fewer() -> None:
    rows = rows_of(20_000)
    assert sampled_rows(rows, 0, 20_000, 4096).sum() > 1.9 * sampled_rows(rows, 0, 20_000, 16_384).sum()
    assert in_sample(np.arange(20_000), 140_000, 16_384).sum() * 7 == pytest.approx((1 << 28) / 16_384, rel=0.01)


def test_shards_and_longer_texts_choose_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "MAX_TOKENS", 700)
    whole = sampled_rows(rows_of(1000), 0, 1000, 4)
    np.testing.assert_array_equal(sampled_rows(rows_of(1000), 300, 500, 4), whole[300:500])
    np.testing.assert_array_equal(sampled_rows(rows_of(600), 300, 500, 4), whole[300:500])


@pytest.mark.parametrize("largest", [1.0, 50_000.0, 3e6])
def test_packing_keeps_eleven_bits(largest: float) -> None:
    acts = np.random.default_rng(0).uniform(-1, 1, (5, 4)).astype(np.float32) * np.float32(largest)
    packed, scale = pack(acts)
    assert packed.dtype == np.float16
    assert np.isfinite(packed).all()
    np.testing.assert_allclose(unpack(packed, scale), acts, rtol=1e-3, atol=largest * 1e-7)


def test_no_rows_pack_to_nothing() -> None:
    packed, scale = pack(np.zeros((0, 4), dtype=np.float32))
    assert packed.shape == (0, 4)
    assert scale == 1.0


def test_what_a_comparison_reads_is_kept_and_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "MAX_TOKENS", 700)
    rows = rows_of(10_000)
    stored = sampled_rows(rows, 0, 10_000, 4)
    for n_rows in (50, 100, 1000, 10_000):
        read = in_sample(np.arange(n_rows), 7 * n_rows, 4)
        assert not (read & ~stored[:n_rows]).any()
        assert read.sum() == pytest.approx(min(n_rows, 100), abs=2)


def test_what_a_comparison_reads_comes_from_all_of_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "MAX_TOKENS", 700)
    tenths = in_sample(np.arange(10_000), 70_000, 4).reshape(10, 1000).sum(axis=1)
    assert tenths.tolist() == pytest.approx([10] * 10, abs=2)
