"""A chart as SVG: no script, no fonts of its own, colours by the style sheet.

Across, places are shares of the width, so that texts keep their size on any screen; upwards they are pixels. The
style sheet leaves room around the area for the texts of the axes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from markupsafe import Markup, escape

from app.web.shared.figures.chart import Axis, Chart, Mark, Series
from app.web.shared.figures.plot import Plot

RADIUS = {"circle": 4.0, "diamond": 7.0}
MANY = 800
"""Points of a series from which on they are small and have no texts of their own: each text costs a hundred bytes."""

FINE = 10_000
"""Steps of the grid on which many points are placed, across and upwards."""


def chart_svg(plot: Plot) -> Markup:
    """The plot as an `svg` element, with its title and description for those who can't see it."""
    chart = plot.chart
    name = escape(plot.name)
    inner = Markup("").join((*_grid(chart), *(part for series in chart.series for part in _series(chart, series))))
    return Markup(
        '<svg class="chart" role="img" aria-labelledby="{0}-svg-title" aria-describedby="{0}-svg-desc" '
        'width="100%" height="{1}"><title id="{0}-svg-title">{2}</title><desc id="{0}-svg-desc">{3}</desc>{4}</svg>'
    ).format(name, chart.height, plot.title, plot.description, inner)


def across(axis: Axis, value: float) -> str:
    """A place along the width, in percent."""
    return f"{100 * _share(axis, value):.2f}".rstrip("0").rstrip(".") + "%"


def upwards(chart: Chart, value: float) -> str:
    """A place along the height, in pixels from the top."""
    return f"{chart.height * (1 - _share(chart.y, value)):.1f}".removesuffix(".0")


def _share(axis: Axis, value: float) -> float:
    if axis.log:
        return math.log(value / axis.low) / math.log(axis.high / axis.low)
    return (value - axis.low) / (axis.high - axis.low)


def _grid(chart: Chart) -> Iterator[Markup]:
    bottom = str(chart.height)
    for tick in chart.y.ticks:
        yield _row(chart, tick.value, tick.text)
    yield Markup('<line class="axis" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(bottom)
    for tick in chart.x.ticks:
        x = across(chart.x, tick.value)
        yield Markup('<line class="axis" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
            x, bottom, chart.height + 4
        ) + Markup('<text class="x" x="{0}" y="{1}">{2}</text>').format(x, chart.height + 17, tick.text)
    if chart.y.inside:
        zero = across(chart.x, 0)
        yield Markup('<line class="axis" x1="{0}" x2="{0}" y1="0" y2="{1}"/>').format(zero, bottom)
    yield Markup('<text class="title" x="100%" y="{0}">{1}</text>').format(chart.height + 34, chart.x.title)
    yield Markup('<text class="title y" x="0" y="-10">{0}</text>').format(chart.y.title)


def _row(chart: Chart, value: float, text: str) -> Markup:
    """A tick of the axis on the left: a line and its text, or the name of a row above its bar."""
    y = upwards(chart, value)
    if chart.y.inside:
        return Markup('<text class="name" x="0" y="{0:g}">{1}</text>').format(float(y) - 3, text)
    line = "axis" if value == 0 else "grid"
    return Markup('<line class="{0}" x1="0" x2="100%" y1="{1}" y2="{1}"/>').format(line, y) + Markup(
        '<text class="y" x="0" dx="-8" y="{0:g}">{1}</text>'
    ).format(float(y) + 4, text)


def _series(chart: Chart, series: Series) -> Iterator[Markup]:
    if series.shape == "circle" and len(series.marks) > MANY:
        yield _cloud(chart, series)
        return
    draw = {"bar": _bar, "cell": _bar, "line": _line, "circle": _circle, "diamond": _diamond, "name": _name}[
        series.shape
    ]
    yield Markup('<g class="{0} {1}">').format(series.shape, series.tone)
    for mark in series.marks:
        yield draw(chart, mark)
    yield Markup("</g>")


def _title(mark: Mark) -> Markup:
    return Markup("<title>{0}</title>").format(mark.text) if mark.text else Markup("")


def _bar(chart: Chart, mark: Mark) -> Markup:
    low, high = sorted((_share(chart.x, mark.x0), _share(chart.x, mark.x1)))
    top, bottom = sorted((float(upwards(chart, mark.y0)), float(upwards(chart, mark.y1))))
    strength = "" if mark.strength == 1 else Markup(' fill-opacity="{0}"').format(f"{mark.strength:.2f}")
    return Markup('<rect x="{0:.2f}%" y="{1:g}" width="{2:.2f}%" height="{3:.1f}"{4}>{5}</rect>').format(
        100 * low, top, 100 * (high - low), bottom - top, strength, _title(mark)
    )


def _line(chart: Chart, mark: Mark) -> Markup:
    return Markup('<line x1="{0}" y1="{1}" x2="{2}" y2="{3}">{4}</line>').format(
        across(chart.x, mark.x0),
        upwards(chart, mark.y0),
        across(chart.x, mark.x1),
        upwards(chart, mark.y1),
        _title(mark),
    )


def _circle(chart: Chart, mark: Mark) -> Markup:
    return Markup('<circle cx="{0}" cy="{1}" r="{2:g}">{3}</circle>').format(
        across(chart.x, mark.x0), upwards(chart, mark.y0), RADIUS["circle"], _title(mark)
    )


def _diamond(chart: Chart, mark: Mark) -> Markup:
    # A path can't be placed by a share of the width; an svg around it can.
    r = f"{RADIUS['diamond']:g}"
    return Markup('<svg x="{0}" y="{1}"><path d="M0-{2} {2} 0 0 {2}-{2} 0z">{3}</path></svg>').format(
        across(chart.x, mark.x0), upwards(chart, mark.y0), r, _title(mark)
    )


def _name(chart: Chart, mark: Mark) -> Markup:
    """A text to the right of its place; to the left of it in the right half, where it might not fit."""
    is_right = _share(chart.x, mark.x0) > 0.5
    return Markup('<text class="name{0}" x="{1}" y="{2}" dx="{3}">{4}</text>').format(
        " end" if is_right else "", across(chart.x, mark.x0), upwards(chart, mark.y0), -8 if is_right else 8, mark.text
    )


def _cloud(chart: Chart, series: Series) -> Markup:
    """Many points as one path: strokes without length, whose round ends are not stretched with the grid."""
    places = "".join(
        f"M{FINE * _share(chart.x, mark.x0):.0f} {FINE * (1 - _share(chart.y, mark.y0)):.0f}h0" for mark in series.marks
    )
    return Markup(
        '<svg class="cloud {0}" viewBox="0 0 {1} {1}" preserveAspectRatio="none" width="100%" height="{2}">'
        '<path d="{3}"/></svg>'
    ).format(series.tone, FINE, chart.height, places)
