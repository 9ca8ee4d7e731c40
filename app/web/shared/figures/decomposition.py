"""The figure of a latent's partners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from app.records import LatentScores, PartnerDiagnosis
from app.web.shared import formatting as show
from app.web.shared.figures.chart import Chart, Mark, Series, names_axis, zero_axis
from app.web.shared.figures.plot import DataTable, Plot
from app.web.shared.figures.style import shortened
from app.web.shared.latents import PartnerRow

ROLES: tuple[PartnerDiagnosis, ...] = get_args(PartnerDiagnosis)

ROLE_TITLES: Mapping[str, str] = {
    "main": "main partner",
    "hedged": "hedged",
    "absorbed": "absorbed",
    "split": "split",
    "unexplained": "direction only",
}

ROW_PX = 32
BAR = (-0.02, -0.36)
"""Lower and upper edge of a bar within its row, below the latent's name."""


def decomposition(latent: LatentScores, rows: Sequence[PartnerRow]) -> Plot:
    """Weights of a narrow latent's partners, or of a reference latent in the narrow ones, coloured by role.

    Args:
        latent: the latent whose page it is on.
        rows: its partners; the largest weight, of either sign, is drawn at the top.
    """
    ordered = sorted(rows, key=lambda row: -abs(row.partner.weight))
    names = [f"{row.index}  {shortened(row.label)}" for row in ordered]
    present = [role for role in ROLES if any(row.partner.diagnosis == role for row in ordered)]
    return Plot(
        name="decomposition",
        title="Decomposition on the reference decoder" if latent.sae == "narrow" else "Weights in narrow latents",
        description=_description(latent),
        chart=Chart(
            zero_axis("Weight", [row.partner.weight for row in ordered]),
            names_axis("", names[::-1], inside=True),
            tuple(Series(ROLE_TITLES[role], role, "bar", _bars(role, ordered)) for role in present),
            height=ROW_PX * len(ordered),
        ),
        table=_table(ordered),
    )


def _description(latent: LatentScores) -> str:
    if latent.sae == "reference":
        return "Weight of this latent's direction in the decoder directions of narrow latents."
    text = "Weight of each reference latent in this latent's decoder direction."
    if latent.decomposition_residual is None:
        return text
    return f"{text} Residual: {show.percent(latent.decomposition_residual)} of the squared norm."


def _bars(role: PartnerDiagnosis, rows: Sequence[PartnerRow]) -> tuple[Mark, ...]:
    return tuple(
        Mark(
            0,
            len(rows) - 1 - place + BAR[0],
            row.partner.weight,
            len(rows) - 1 - place + BAR[1],
            f"{row.index}, {ROLE_TITLES[role]}: weight {show.number(row.partner.weight)}, "
            f"share {show.number(row.partner.share)}",
        )
        for place, row in enumerate(rows)
        if row.partner.diagnosis == role
    )


def _table(rows: Sequence[PartnerRow]) -> DataTable:
    return DataTable(
        ("Latent", "Fires on", "Role", "Weight", "Share"),
        tuple(
            (
                str(row.index),
                show.plain(row.label),
                ROLE_TITLES[row.partner.diagnosis],
                show.number(row.partner.weight),
                show.number(row.partner.share),
            )
            for row in rows
        ),
    )
