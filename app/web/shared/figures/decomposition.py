"""The figure of a latent's partners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.records import (
    LatentScores,
    PartnerDiagnosis,
)
from app.web.shared import formatting as show
from app.web.shared.figures.plot import DataTable, Plot
from app.web.shared.figures.style import (
    axis,
    shortened,
)
from app.web.shared.latents import PartnerRow

ROLE_COLOURS: Mapping[PartnerDiagnosis, str] = {
    "main": "#0072B2",
    "hedged": "#D55E00",
    "absorbed": "#CC79A7",
    "split": "#009E73",
    "unexplained": "#8A8F98",
}
"""Okabe and Ito's palette, distinguishable with any colour vision; readable on white and on near-black."""

ROLE_TITLES: Mapping[PartnerDiagnosis, str] = {
    "main": "main partner",
    "hedged": "hedged",
    "absorbed": "absorbed",
    "split": "split",
    "unexplained": "unexplained",
}


def decomposition(latent: LatentScores, rows: Sequence[PartnerRow]) -> Plot:
    """Weights of a narrow latent's partners, or of a reference latent in the narrow ones, coloured by role.

    Args:
        latent: the latent whose page it is on.
        rows: its partners, in the order in which they are drawn from the top.
    """
    # The index leads: two latents may have the same label, and each bar needs a place of its own.
    names = [f"{row.index}  {shortened(row.label)}" for row in rows]
    roles = [role for role in ROLE_COLOURS if any(row.partner.diagnosis == role for row in rows)]
    return Plot(
        name="decomposition",
        title="Decomposition on the reference decoder" if latent.sae == "narrow" else "Weights in narrow latents",
        description=_decomposition_text(latent),
        figure={
            "data": [_role_trace(role, rows, names) for role in roles],
            "layout": {
                "xaxis": axis("Weight", zeroline=True),
                "yaxis": axis("", type="category", categoryarray=names[::-1], categoryorder="array"),
                "barmode": "overlay",
                "showlegend": True,
                # Few bars are as thin as many.
                "bargap": max(0.3, 1 - len(rows) / 8),
            },
        },
        table=DataTable(
            ("Latent", "Fires on", "Role", "Weight", "Share"),
            tuple(
                (
                    str(row.index),
                    show.plain(row.label),
                    row.partner.diagnosis,
                    show.number(row.partner.weight),
                    show.number(row.partner.share),
                )
                for row in rows
            ),
        ),
    )


def _decomposition_text(latent: LatentScores) -> str:
    if latent.sae == "reference":
        return "Weight of this latent's direction in the decoder directions of narrow latents."
    text = "Weight of each reference latent in this latent's decoder direction."
    if latent.decomposition_residual is None:
        return text
    return f"{text} {show.percent(latent.decomposition_residual)} of the squared norm stays unexplained."


def _role_trace(role: PartnerDiagnosis, rows: Sequence[PartnerRow], names: Sequence[str]) -> dict[str, Any]:
    chosen = [(row, name) for row, name in zip(rows, names, strict=True) if row.partner.diagnosis == role]
    return {
        "type": "bar",
        "orientation": "h",
        "name": ROLE_TITLES[role],
        "x": [row.partner.weight for row, _ in chosen],
        "y": [name for _, name in chosen],
        "customdata": [[row.index, row.partner.share] for row, _ in chosen],
        "marker": {"color": ROLE_COLOURS[role]},
        "hovertemplate": "%{customdata[0]}: weight %{x:.3f}, share %{customdata[1]:.3f}"
        f"<extra>{ROLE_TITLES[role]}</extra>",
    }
