"""Figures are plain data that says what the records say."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import get_args

import pytest

from app.records import ComparisonBundle, LatentScores, LogHistogram, PartnerDiagnosis
from app.web.shared.figures.activations import activation_histogram
from app.web.shared.figures.decomposition import ROLE_TITLES, decomposition
from app.web.shared.figures.joint import joint_histogram
from app.web.shared.figures.levels import explained_variance, level_scores
from app.web.shared.figures.plot import Plot
from app.web.shared.figures.scores import score_distribution
from app.web.shared.figures.ticks import linear_ticks, log_ticks, tick_text
from app.web.shared.latents import PartnerRow


def rows_of(bundle: ComparisonBundle, index: int) -> list[PartnerRow]:
    labels = {latent.index: latent.label for latent in bundle.latents if latent.sae == "reference"}
    return [PartnerRow(p, p.index, labels[p.index]) for p in bundle.partners if p.narrow_index == index]


def narrow(bundle: ComparisonBundle, index: int) -> LatentScores:
    return next(latent for latent in bundle.latents if (latent.sae, latent.index) == ("narrow", index))


@pytest.fixture
def plots(bundle: ComparisonBundle) -> list[Plot]:
    """One of each, of the stored comparison."""
    detail = next(iter(bundle.details))
    pair = next(iter(bundle.pairs))
    return [
        score_distribution(bundle.summary),
        explained_variance(bundle.summary.narrow, bundle.summary.reference),
        level_scores(bundle.summary.narrow, bundle.summary.chance_level),
        decomposition(narrow(bundle, 0), rows_of(bundle, 0)),
        activation_histogram(detail.histogram),
        joint_histogram(pair),
    ]


def test_every_mark_and_tick_lies_within_the_axes(plots: list[Plot]) -> None:
    for plot in plots:
        chart = plot.chart
        marks = [mark for series in chart.series for mark in series.marks]
        assert marks, plot.name
        for axis, ends in (
            (chart.x, [v for mark in marks for v in (mark.x0, mark.x1)]),
            (chart.y, [v for mark in marks for v in (mark.y0, mark.y1)]),
        ):
            assert axis.ticks, plot.name
            values = [*ends, *(tick.value for tick in axis.ticks)]
            assert all(math.isfinite(v) and axis.low - 1e-9 <= v <= axis.high + 1e-9 for v in values), plot.name
        assert plot.table.rows
        assert all(len(row) == len(plot.table.head) for row in plot.table.rows)


def test_score_distribution_has_each_latent_once(bundle: ComparisonBundle) -> None:
    series, _ = score_distribution(bundle.summary).chart.series
    assert sum(bar.y1 for bar in series.marks) == bundle.summary.n_scored
    assert (series.marks[0].x0, series.marks[-1].x1) == (0, 1)


def test_an_empty_distribution_is_drawn(bundle: ComparisonBundle) -> None:
    plot = score_distribution(replace(bundle.summary, score_histogram=(0,) * 20, n_scored=0))
    assert plot.table.rows == ()


def test_decomposition_colours_by_role_and_has_the_largest_weight_on_top(bundle: ComparisonBundle) -> None:
    rows = rows_of(bundle, 0)
    chart = decomposition(narrow(bundle, 0), rows).chart
    assert chart.series[0].name == "main partner"
    drawn = {int(bar.text.partition(",")[0]): bar for series in chart.series for bar in series.marks}
    assert {index: bar.x1 for index, bar in drawn.items()} == {row.index: row.partner.weight for row in rows}
    from_top = sorted(drawn.values(), key=lambda bar: -bar.y0)
    sizes = [abs(bar.x1) for bar in from_top]
    assert sizes == sorted(sizes, reverse=True)
    names = [tick.text.split()[0] for tick in chart.y.ticks]
    assert names == [bar.text.partition(",")[0] for bar in from_top[::-1]]


def test_names_of_rows_have_nothing_invisible_in_them(bundle: ComparisonBundle) -> None:
    row = rows_of(bundle, 0)[0]
    chart = decomposition(narrow(bundle, 0), [replace(row, label="<b>\u202e&")]).chart
    assert chart.y.ticks[0].text == f"{row.index}  <b>[U+202E]&"


def test_latents_with_one_label_have_a_bar_each(bundle: ComparisonBundle) -> None:
    rows = [replace(row, label="same") for row in rows_of(bundle, 0)]
    chart = decomposition(narrow(bundle, 0), rows).chart
    assert len({bar.y0 for series in chart.series for bar in series.marks}) == len(rows)


def test_histogram_bars_cover_their_bins() -> None:
    chart = activation_histogram(LogHistogram((0.5, 1.0, 4.0), (7, 3))).chart
    (series,) = chart.series
    assert [(bar.x0, bar.x1, bar.y1) for bar in series.marks] == [(0.5, 1.0, 7), (1.0, 4.0, 3)]
    assert all(tick.value == int(tick.value) for tick in chart.y.ticks)


def test_joint_histogram_has_a_cell_where_there_are_tokens(bundle: ComparisonBundle) -> None:
    pair = next(p for p in bundle.pairs if any(map(any, p.joint_counts)))
    (series,) = joint_histogram(pair).chart.series
    cells = {(cell.x0, cell.y0): cell for cell in series.marks}
    counts = {
        (pair.narrow_edges[i], pair.reference_edges[j]): n
        for i, row in enumerate(pair.joint_counts)
        for j, n in enumerate(row)
        if n
    }
    assert {place: cell.text for place, cell in cells.items()} == {place: f"{n} tokens" for place, n in counts.items()}
    strongest = max(counts, key=lambda place: counts[place])
    assert cells[strongest].strength == 1


def test_shares_of_levels_are_drawn_from_0_to_1(bundle: ComparisonBundle) -> None:
    axis = level_scores(bundle.summary.narrow, bundle.summary.chance_level).chart.y
    assert (axis.low, axis.high) == (0, 1)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0.4, 6.0, [0.5, 1, 2, 5]), (0.02, 300, [0.1, 1, 10, 100]), (1, 10, [1, 2, 5, 10]), (3.0, 4.0, [3.0, 4.0])],
)
def test_ticks_of_a_log_axis_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert [tick.value for tick in log_ticks(low, high)] == ticks


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-1.05, 1.05, [-1, -0.5, 0, 0.5, 1]),
        (0, 3, [0, 1, 2, 3]),
        (0, 73_000, [0, 20_000, 40_000, 60_000]),
        (0.851, 0.902, [0.86, 0.87, 0.88, 0.89, 0.9]),
        (2, 2, [2]),
    ],
)
def test_ticks_of_a_linear_axis_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert [tick.value for tick in linear_ticks(low, high)] == ticks


def test_ticks_are_written_with_thousands_separated() -> None:
    assert [tick_text(v) for v in (65_536, -0.5, 0, 1000, 0.25)] == ["65,536", "−0.5", "0", "1,000", "0.25"]


def test_roles_have_a_title_each() -> None:
    assert set(ROLE_TITLES) == set(get_args(PartnerDiagnosis))
    assert len(set(ROLE_TITLES.values())) == len(ROLE_TITLES)


def test_the_chance_level_is_drawn_on_plots_of_the_score(bundle: ComparisonBundle) -> None:
    summary = bundle.summary
    assert summary.chance_level is not None
    for plot, across in ((score_distribution(summary), "x"), (level_scores(summary.narrow, summary.chance_level), "y")):
        (line,) = [series for series in plot.chart.series if series.name == "chance level"]
        (mark,) = line.marks
        assert {getattr(mark, f"{across}{end}") for end in (0, 1)} == {summary.chance_level}
    older = replace(summary, chance_level=None)
    assert all(series.name != "chance level" for series in score_distribution(older).chart.series)
