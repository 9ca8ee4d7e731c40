"""The figure of the terms of a hedging score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.records import LatentScores, PairRelease
from app.web.shared import formatting as show
from app.web.shared.figures.chart import Chart, Mark, Series, names_axis, point, zero_axis
from app.web.shared.figures.plot import DataTable, Plot
from app.web.shared.figures.style import shortened
from app.web.shared.latents import PartnerRow

ROW_PX = 32
BAR = (-0.02, -0.36)
"""Lower and upper edge of a bar within its row, below the latent's name."""

MOST_BARS = 12

Releases = Mapping[int, PairRelease]
"""Other latent -> what an intervention measured of the pair."""


def mixed_masses(latent: LatentScores, rows: Sequence[PartnerRow], releases: Releases) -> Plot | None:
    """The mixed mass of each partner with its interval, and its release where it was measured.

    Args:
        rows: partners of the latent, the largest mass first; those without a mass are left out.
    """
    named = [row for row in rows if row.partner.mixed_mass is not None]
    if not named:
        return None
    drawn = named[:MOST_BARS]
    highs = [row.partner.mixed_mass_high or row.partner.mixed_mass or 0.0 for row in drawn]
    released = [let_go(releases[row.index]) for row in drawn if row.index in releases]
    names = [f"{row.index}  {shortened(row.label)}" for row in drawn]
    return Plot(
        name="mixed-masses",
        title="The score, partner by partner" if latent.sae == "narrow" else "Mixed mass in narrow latents",
        description=_description(latent, len(named), len(drawn), bool(released)),
        chart=Chart(
            zero_axis("Mixed mass", [*highs, *released]),
            names_axis("", names[::-1], inside=True),
            _series(drawn, releases),
            height=ROW_PX * len(drawn),
        ),
        table=_table(named, releases),
    )


def let_go(release: PairRelease) -> float:
    """The share of its squared norm that the narrow latent let go of, to first order: 2 |cos| times the release.

    A release is a fall of the component along the partner, in decoder norms; this can stand next to a mass.
    """
    return 2 * abs(release.decoder_cosine) * release.release


def _description(latent: LatentScores, n: int, n_drawn: int, is_measured: bool) -> str:
    what = (
        "What of this latent's direction belongs to each reference latent. The masses add up to the score."
        if latent.sae == "narrow"
        else "What of each narrow latent's direction belongs to this latent."
    )
    left = f" The {n_drawn} largest of {n} are drawn." if n_drawn < n else ""
    measured = " Diamonds: the share that it let go of when the partner got a latent of its own." if is_measured else ""
    return f"{what}{left}{measured}"


def _series(rows: Sequence[PartnerRow], releases: Releases) -> tuple[Series, ...]:
    bars, intervals, diamonds = [], [], []
    for place, row in enumerate(rows):
        base, partner = len(rows) - 1 - place, row.partner
        mass, middle = partner.mixed_mass or 0.0, base + sum(BAR) / 2
        bars.append(Mark(0, base + BAR[0], mass, base + BAR[1], f"{row.index}: mixed mass {show.number(mass)}"))
        low, high = partner.mixed_mass_low, partner.mixed_mass_high
        if low is not None and high is not None:
            intervals.append(
                Mark(low, middle, high, middle, f"95 % interval {show.number(low)} to {show.number(high)}")
            )
        if row.index in releases:
            share = let_go(releases[row.index])
            diamonds.append(point(share, middle, f"{row.index}: let go of {show.number(share)} when measured"))
    found = [
        Series("mixed mass", "hedged", "bar", tuple(bars)),
        Series("95 % interval", "ink", "line", tuple(intervals)),
    ]
    if diamonds:
        found.append(Series("let go of, measured", "narrow", "diamond", tuple(diamonds)))
    return tuple(each for each in found if each.marks)


def _table(rows: Sequence[PartnerRow], releases: Releases) -> DataTable:
    return DataTable(
        ("Latent", "Fires on", "Mixed mass", "95 % interval", "Let go of", "Release", "Standard error"),
        tuple(
            (
                str(row.index),
                show.plain(row.label),
                show.number(row.partner.mixed_mass),
                f"{show.number(row.partner.mixed_mass_low)}–{show.number(row.partner.mixed_mass_high)}",
                show.number(let_go(releases[row.index]) if row.index in releases else None),
                show.number(releases[row.index].release if row.index in releases else None),
                show.number(releases[row.index].release_se if row.index in releases else None),
            )
            for row in rows
        ),
    )
