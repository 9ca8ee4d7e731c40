"""The figure of one hedging score on its axis."""

from __future__ import annotations

from app.records import LatentScores
from app.web.shared import formatting as show
from app.web.shared.figures.chart import Axis, Chart, Mark, Series, linear_axis, point
from app.web.shared.figures.plot import DataTable, Plot

HEIGHT = 34


def score_axis(latent: LatentScores) -> Plot | None:
    """The score with its interval, and the band that chance reaches; None without a score."""
    if latent.hedging_score is None:
        return None
    chance = latent.hedging_chance or 0.0
    low, high = latent.hedging_score_low, latent.hedging_score_high
    series = []
    if chance:
        band = Mark(0, 0, chance, 1, f"chance: 95 % of scores by chance lie below {show.number(chance)}")
        series.append(Series("chance band, 95 %", "muted", "cell", (band,)))
    if low is not None and high is not None:
        text = f"95 % interval {show.number(low)} to {show.number(high)}"
        ends = tuple(Mark(at, 0.25, at, 0.75, "") for at in (low, high))
        series.append(Series("95 % interval", "hedged", "line", (Mark(low, 0.5, high, 0.5, text), *ends)))
    mark = point(latent.hedging_score, 0.5, f"hedging score {show.number(latent.hedging_score)}")
    series.append(Series("score", "hedged", "diamond", (mark,)))
    return Plot(
        name="score-axis",
        title="Hedging score",
        description="The share of the latent's direction that belongs to other reference latents.",
        chart=Chart(linear_axis("Hedging score", 0, 1), Axis("", 0, 1, ()), tuple(series), HEIGHT),
        table=DataTable(
            ("Score", "95 % interval", "Chance level"),
            (
                (
                    show.number(latent.hedging_score),
                    f"{show.number(low)}–{show.number(high)}",
                    show.number(latent.hedging_chance),
                ),
            ),
        ),
    )
