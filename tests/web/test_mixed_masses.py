"""The terms of a score as bars, with what was measured next to them in the same unit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.records import LatentScores, PairRelease
from app.web.shared.figures.mixed_masses import mixed_masses
from app.web.shared.latents import PartnerRow
from tests.builders import make_bundle

LATENT = LatentScores("narrow", 3, 0, "y", 100, 0.1)


def row(index: int, mass: float | None) -> PartnerRow:
    partner = next(iter(make_bundle().partners))
    low, high = (None, None) if mass is None else (mass - 0.01, mass + 0.01)
    return PartnerRow(
        replace(partner, index=index, mixed_mass=mass, mixed_mass_low=low, mixed_mass_high=high), index, "label"
    )


def release(index: int, value: float, cosine: float) -> PairRelease:
    return PairRelease(3, index, True, 0.1, cosine, value, 0.01, value - 0.02, value + 0.02, value, 0.0, 0.0)


def test_bars_are_masses_and_diamonds_what_was_let_go() -> None:
    plot = mixed_masses(LATENT, [row(9, None), row(4, 0.2), row(5, 0.1)], {5: release(5, 0.15, -0.4)})
    assert plot is not None
    series = {each.name: each.marks for each in plot.chart.series}
    assert [mark.x1 for mark in series["mixed mass"]] == [0.2, 0.1]
    assert [(mark.x0, mark.x1) for mark in series["95 % interval"]] == [
        pytest.approx((0.19, 0.21)),
        pytest.approx((0.09, 0.11)),
    ]
    (diamond,) = series["let go of, measured"]
    assert diamond.x0 == pytest.approx(2 * 0.4 * 0.15)
    assert [cells[0] for cells in plot.table.rows] == ["4", "5"]
    assert plot.table.rows[1][4:6] == ("0.120", "0.150")


def test_without_masses_there_is_nothing_to_draw() -> None:
    assert mixed_masses(LATENT, [row(9, None)], {}) is None
