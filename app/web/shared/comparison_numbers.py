"""Numbers of whole comparisons: what a list of them is sorted by, and what their plot shows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.records import ComparisonSummary, SaeRecord

LAYER = re.compile(r"(?:layers|blocks|h)\.(\d+)")


@dataclass(frozen=True)
class ComparisonRow:
    """A comparison in the list of all.

    Attributes:
        median_score: None if no latent has a score.
        degree: newest hedging degree of its narrow SAE; None where none is stored, or it is undefined.
    """

    summary: ComparisonSummary
    median_score: float | None
    degree: float | None


@dataclass(frozen=True)
class ComparisonNumber:
    """A number of a comparison.

    Attributes:
        title: of its axis, and of what it is sorted by.
        of: the number of one comparison; None where it has none.
        log: whether it spreads over decades.
        is_result: whether it is measured, not chosen: it then stands on the y axis.
    """

    title: str
    of: Callable[[ComparisonRow], float | None]
    log: bool = False
    is_result: bool = False


def layer_of(hook_name: str | None) -> int | None:
    """The number of the layer in a hook's name."""
    found = LAYER.search(hook_name or "")
    return int(found[1]) if found else None


def multiplier_of(summary: ComparisonSummary) -> float | None:
    """What the loss of a level weighs against that of the next one, for the narrow SAE or else the reference."""
    for sae in (summary.narrow.sae, summary.reference.sae):
        if sae.matryoshka_widths:
            weights = _multipliers(sae)
            if len(weights) > 1 and weights[-1]:
                return weights[-2] / weights[-1]
            return 1.0 if sae.training_architecture == "matryoshka_batchtopk" else None
    return None


def _multipliers(sae: SaeRecord) -> list[float]:
    """Weights of the levels' losses, innermost first; empty where its files name none."""
    try:
        found = json.loads(sae.training.get("matryoshka_multipliers", "[]"))
    except ValueError:
        return []
    is_list = isinstance(found, list) and all(isinstance(each, int | float) for each in found)
    return [float(each) for each in found] if is_list else []


def _share_hedged(row: ComparisonRow) -> float | None:
    return row.summary.n_hedged / row.summary.n_scored if row.summary.n_scored else None


NUMBERS: Mapping[str, ComparisonNumber] = {
    "width": ComparisonNumber("Latents of the narrow SAE", lambda r: r.summary.narrow.sae.d_sae, log=True),
    "reference_width": ComparisonNumber("Latents of the reference", lambda r: r.summary.reference.sae.d_sae, log=True),
    "l0": ComparisonNumber("L0 of the narrow SAE", lambda r: r.summary.narrow.l0),
    "reference_l0": ComparisonNumber("L0 of the reference", lambda r: r.summary.reference.l0),
    "layer": ComparisonNumber("Layer", lambda r: layer_of(r.summary.hook_name)),
    "multiplier": ComparisonNumber("Weight of a level against the next", lambda r: multiplier_of(r.summary)),
    "tokens": ComparisonNumber("Tokens", lambda r: r.summary.n_tokens, log=True),
    "score": ComparisonNumber("Median hedging score", lambda r: r.median_score, is_result=True),
    "hedged": ComparisonNumber("Share of scored latents hedged", _share_hedged, is_result=True),
    "degree": ComparisonNumber("Hedging degree", lambda r: r.degree, is_result=True),
    "explained_variance": ComparisonNumber(
        "Explained variance of the narrow SAE", lambda r: r.summary.narrow.explained_variance, is_result=True
    ),
    "chance": ComparisonNumber("Chance level of the score", lambda r: r.summary.chance_level, is_result=True),
}
