"""The pictures of the documentation, drawn from the figures that are kept next to it.

    pip install -c constraints.txt '.[figures]'
    python -m bench.figures

Reads `docs/data/validation/worlds.json` and `bench/results/balancing-*.json`, writes `docs/images/*.svg`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from app.lab.scoring import TITLES
from app.lab.trained import PERFECT
from bench.output import read_results

DOCS = Path(__file__).parent.parent / "docs"
BLUE, ORANGE, GREY, GREEN = "#0072b2", "#d55e00", "#8a8a8a", "#009e73"
"""Of the Okabe-Ito palette, which colour-blind readers can distinguish."""

MIXED_IN = 0.4, 0.25
"""Of the picture's latent: how much of the second feature it holds; how often that feature fires with it."""


def main() -> None:
    """Draw everything whose figures are there."""
    # Text stays text, ids and dates do not change from one drawing to the next.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "hedgescope", "font.size": 10, "axes.grid": True})
    mpl.rcParams.update({"grid.color": "#e5e5e5", "axes.spines.top": False, "axes.spines.right": False})
    save(idea(), "hedging-idea")
    validation = json.loads((DOCS / "data" / "validation" / "worlds.json").read_text())["data"]
    save(quality(validation), "score-quality")
    for name, draw in (("worlds", balancing_worlds), ("model", balancing_model)):
        if figures := read_results(f"balancing-{name}"):
            save(draw(figures), f"balancing-{name}")


def save(figure: Figure, name: str) -> None:
    """Write one picture."""
    figure.savefig(DOCS / "images" / f"{name}.svg", metadata={"Date": None}, facecolor="white", bbox_inches="tight")


def idea() -> Figure:
    """Tokens on which a latent fires, in the plane of two features of which it holds the first and a part of the
    second."""
    rng = np.random.default_rng(0)
    n, (mixed, p) = 400, MIXED_IN
    first = rng.normal(1.0, 0.12, n)
    second = np.where(rng.random(n) < p, rng.normal(1.0, 0.12, n), 0.0) + rng.normal(0, 0.03, n)
    latent = np.array([1, mixed]) / np.hypot(1, mixed)
    figure = Figure(figsize=(5.4, 4.2))
    axes = figure.subplots()
    axes.scatter(first, second, s=9, color=GREY, alpha=0.6, label="input on a token where the latent fires")
    _arrow(axes, (1.45, 0.0), GREEN, "feature 1")
    _arrow(axes, (0.0, 1.2), GREEN, "feature 2")
    _arrow(axes, tuple(1.45 * latent), ORANGE, "decoder row")
    angle = np.linspace(0, np.arctan2(latent[1], latent[0]), 30)
    axes.plot(0.55 * np.cos(angle), 0.55 * np.sin(angle), color=ORANGE)
    impurity = float(latent[1] ** 2)
    axes.annotate(f"1 − cos² = {impurity:.2f}", (0.58, 0.09), color=ORANGE)
    axes.set(xlim=(-0.1, 1.75), ylim=(-0.2, 1.45), xlabel="along feature 1", ylabel="along feature 2", aspect="equal")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, frameon=False, fontsize=9)
    return figure


def _arrow(axes: Axes, tip: tuple[float, ...], color: str, text: str) -> None:
    axes.annotate("", xy=(tip[0], tip[1]), xytext=(0, 0), arrowprops={"arrowstyle": "-|>", "color": color, "lw": 2})
    axes.annotate(text, (tip[0] + 0.03, tip[1] + 0.03), color=color)


def quality(validation: dict[str, Any]) -> Figure:
    """Left: share of the impure latents that each measure finds at 5 % false alarms. Right: score against truth."""
    figure = Figure(figsize=(9.4, 3.6))
    left, right = figure.subplots(1, 2, width_ratios=(1.35, 1))
    pooled = validation["pooled"]
    names = [TITLES[name] for name in pooled][::-1]
    values = [row["detected"] for row in pooled.values()][::-1]
    colours = [BLUE if name == TITLES["hedging_score"] else GREY for name in names]
    left.barh(names, values, color=colours)
    for place, value in enumerate(values):
        left.annotate(f"{value:.2f}", (value + 0.01, place), va="center")
    left.set(xlim=(0, 1.1), xlabel="impure latents found at 5 % false alarms")
    left.grid(axis="y", visible=False)
    trials = [trial for trial in validation["trials"] if trial["reference"] != PERFECT]
    truth = [value for trial in trials for value in trial["impurity"]]
    scores = [value for trial in trials for value in trial["measures"]["hedging_score"]]
    right.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="exact")
    right.scatter(scores, truth, s=7, color=BLUE, alpha=0.35, label="a latent")
    bins = [row for row in validation["calibration"] if row[3] is not None]
    right.plot([row[3] for row in bins], [row[4] for row in bins], "o-", color=ORANGE, label="mean of a bin")
    right.set(xlabel="hedging score", ylabel="impurity (truth)", xlim=(0, 1), ylim=(0, 0.8))
    right.legend(frameon=False)
    figure.tight_layout()
    return figure


def balancing_worlds(figures: dict[str, Any]) -> Figure:
    """Impurity of each level against the multiplier, a panel a family."""
    families = list(dict.fromkeys(row["family"] for row in figures["rows"]))
    figure = Figure(figsize=(9.6, 3.2))
    panels = figure.subplots(1, len(families), sharey=True)
    for axes, family in zip(panels, families, strict=True):
        rows = [row for row in figures["rows"] if row["family"] == family]
        _levels(axes, rows, [row["impurity"] for row in rows])
        axes.set(title=family, xlabel="multiplier a level")
    panels[0].set(ylabel="mean impurity (truth)", ylim=(0, None))
    panels[-1].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    return figure


def balancing_model(figures: dict[str, Any]) -> Figure:
    """Median score of each prefix, and explained variance, against the multiplier."""
    figure = Figure(figsize=(9, 3.2))
    left, right = figure.subplots(1, 2)
    rows, widths = figures["rows"], figures["widths"]
    _levels(left, rows, [[each["median"] for each in row["score"]] for row in rows], [f"first {w}" for w in widths])
    _levels(right, rows, [row["explained_variance"] for row in rows], [f"first {w}" for w in widths])
    left.set(xlabel="multiplier a level", ylabel="median hedging score", ylim=(0, 1))
    right.set(xlabel="multiplier a level", ylabel="explained variance", ylim=(0, 1))
    right.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    return figure


def _levels(axes: Axes, rows: list[dict[str, Any]], values: list[list[float]], names: list[str] | None = None) -> None:
    multipliers = [row["multiplier"] for row in rows]
    for level, (line, colour) in enumerate(zip(np.transpose(values), (ORANGE, BLUE, GREEN, GREY), strict=False)):
        axes.plot(multipliers, line, "o-", color=colour, label=names[level] if names else f"level {level + 1}")


if __name__ == "__main__":
    main()
