"""Whether the scores predict what the intervention on the comparison found, pair by pair and latent by latent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import rankdata, spearmanr

from app.arrays import Float64s
from app.errors import NotFoundError
from app.lab.checks.scope import Findings, Scope
from app.lab.scoring import SCORE, TITLES
from app.records import Aim, CheckTable, FallSummary, InterventionSummary, LatentRelease
from app.records.validation import Cell, aim
from app.store.interventions import interventions_of, latent_releases_of
from app.store.read import columns, resolve_slug

MATCHED = ("density", "mean_activation")
"""Rare latents move more in any training, and so do weak ones."""

FIELDS = ("decoder_hedging", "activation_hedging", "max_decoder_cosine", "max_jaccard", "c_dec")
MASS, COSINE = "mixed mass of the candidates", TITLES["1 - best cosine"]

FALLING, FALLING_NOT_ADDED, PREDICTED, MOTION = 0.93, 0.25, 0.5, 0.5
BUDGET_NOTE = (
    "Half of all pairs fall by chance. With the budget held, pairs that are not added fall more seldom, but on worlds "
    "with known truth the held budget finds impure latents worse."
)


def run(scope: Scope) -> Findings:
    """Compare the newest stored intervention with the scores of its latents."""
    store = scope.open_store()
    slug = resolve_slug(store.engine, scope.comparison)
    stored = interventions_of(store.engine, slug)
    if not stored:
        raise NotFoundError(f"{slug}: no intervention is stored; run `hedgescope intervene --comparison {slug}` first")
    number, summary = stored[0]
    fields = columns(store.engine, slug, "narrow", [SCORE, *FIELDS, *MATCHED])
    numbers = {name: np.array(values, dtype=np.float64) for name, values in fields.items()}
    return findings(summary, latent_releases_of(store.engine, number), numbers)


def measures_of(numbers: Mapping[str, Float64s]) -> dict[str, Float64s]:
    """Title -> `[n]` measure, each larger for a less pure latent."""
    return {
        TITLES[SCORE]: numbers[SCORE],
        TITLES["decoder_hedging"]: numbers["decoder_hedging"],
        TITLES["activation_hedging"]: numbers["activation_hedging"],
        COSINE: 1 - numbers["max_decoder_cosine"],
        TITLES["1 - best Jaccard"]: 1 - numbers["max_jaccard"],
        TITLES["c_dec"]: numbers["c_dec"],
    }


def findings(
    summary: InterventionSummary, released: Sequence[LatentRelease], numbers: Mapping[str, Float64s]
) -> Findings:
    """Tables and aims.

    Args:
        numbers: field -> `[n]` of all narrow latents; NaN where undefined.
    """
    released = [latent for latent in released if not np.isnan(numbers[SCORE][latent.index])]
    chosen = np.array([latent.index for latent in released])
    summed = np.array([latent.summed for latent in released])
    measures = {name: values[chosen] for name, values in measures_of(numbers).items()}
    measures[MASS] = np.array([latent.mass for latent in released])
    matched = [np.nan_to_num(numbers[name][chosen]) for name in MATCHED]
    ranks = {name: _predictions(values, summed, matched) for name, values in measures.items()}
    return Findings(
        settings={"comparison": summary.comparison, "intervention": summary.command, "latents": len(released)},
        tables=(
            CheckTable(
                f"{summary.n_named:,} pairs that the score names, and all others, in runs with and without the partner",
                ("pairs", "share that falls", "median fall", "motion along the prediction"),
                tuple(_fall_row(name, falls) for name, falls in _falls(summary).items()),
                plotted=("share that falls",),
            ),
            CheckTable(
                "Rank correlation with the summed release of a latent",
                ("score", "as it is", "at matched density and activation"),
                tuple((name, *rank) for name, rank in ranks.items()),
                plotted=("as it is", "at matched density and activation"),
                note="Matched: the rank correlation of what is left after density and mean activation.",
            ),
        ),
        aims=_aims(summary, {name: rank[1] for name, rank in ranks.items()}),
        notes=(
            "A release is relative to the candidates: at most 256 latents of the reference, those with most predicted "
            "mass. The mass of these alone, which is a part of the score, predicts the release best.",
            "Score version 3 has a rank correlation of 0.20 with the summed release of the demo's latents, at matched "
            "density and activation.",
        ),
    )


def _falls(summary: InterventionSummary) -> dict[str, FallSummary]:
    return {
        "named, partner added": summary.named_added,
        "named, partner not added": summary.named_not_added,
        "others, partner added": summary.other_added,
        "others, partner not added": summary.other_not_added,
    }


def _fall_row(name: str, falls: FallSummary) -> tuple[Cell, ...]:
    return name, falls.share_falling, falls.median, falls.motion_cosine


def _predictions(values: Float64s, summed: Float64s, matched: list[Float64s]) -> tuple[float | None, float | None]:
    """Rank correlation with the summed release, as it is and at matched other numbers; undefined counts as 0."""
    numbers = np.nan_to_num(values)
    if np.ptp(numbers) == 0 or np.ptp(summed) == 0:
        return None, None
    return float(spearmanr(numbers, summed).statistic), partial_spearman(numbers, summed, matched)


def partial_spearman(first: Float64s, second: Float64s, matched: list[Float64s]) -> float | None:
    """Correlation of the ranks of two numbers once those of other numbers are regressed out."""
    design = np.column_stack([np.ones(len(first)), *map(rankdata, matched)])
    left = [ranks - design @ np.linalg.lstsq(design, ranks, rcond=None)[0] for ranks in map(rankdata, (first, second))]
    spread = np.linalg.norm(left[0]) * np.linalg.norm(left[1])
    # Ranks are of the order of n: what is left of a constant is rounding.
    return float(left[0] @ left[1] / spread) if spread > 1e-6 * len(first) else None


def _aims(summary: InterventionSummary, matched: Mapping[str, float | None]) -> tuple[Aim, ...]:
    own = matched[TITLES[SCORE]]
    rivals = [rank for name in (COSINE, TITLES["c_dec"]) if (rank := matched[name]) is not None]
    lead = own - max(rivals) if own is not None and rivals else None
    named, without = summary.named_added, summary.named_not_added
    return (
        aim("share of named pairs that fall, partner added", "at least", FALLING, named.share_falling),
        aim("the same, partner not added", "at most", FALLING_NOT_ADDED, without.share_falling, note=BUDGET_NOTE),
        aim("motion along the prediction, partner added", "at least", MOTION, named.motion_cosine),
        aim("the same, partner not added", "at most", 0.0, without.motion_cosine),
        aim("rank correlation of a pair's mass and release", "at least", PREDICTED, summary.mass_and_release.rho),
        aim("of a latent's score and summed release, matched", "at least", PREDICTED, own),
        aim("its lead over 1 − best cosine and c_dec", "at least", 0.0, lead),
    )
