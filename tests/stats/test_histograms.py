from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.errors import ScoringError
from app.stats import histograms as module
from app.stats.histograms import EDGES, N_BINS, ActivationHistograms, band_of, bin_of, quantile_edges
from tests.stats.dense_text import RICH_PLAN, RICH_TEXT, DenseText, Plan, assert_same, one_row_each, plans, texts


def test_edges_are_eight_an_octave_and_exact_at_powers_of_two() -> None:
    assert len(EDGES) == N_BINS + 1 == 193
    assert EDGES[::8].tolist() == [2.0**octave for octave in range(-10, 15)]
    np.testing.assert_allclose(EDGES[1:] / EDGES[:-1], 2 ** (1 / 8))


def test_bins_are_half_open_and_clipped_at_the_ends() -> None:
    below_one = np.nextafter(np.float32(1), np.float32(0))
    values = np.array([1.0, below_one, 2.0**-10, 1e-20, 2.0**14, 1e30], dtype=np.float32)
    assert bin_of(values).tolist() == [80, 79, 0, 0, N_BINS - 1, N_BINS - 1]


def test_values_next_to_every_edge_are_binned_as_searchsorted_says() -> None:
    at = EDGES.astype(np.float32)
    values = np.concatenate([np.nextafter(at, np.float32(0)), at, np.nextafter(at, np.float32(np.inf))])
    for value, found in zip(values.tolist(), bin_of(values).tolist(), strict=True):
        below = sum(edge <= value for edge in EDGES.tolist())
        assert found == min(max(below - 1, 0), N_BINS - 1)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(text=texts(), plan=plans)
@example(text=RICH_TEXT, plan=RICH_PLAN)
def test_equals_dense_under_any_split(text: DenseText, plan: Plan) -> None:
    width = text.reference.shape[1]
    table = plan.run(lambda: ActivationHistograms(width), text, lambda histograms, _, shard: histograms.update(shard))
    for latent, acts in enumerate(text.reference.T):
        np.testing.assert_array_equal(table.counts[latent], np.histogram(acts[acts > 0], EDGES)[0])
    assert table.counts.dtype == np.int32


def test_trimmed_keeps_what_lies_between_the_first_and_last_filled_bin() -> None:
    histograms = ActivationHistograms(2)
    histograms.update(one_row_each([[1.0, 0], [1.0, 0], [1.2, 0], [0, 0]]))
    trimmed = histograms.finalize().trimmed(0)
    assert trimmed.counts == (2, 0, 1)
    assert trimmed.edges == tuple(EDGES[80:84].tolist())


def test_trimmed_of_a_silent_latent_is_empty() -> None:
    trimmed = ActivationHistograms(1).finalize().trimmed(0)
    assert (trimmed.edges, trimmed.counts) == ((), ())


def test_quantile_edges_hand_worked() -> None:
    edges = np.arange(11.0)
    even = [0, 2, 2, 2, 2, 2, 0, 0, 0, 0]
    one_bin = [0, 0, 0, 7, 0, 0, 0, 0, 0, 0]
    heavy_end = [1, 1, 0, 0, 0, 0, 0, 0, 0, 98]
    silent = [0] * 10
    found = quantile_edges(np.array([even, one_bin, heavy_end, silent]), edges)
    assert found.tolist() == [
        [1, 2, 3, 4, 5, 6],
        [3, 3, 3, 4, 4, 4],
        [0, 2, 2, 10, 10, 10],
        [0, 0, 0, 0, 0, 0],
    ]


def test_a_tie_takes_the_lower_edge() -> None:
    # Half of the firings is 3; 2 lie below edge 1 and 4 below edge 2, equally near.
    assert quantile_edges(np.array([[2, 2, 2]]), np.arange(4.0), n=2).tolist() == [[0, 1, 3]]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    counts=st.lists(st.lists(st.integers(0, 9), min_size=6, max_size=6), min_size=1, max_size=4),
    n=st.integers(1, 7),
)
def test_quantile_edges_are_the_nearest_there_are(counts: list[list[int]], n: int) -> None:
    table, edges = np.array(counts), EDGES[:7]
    for row, found in zip(table, quantile_edges(table, edges, n), strict=True):
        assert (np.diff(found) >= 0).all()
        for q in range(1, n):
            below = row[edges[:-1] < found[q]].sum()
            best = min(abs(n * row[:cut].sum() - q * row.sum()) for cut in range(7))
            assert abs(n * below - q * row.sum()) == best
        if row.any():
            filled = np.flatnonzero(row)
            assert found[0] == edges[filled[0]]
            assert found[-1] == edges[filled[-1] + 1]


def test_bands_hold_about_a_fifth_of_many_firings_each() -> None:
    rng = np.random.default_rng(3)
    acts = np.exp(rng.normal(size=(5000, 1)) * 2).astype(np.float32)
    histograms = ActivationHistograms(1)
    histograms.update(one_row_each(acts.tolist()))
    bands = histograms.finalize().bands()
    counts = np.bincount(band_of(acts[:, 0], np.zeros(len(acts), dtype=np.int64), bands), minlength=5)
    # A bin of an eighth octave holds at most 1.8 % of these firings; an edge is off by half of it at most.
    assert counts.sum() == 5000
    assert counts / 5000 == pytest.approx(np.full(5, 0.2), abs=0.018)


def test_band_of_skips_empty_bands_and_is_open_at_the_ends() -> None:
    edges = np.array([[1.0, 2.0, 2.0, 4.0], [0.0, 0.5, 3.0, 5.0]])
    values = np.array([0.5, 1.0, 2.0, 3.9, 100.0], dtype=np.float32)
    assert band_of(values, np.zeros(5, dtype=np.int64), edges).tolist() == [0, 0, 2, 2, 2]
    assert band_of(values, np.array([0, 1, 1, 1, 0]), edges).tolist() == [0, 1, 1, 2, 2]


def test_more_tokens_than_can_be_counted_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TOKENS", 3)
    histograms, other = ActivationHistograms(1), ActivationHistograms(1)
    for each in (histograms, other):
        each.update(one_row_each([[1], [1]]))
    with pytest.raises(ScoringError, match="more than 3 tokens"):
        histograms.update(one_row_each([[1], [1]]))
    with pytest.raises(ScoringError, match="compare on parts of the text"):
        other.merge(other)


def test_what_was_finalized_stays() -> None:
    histograms = ActivationHistograms(1)
    before = histograms.finalize()
    histograms.update(one_row_each([[1]]))
    assert before.counts.sum() == 0
    assert_same(ActivationHistograms(1).finalize(), before)
