"""Charts as SVG: marks stand where the axes say, texts are escaped, those who can't see have title and description."""

from __future__ import annotations

import re
from typing import get_args
from xml.etree import ElementTree

import pytest

from app.paths import resource
from app.web.shared.figures.chart import Chart, Mark, Series, Shape, Tone, linear_axis, log_axis, names_axis, point
from app.web.shared.figures.plot import DataTable, Plot
from app.web.shared.figures.svg import MANY, chart_svg


def plot_of(chart: Chart, **rest: str) -> Plot:
    texts = {"name": "one", "title": "A title", "description": "What it shows.", **rest}
    return Plot(**texts, chart=chart, table=DataTable((), ()))


def drawn(chart: Chart, **rest: str) -> ElementTree.Element:
    return ElementTree.fromstring(chart_svg(plot_of(chart, **rest)))


def series(shape: Shape, *marks: Mark) -> tuple[Series, ...]:
    return (Series("", "narrow", shape, marks),)


def test_it_has_a_title_and_a_description() -> None:
    root = drawn(Chart(linear_axis("x", 0, 1), linear_axis("y", 0, 1), ()))
    by_id = {e.get("id"): e.text for e in root}
    assert root.get("role") == "img"
    assert by_id[root.get("aria-labelledby")] == "A title"
    assert by_id[root.get("aria-describedby")] == "What it shows."


def test_bars_have_their_place_and_size() -> None:
    chart = Chart(linear_axis("x", 0, 10), linear_axis("y", 0, 4), series("bar", Mark(2, 0, 3, 1, "one")), height=200)
    bar = drawn(chart).find(".//g[@class='bar narrow']/rect")
    assert bar is not None
    assert [bar.get(name) for name in ("x", "width", "y", "height")] == ["20.00%", "10.00%", "150", "50.0"]
    assert bar.findtext("title") == "one"


def test_a_negative_bar_ends_at_zero() -> None:
    chart = Chart(linear_axis("x", -1, 1), names_axis("", ["row"]), series("bar", Mark(0, 0.2, -0.5, -0.2, "")))
    root = drawn(chart)
    bar = root.find(".//g/rect")
    assert bar is not None
    assert (bar.get("x"), bar.get("width")) == ("25.00%", "25.00%")


def test_a_log_axis_has_ratios() -> None:
    chart = Chart(log_axis("x", 1, 100), linear_axis("y", 0, 1), series("circle", point(10, 0.5, "")), height=100)
    circle = drawn(chart).find(".//circle")
    assert circle is not None
    assert (circle.get("cx"), circle.get("cy")) == ("50%", "50")


@pytest.mark.parametrize("shape", ["bar", "circle", "diamond", "line", "cell"])
def test_texts_are_escaped(shape: Shape) -> None:
    nasty = "<script>&\"'"
    chart = Chart(linear_axis(nasty, 0, 1), names_axis(nasty, [nasty]), series(shape, Mark(0, 0, 1, 0, nasty)))
    root = drawn(chart, title=nasty, description=nasty)
    texts = [e.text for e in root.iter() if e.tag in ("title", "desc", "text")]
    assert texts.count(nasty) >= 5
    assert not list(root.iter("script"))


def test_many_points_are_one_path_with_all_of_them() -> None:
    points = [point(k / MANY, 0.5, f"{k}") for k in range(MANY + 1)]
    text = chart_svg(plot_of(Chart(linear_axis("x", 0, 1), linear_axis("y", 0, 1), series("circle", *points))))
    assert text.count("h0") == len(points)
    assert len(text) < 20 * len(points)


def test_every_tone_and_shape_has_a_style() -> None:
    css = resource("static").joinpath("css/charts.css").read_text()
    for tone in get_args(Tone):
        assert re.search(rf"\.{tone}\b[^{{]*\{{ --mark:", css), tone
