"""Fifths of the firings on pages are those by which contexts were chosen."""

from __future__ import annotations

import numpy as np
import pytest

from app.records import LogHistogram
from app.stats.histograms import quantile_edges
from app.web.shared.fifths import fifths
from tests.builders import make_bundle


def test_they_are_the_bands_of_the_contexts() -> None:
    checked = 0
    for detail in make_bundle().details:
        if not detail.histogram.counts:
            continue
        counts, edges = np.array([detail.histogram.counts]), np.array(detail.histogram.edges)
        bands, found = quantile_edges(counts, edges)[0], fifths(detail.histogram)
        assert [each.low for each in found] == bands[:-1].tolist()
        assert [each.high for each in found] == bands[1:].tolist()
        assert sum(each.n for each in found) == sum(detail.histogram.counts)
        for context in detail.contexts:
            if context.kind != "top":
                band = found[int(context.kind[1:]) - 1]
                assert band.low <= context.activation <= band.high
                checked += 1
    assert checked > 20


def test_one_bin_makes_one_fifth() -> None:
    found = fifths(LogHistogram((1.0, 2.0), (7,)))
    # Two fifths are nearer to no firing below than to all, two are nearer to all.
    assert [each.n for each in found] == [0, 0, 7, 0, 0]
    assert found[-1].high == pytest.approx(2.0)
