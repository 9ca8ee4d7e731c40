"""Copies of reference latents: nothing is mixed into them."""

from __future__ import annotations

import numpy as np

from app.arrays import Flags
from app.lab.checks.scope import Findings, Scope
from app.lab.grafts import choose_copies
from app.lab.real import Real
from app.lab.scoring import MEASURES, SCORE, TITLES, CaseScores
from app.records import CheckTable
from app.records.validation import Cell, aim

SEEDS, N_COPIES = (51, 52), 256
SMALL = 0.05
UNSCORED = "fires too seldom"


def run(scope: Scope) -> Findings:
    """The whole reference against itself, and copies of some of its latents."""
    real = Real(scope)
    cases = {}
    if not scope.quick:
        # In another order: an SAE next to itself is taken for its prefix.
        order = np.random.default_rng(SEEDS[0]).permutation(len(real.reference.bias))
        cases["the whole reference"] = real.score(real.reference.take(order), "whole", slow=False)
    n = N_COPIES // 2 if scope.quick else N_COPIES
    for seed in SEEDS[: 1 if scope.quick else None]:
        chosen = choose_copies(real.sample.reference, n, seed)
        cases[f"{n} copies, seed {seed}"] = real.score(real.reference.take(chosen), f"copies-{seed}")
    labels = tuple(cases)
    small = {name: [_share(case, name) for case in cases.values()] for name in MEASURES}
    called = [float(case.hedged[case.scored].mean()) for case in cases.values()]
    return Findings(
        settings={**real.settings, "copies": n, "seeds": ", ".join(map(str, SEEDS))},
        tables=(
            CheckTable(
                "Share of copies with a value of at most 0.05",
                ("score", *labels),
                tuple((TITLES[name], *small[name]) for name in MEASURES),
                plotted=labels[:1],
                note="c_dec, s_n^dec and the meta-SAE's share are on scales of their own, on which 0.05 means nothing "
                "special. The last two are not measured for the whole reference, which would take long.",
            ),
            CheckTable("How copies are called", ("diagnosis", *labels), _called(cases)),
        ),
        aims=(
            aim("share of copies that score at most 0.05", "at least", 0.95, *small[SCORE], bound=1.0),
            aim("share of copies called hedged", "at most", 0.01, *called, bound=0.0),
        ),
    )


def _share(case: CaseScores, name: str) -> float | None:
    known: Flags = case.scored & ~np.isnan(case.measures[name])
    return float((case.measures[name][known] <= SMALL).mean()) if known.any() else None


def _called(cases: dict[str, CaseScores]) -> tuple[tuple[Cell, ...], ...]:
    found = {label: [latent.diagnosis or UNSCORED for latent in case.latents] for label, case in cases.items()}
    kinds = sorted({kind for each in found.values() for kind in each})
    return tuple((kind, *(each.count(kind) for each in found.values())) for kind in kinds)
