"""Figures are plain data that says what the records say."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import orjson
import pytest

from app.records import ComparisonBundle, LatentScores, LogHistogram, PartnerDiagnosis
from app.web.shared.figures.activations import activation_histogram
from app.web.shared.figures.decomposition import ROLE_COLOURS, ROLE_TITLES, decomposition
from app.web.shared.figures.joint import joint_histogram
from app.web.shared.figures.levels import explained_variance, level_scores
from app.web.shared.figures.plot import Plot
from app.web.shared.figures.scores import score_distribution
from app.web.shared.figures.style import round_ticks
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
        level_scores(bundle.summary.narrow),
        decomposition(narrow(bundle, 0), rows_of(bundle, 0)),
        activation_histogram(detail.histogram),
        joint_histogram(pair),
    ]


def test_every_figure_is_json_with_axes_and_a_table(plots: list[Plot]) -> None:
    for plot in plots:
        figure = orjson.loads(orjson.dumps(plot.figure))
        assert figure["data"], plot.name
        assert {"xaxis", "yaxis"} <= set(figure["layout"])
        assert plot.table.rows
        assert all(len(row) == len(plot.table.head) for row in plot.table.rows)
        assert b"null" not in orjson.dumps([trace.get("x") for trace in figure["data"]])


def test_score_distribution_has_each_latent_once(bundle: ComparisonBundle) -> None:
    (trace,) = score_distribution(bundle.summary).figure["data"]
    assert sum(trace["y"]) == bundle.summary.n_scored
    assert trace["x"][0] == pytest.approx(0.025)
    assert trace["x"][-1] == pytest.approx(0.975)


def test_an_empty_distribution_is_drawn(bundle: ComparisonBundle) -> None:
    plot = score_distribution(replace(bundle.summary, score_histogram=(0,) * 20, n_scored=0))
    assert plot.table.rows == ()


def test_decomposition_colours_by_role_and_keeps_the_order(bundle: ComparisonBundle) -> None:
    rows = rows_of(bundle, 0)
    figure = decomposition(narrow(bundle, 0), rows).figure
    assert figure["data"][0]["name"] == "main partner"
    bars = [bar for trace in figure["data"] for bar in zip(trace["customdata"], trace["x"], strict=True)]
    drawn = {point[0]: weight for point, weight in bars}
    assert drawn == {row.index: row.partner.weight for row in rows}
    order = [name.split()[0] for name in figure["layout"]["yaxis"]["categoryarray"]]
    assert order == [str(row.index) for row in rows][::-1]


def test_text_of_plots_has_no_markup_and_nothing_invisible(bundle: ComparisonBundle) -> None:
    row = rows_of(bundle, 0)[0]
    figure = decomposition(narrow(bundle, 0), [replace(row, label="<b>\u202e&")]).figure
    assert figure["data"][0]["y"] == [f"{row.index}  &lt;b&gt;[U+202E]&amp;"]


def test_latents_with_one_label_have_a_bar_each(bundle: ComparisonBundle) -> None:
    rows = [replace(row, label="same") for row in rows_of(bundle, 0)]
    figure = decomposition(narrow(bundle, 0), rows).figure
    assert len({name for trace in figure["data"] for name in trace["y"]}) == len(rows)


def test_histogram_bars_cover_their_bins() -> None:
    (trace,) = activation_histogram(LogHistogram((0.5, 1.0, 4.0), (7, 3))).figure["data"]
    bars = [(x - w / 2, x + w / 2) for x, w in zip(trace["x"], trace["width"], strict=True)]
    assert bars == [(0.5, 1.0), (1.0, 4.0)]
    assert trace["y"] == [7, 3]


def test_joint_histogram_is_turned_for_the_plot(bundle: ComparisonBundle) -> None:
    pair = next(p for p in bundle.pairs if any(map(any, p.joint_counts)))
    (trace,) = joint_histogram(pair).figure["data"]
    i, j = next((i, j) for i, row in enumerate(pair.joint_counts) for j, n in enumerate(row) if n)
    assert trace["z"][j][i] == pair.joint_counts[i][j]
    assert 10 ** trace["x"][i] == pytest.approx(pair.narrow_edges[i])
    assert 10 ** trace["y"][j] == pytest.approx(pair.reference_edges[j])


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0.4, 6.0, [0.5, 1, 2, 5]), (0.02, 300, [0.1, 1, 10, 100]), (1, 10, [1, 2, 5, 10]), (3.0, 4.0, [3.0, 4.0])],
)
def test_round_ticks(low: float, high: float, ticks: list[float]) -> None:
    assert round_ticks(low, high) == ticks


def test_roles_have_a_colour_each() -> None:
    assert len(set(ROLE_COLOURS.values())) == len(ROLE_COLOURS)
    assert set(ROLE_COLOURS) == set(ROLE_TITLES) == set(get_args(PartnerDiagnosis))
