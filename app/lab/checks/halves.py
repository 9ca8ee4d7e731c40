"""Reliability: do two halves of the text give the same scores?"""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr

from app.lab.checks.scope import Findings, Scope
from app.lab.real import Real
from app.lab.scoring import MEASURES, SCORE, TITLES, CaseScores
from app.lab.threshold_sae import ThresholdSae
from app.records import CheckTable
from app.records.validation import aim

HALVES = "first half", "second half"


def run(scope: Scope) -> Findings:
    """The comparison's own narrow SAE, scored on the first half of the text and on the second."""
    real = Real(scope)
    narrow = ThresholdSae.of(real.inputs.saes.narrow)
    middle = float(np.median(real.sample.row))
    first, second = (
        real.score(narrow, name, tokens=np.flatnonzero(chosen))
        for name, chosen in zip(HALVES, (real.sample.row < middle, real.sample.row >= middle), strict=True)
    )
    agreement = {name: _agreement(first, second, name) for name in MEASURES}
    same = [a.diagnosis == b.diagnosis for a, b in zip(first.latents, second.latents, strict=True)]
    return Findings(
        settings=real.settings,
        tables=(
            CheckTable(
                "Rank correlation of the two halves",
                ("score", "Spearman", "latents with a value in both"),
                tuple((TITLES[name], *agreement[name]) for name in MEASURES),
                plotted=("Spearman",),
            ),
            CheckTable(
                "What else changes",
                ("what", *HALVES),
                (
                    ("median hedging score", *(float(np.nanmedian(each.measures[SCORE])) for each in (first, second))),
                    ("chance level", first.mixing.chance_level, second.mixing.chance_level),
                    ("called hedged", int(first.hedged.sum()), int(second.hedged.sum())),
                ),
                note=f"{np.mean(same):.1%} of the latents are called the same in both halves.",
            ),
        ),
        aims=(aim("rank correlation of the two halves", "at least", 0.9, agreement[SCORE][0], bound=1.0),),
        notes=("A measure that looks at decoders alone agrees with itself whatever it measures.",),
    )


def _agreement(first: CaseScores, second: CaseScores, name: str) -> tuple[float | None, int]:
    one, other = first.measures[name], second.measures[name]
    known = ~np.isnan(one) & ~np.isnan(other)
    varied = known.sum() > 2 and np.ptp(one[known]) > 0 and np.ptp(other[known]) > 0
    return float(spearmanr(one[known], other[known]).statistic) if varied else None, int(known.sum())
