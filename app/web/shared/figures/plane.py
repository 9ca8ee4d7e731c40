"""The figure of a latent's firings in the plane of its main partner's direction and a mixed-in one's."""

from __future__ import annotations

import math
from collections.abc import Sequence

from app.records import FiringCells, Plane
from app.web.shared import formatting as show
from app.web.shared.figures.chart import Axis, Chart, Mark, Series, Tone, fitted_axis, line, point
from app.web.shared.figures.firing_cells import PARTS, Part
from app.web.shared.figures.plot import DataTable, Plot
from app.web.shared.figures.style import shortened

CHI_SQUARED = 5.991
"""95 % point with two degrees of freedom: how far out an ellipse has to be to hold 95 % of a normal cloud."""

STEPS = 48
"""Sides of the polygon that an ellipse is drawn as."""

TOKEN_CHARACTERS = 24

Place = tuple[float, float]


def plane_plot(cells: FiringCells, plane: Plane) -> Plot:
    """Tokens as points, directions as lines from the origin."""
    main, mixed_in = cells.partners[:2]
    scale = max((math.hypot(each.x, each.y) for each in plane.points), default=1.0) or 1.0
    ellipse = [(scale * x, scale * y) for x, y in chance_ellipse(plane.spread)]
    arrows = _arrows(plane, scale)
    series = (*_points(plane), Series("chance, 95 %", "muted", "line", _polygon(ellipse)), *arrows)
    ends = [(mark.x1, mark.y1) for each in arrows for mark in each.marks]
    places = [(0.0, 0.0), *((each.x, each.y) for each in plane.points), *ellipse, *ends]
    return Plot(
        name="plane",
        title="Where its tokens lie",
        description=f"Inputs on which the latent fires, less what the SAE's other latents put in: along the direction "
        f"of its main partner {main} (x axis) and along what is new in that of {mixed_in}, the largest mixed-in "
        "partner (y axis). A hedged row lies between two clouds. The ellipse holds 95 % of the SAE's other rows.",
        chart=Chart(
            _axis(f"Along {main}", [x for x, _ in places]),
            _axis(f"Along {mixed_in}", [y for _, y in places]),
            series,
            320,
        ),
        table=_table(plane),
    )


def chance_ellipse(spread: tuple[float, float, float]) -> list[Place]:
    """Corners of the ellipse around 0 that holds 95 % of a normal cloud of these variances and this covariance."""
    xx, yy, xy = spread
    # Cholesky: (a, 0; b, c) times a circle.
    a = math.sqrt(max(xx, 0.0))
    b = xy / a if a else 0.0
    c = math.sqrt(max(yy - b * b, 0.0))
    radius = math.sqrt(CHI_SQUARED)
    turns = [2 * math.pi * k / STEPS for k in range(STEPS)]
    return [(radius * a * math.cos(t), radius * (b * math.cos(t) + c * math.sin(t))) for t in turns]


def part_of(cell: int) -> Part:
    """The part of the firings that a cell belongs to."""
    return next(part for part in PARTS if part.has(cell))


def _points(plane: Plane) -> tuple[Series, ...]:
    found = []
    for part in PARTS:
        marks = tuple(
            point(each.x, each.y, f"“{shortened(each.token, TOKEN_CHARACTERS)}”")
            for each in plane.points
            if part.has(each.cell)
        )
        if marks:
            found.append(Series(part.name, part.tone, "circle", marks))
    return tuple(found)


def _arrows(plane: Plane, scale: float) -> tuple[Series, ...]:
    return (
        _arrow("decoder row", "narrow", plane.row, scale),
        *((_arrow("corrected row", "third", plane.corrected, scale),) if any(plane.corrected) else ()),
    )


def _arrow(name: str, tone: Tone, end: Place, scale: float) -> Series:
    """A line from the origin to a direction's end, at the length of the farthest point."""
    x, y = scale * end[0], scale * end[1]
    # Two strokes of the head, a tenth of its length.
    heads = [
        (x - 0.07 * (x * math.cos(turn) - y * math.sin(turn)), y - 0.07 * (x * math.sin(turn) + y * math.cos(turn)))
        for turn in (0.5, -0.5)
    ]
    text = f"{name}: {show.number(end[0])} along the main partner, {show.number(end[1])} along the mixed-in one"
    return Series(name, tone, "line", (Mark(0, 0, x, y, text), *(Mark(hx, hy, x, y, "") for hx, hy in heads)))


def _polygon(corners: Sequence[Place]) -> tuple[Mark, ...]:
    return line([point(x, y, "") for x, y in [*corners, corners[0]]])


def _axis(title: str, values: Sequence[float]) -> Axis:
    return fitted_axis(title, values)


def _table(plane: Plane) -> DataTable:
    return DataTable(
        ("Token", "Fires", "Along main", "Along mixed-in"),
        tuple(
            (shortened(each.token, TOKEN_CHARACTERS), part_of(each.cell).name, show.number(each.x), show.number(each.y))
            for each in plane.points
        ),
    )
