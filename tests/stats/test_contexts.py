from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
from hypothesis import example, given, settings
from numpy.typing import NDArray

from app.errors import ScoringError
from app.stats.contexts import BandContexts, ContextRows, TopContexts
from app.stats.firing_hash import hash_firings
from app.stats.histograms import EDGES, ActivationHistograms, quantile_edges
from tests.stats.dense_text import (
    RICH_PLAN,
    RICH_TEXT,
    DenseText,
    Plan,
    assert_same,
    make_text,
    one_row_each,
    plans,
    texts,
    to_shard,
)

Place = tuple[int, int, int, float]
"""(latent, row, position, activation)."""


def places(rows: ContextRows) -> list[Place]:
    columns = (rows.latent, rows.row, rows.position, rows.activation)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def firings(text: DenseText) -> list[Place]:
    token, latent = np.nonzero(text.reference)
    columns = (latent, text.row[token], text.position[token], text.reference[token, latent])
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


def top_by_sorting(text: DenseText, k: int) -> list[Place]:
    chosen = []
    for _, of_latent in groupby(firings(text), key=lambda place: place[0]):
        per_row = [min(group, key=lambda p: (-p[3], p[2])) for _, group in groupby(of_latent, key=lambda p: p[1])]
        chosen += sorted(per_row, key=lambda p: (-p[3], p[1]))[:k]
    return chosen


def hash_of(place: Place) -> int:
    latent, row, position, _ = place
    return int(hash_firings(np.array([latent]), np.array([row]), np.array([position], dtype=np.int32))[0])


def bands_by_sorting(text: DenseText, bands: NDArray[np.float64], excluded: set[tuple[int, int]], k: int) -> set[Place]:
    chosen: set[Place] = set()
    for latent, of_latent in groupby(firings(text), key=lambda place: place[0]):
        per_row = [min(group, key=hash_of) for _, group in groupby(of_latent, key=lambda p: p[1])]
        left = [place for place in per_row if place[:2] not in excluded]
        inner = bands[latent, 1:-1].tolist()
        for band in range(len(inner) + 1):
            inside = [p for p in left if sum(edge <= p[3] for edge in inner) == band]
            chosen.update(sorted(inside, key=hash_of)[:k])
    return chosen


def edges_of(text: DenseText) -> NDArray[np.float64]:
    histograms = ActivationHistograms(text.reference.shape[1])
    histograms.update(text.whole()[1])
    return histograms.finalize().bands()


def top_of(text: DenseText, k: int) -> ContextRows:
    top = TopContexts(text.reference.shape[1], k)
    top.update(text.whole()[1])
    return top.finalize()


def test_top_hand_worked() -> None:
    # Latent 0: row 0 fires twice at 2 (first counts), row 1 at 5, row 4 at 2 (a tie with row 0).
    acts = np.array([[2, 0], [2, 1], [5, 0], [0, 0], [2, 0]], dtype=np.float32)
    shard = to_shard(acts, np.array([0, 0, 1, 1, 4]), np.array([1, 2, 1, 2, 7], dtype=np.int32))
    top = TopContexts(2, k=2)
    top.update(shard)
    assert places(top.finalize()) == [(0, 1, 1, 5.0), (0, 0, 1, 2.0), (1, 0, 2, 1.0)]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(text=texts(), plan=plans)
@example(text=RICH_TEXT, plan=RICH_PLAN)
def test_top_equals_sorting_everything_under_any_split(text: DenseText, plan: Plan) -> None:
    width = text.reference.shape[1]
    found = plan.run(lambda: TopContexts(width, k=3), text, lambda top, _, shard: top.update(shard))
    assert places(found) == top_by_sorting(text, k=3)
    assert found.activation.dtype == np.float32


@settings(max_examples=30, deadline=None, derandomize=True)
@given(text=texts(), plan=plans)
@example(text=RICH_TEXT, plan=RICH_PLAN)
def test_bands_equal_sorting_everything_under_any_split(text: DenseText, plan: Plan) -> None:
    bands, top = edges_of(text), top_of(text, k=2)
    found = plan.run(lambda: BandContexts(bands, top, k=2), text, lambda sample, _, shard: sample.update(shard))
    excluded = set(zip(top.latent.tolist(), top.row.tolist(), strict=True))
    assert set(places(found)) == bands_by_sorting(text, bands, excluded, k=2)
    assert_same(found, plan.run(lambda: BandContexts(bands, top, k=2), text, lambda s, _, shard: s.update(shard)))


def test_a_row_is_shown_once_per_latent() -> None:
    text = make_text(seed=8, n_rows=60, active=0.7)
    top = top_of(text, k=4)
    sample = BandContexts(edges_of(text), top, k=3)
    sample.update(text.whole()[1])
    shown = [place[:2] for place in places(top) + places(sample.finalize())]
    assert len(shown) > 80
    assert len(set(shown)) == len(shown)


def test_the_band_is_that_of_the_shown_activation_and_sorted() -> None:
    text = make_text(seed=9, n_rows=40, active=0.7)
    bands = edges_of(text)
    sample = BandContexts(bands, top_of(text, k=1), k=2)
    sample.update(text.whole()[1])
    rows = sample.finalize()
    assert (bands[rows.latent, rows.band] <= rows.activation).all()
    assert (rows.activation < bands[rows.latent, rows.band + 1]).all()
    order = list(zip(rows.latent.tolist(), rows.band.tolist(), strict=True))
    assert order == sorted(order)


def test_every_row_of_a_band_is_as_likely() -> None:
    """Over many latents that all fire alike, which rows are sampled is even."""
    acts = np.ones((50, 400), dtype=np.float32)
    shard = to_shard(acts, np.arange(50), np.zeros(50, dtype=np.int32))
    bands = np.tile(EDGES[[80, 80, 81]], (400, 1))
    sample = BandContexts(bands, top_of(make_text(seed=0, active=0), k=1), k=5)
    sample.update(shard)
    rows = sample.finalize()
    counts = np.bincount(rows.row, minlength=50)
    assert counts.sum() == 400 * 5
    assert set(rows.band.tolist()) == {1}
    # Each row is expected 40 times, standard deviation 6.
    assert (np.abs(counts - 40) < 27).all()


def test_bands_of_a_latent_with_one_activation_value_are_one_band() -> None:
    bands = quantile_edges(np.array([[0, 4, 0]]), np.array([0.0, 1, 2, 3]))
    sample = BandContexts(bands, top_of(make_text(seed=0, active=0), k=1), k=9)
    sample.update(one_row_each([[1.5]] * 4))
    assert set(sample.finalize().band.tolist()) == {2}


def test_another_width_is_refused() -> None:
    shard = one_row_each([[1, 1]])
    with pytest.raises(ScoringError, match="expected 3"):
        TopContexts(3).update(shard)
    with pytest.raises(ScoringError, match="expected 3"):
        BandContexts(np.ones((3, 6)), TopContexts(3).finalize()).update(shard)
