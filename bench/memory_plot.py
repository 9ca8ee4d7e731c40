"""Peak memory against tokens as an SVG picture, without a plotting library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 320, 70, 30, 20, 50
LINES = (
    ("peak_mib", "#0b6e4f", "whole comparison"),
    ("encoded_mib", "#b5542b", "after encoding"),
    ("start_mib", "#777", "SAEs loaded, nothing read"),
)
HEADROOM = 1.15
"""The axis reaches so much above the largest value."""


class _Axes:
    """Tokens on a logarithmic axis, MiB on a linear one from 0."""

    def __init__(self, points: Sequence[dict[str, Any]]) -> None:
        self.low, self.high = np.log10(points[0]["tokens"]), np.log10(points[-1]["tokens"])
        self.largest = max(point["peak_mib"] for point in points)

    def x(self, tokens: int) -> float:
        share = (np.log10(tokens) - self.low) / max(self.high - self.low, 1e-9)
        return float(LEFT + share * (WIDTH - LEFT - RIGHT))

    def y(self, mib: float) -> float:
        return float(HEIGHT - BOTTOM - mib / (HEADROOM * self.largest) * (HEIGHT - BOTTOM - TOP))


def plot(points: Sequence[dict[str, Any]]) -> str:
    """The picture.

    Args:
        points: by number of tokens, ascending; fields as in `bench/results/memory.json`.
    """
    axes = _Axes(points)
    lines = [part for line in LINES for part in _line(axes, points, *line)]
    return "\n".join([*_frame(), *_ticks(axes, points), *lines, "</svg>"]) + "\n"


def _frame() -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - 20}" fill="none" stroke="#444"/>',
        f'<text x="{LEFT}" y="15">peak memory, MiB</text>',
        f'<text x="{WIDTH - 20}" y="{HEIGHT - 8}" text-anchor="end">scored tokens</text>',
    ]


def _ticks(axes: _Axes, points: Sequence[dict[str, Any]]) -> list[str]:
    up = [
        f'<text x="{LEFT - 8}" y="{axes.y(mib) + 4:.0f}" text-anchor="end">{mib:,.0f}</text>'
        for mib in np.linspace(0, axes.largest, 5)
    ]
    across = [
        f'<text x="{axes.x(n):.0f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{n:,}</text>'
        for n in (point["tokens"] for point in points)
    ]
    return [*up, *across]


def _line(axes: _Axes, points: Sequence[dict[str, Any]], field: str, colour: str, label: str) -> list[str]:
    places = [(axes.x(point["tokens"]), axes.y(point[field])) for point in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    x, y = places[0]
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in places),
        f'<text x="{x + 8:.0f}" y="{y - 8:.0f}" fill="{colour}">{label}</text>',
    ]
