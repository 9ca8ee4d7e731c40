"""Grafts: copies of reference latents, into whose decoder rows other latents' rows are mixed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.stats import spearmanr

from app.arrays import Float64s
from app.lab.checks.scope import Findings, Scope
from app.lab.grafts import ALPHAS, Grafts, make_grafts
from app.lab.metrics import auroc
from app.lab.real import Real
from app.lab.scoring import MEASURES, SCORE, TITLES, CaseScores
from app.lab.threshold_sae import ThresholdSae
from app.records import Aim, CheckTable
from app.records.validation import Cell, aim

SEEDS, N_GRAFTS = (51, 52, 53), 256
MIXED, FOUND_FROM, SMALL = 0.05, 0.02, 0.05
"""A graft counts as mixed from this truth on; partners of grafts from that truth on should be found; no score."""

RULES = ((0.005, 0.05), (0.0075, 0.05), (0.01, 0.05), (0.02, 0.05), (0.005, 0.01), (0.005, 0.002), (0.01, 0.01))
"""Smallest mass and largest false discovery rate of a named partner: the rule that is used, then stricter ones."""

PRECISION_NOTE = (
    "A partner counts as wrong if it is only like the right one. Stricter rules of naming, in the table above, make "
    "more partners right and miss more of them; a smallest mass of 0.01 also ranks worse in worlds (decision 14)."
)


def run(scope: Scope) -> Findings:
    """Grafts of several seeds; once with the encoder pulled along."""
    real = Real(scope)
    seeds, n = (SEEDS[:1], N_GRAFTS // 2) if scope.quick else (SEEDS, N_GRAFTS)
    made = [make_grafts(real.sample.reference, real.reference.rows, n, seed) for seed in seeds]
    cases = {
        f"seed {seed}": (each, real.score(grafted(real.reference, each), f"grafts-{seed}"))
        for seed, each in zip(seeds, made, strict=True)
    }
    pulled = grafted(real.reference, made[0], with_encoder=True)
    both = {**cases, f"seed {seeds[0]}, encoder pulled along": (made[0], real.score(pulled, "pulled", slow=False))}
    return Findings(
        settings={**real.settings, "grafts": n, "seeds": ", ".join(map(str, seeds))},
        tables=(
            _table("AUROC, truth above 0.05", both, ranks),
            _table("Rank correlation with the truth", both, correlation),
            _partners(both),
            _by_length(cases),
            _stricter(list(cases.values())),
        ),
        aims=_aims(list(cases.values())),
        notes=(
            "1 − best decoder cosine is perfect here by construction, since the reference holds each latent's own row. "
            "It names no partner, and can't say whether what is mixed in comes with the latent.",
        ),
    )


def grafted(reference: ThresholdSae, made: Grafts, *, with_encoder: bool = False) -> ThresholdSae:
    """The narrow SAE of some grafts.

    Args:
        with_encoder: whether a latent reads what is added to it, too.
    """
    narrow = replace(reference.take(made.chosen), rows=made.rows)
    if not with_encoder:
        return narrow
    weight = narrow.weight.copy()
    for k, partners in enumerate(made.partners):
        ratio = reference.norms[partners] / narrow.norms[k]
        weight[:, k] += made.each[k] * (reference.weight[:, partners] * ratio).sum(axis=1)
    # What is read is x - b_dec: its constant part goes to the bias.
    return replace(narrow, weight=weight, bias=narrow.bias - reference.b_dec @ (weight - narrow.weight))


_Cases = dict[str, tuple[Grafts, CaseScores]]


def ranks(value: Float64s, truth: Float64s) -> float | None:
    """AUROC of a measure for what is mixed."""
    return auroc(value, truth > MIXED) if len(value) else None


def correlation(value: Float64s, truth: Float64s) -> float | None:
    """Rank correlation; None where the measure is the same for all."""
    return float(spearmanr(value, truth).statistic) if len(value) and np.ptp(value) > 0 else None


def _table(title: str, cases: _Cases, figure: object) -> CheckTable:
    rows = []
    for name in MEASURES:
        cells: list[Cell] = [TITLES[name]]
        for made, case in cases.values():
            values = case.measures[name]
            known = case.scored & ~np.isnan(values)
            cells.append(figure(values[known], made.truth[known]))  # type: ignore[operator]
        rows.append(tuple(cells))
    labels = tuple(cases)
    return CheckTable(title, ("score", *labels), tuple(rows), plotted=labels[:1])


def named_partners(
    made: Grafts, case: CaseScores, *, mass: float = 0.0, q: float = 1.0
) -> tuple[float | None, float | None]:
    """(share of the named partners that were mixed in, share of the mixed in ones that are named).

    Args:
        mass, q: a stricter rule: smallest mixed mass, largest false discovery rate.
    """
    right = wrong = found = missed = 0
    for i in range(len(made.rows)):
        named, mixed = case.named(i, mass=mass, q=q), set(made.partners[i].tolist())
        right, wrong = right + len(named & mixed), wrong + len(named - mixed)
        if made.truth[i] > FOUND_FROM:
            found, missed = found + len(named & mixed), missed + len(mixed - named)
    precision = right / (right + wrong) if right + wrong else None
    return precision, found / (found + missed) if found + missed else None


def false_alarms(made: Grafts, case: CaseScores) -> float:
    """Share of latents without anything mixed in whose score is not small."""
    plain = (made.alpha == 0) & case.scored
    return float((case.measures[SCORE][plain] > SMALL).mean())


def _partners(cases: _Cases) -> CheckTable:
    rows = [
        (label, *named_partners(made, case), false_alarms(made, case), case.mixing.chance_level)
        for label, (made, case) in cases.items()
    ]
    head = ("grafts", "named partners that are right", "partners found", "false alarms", "chance level")
    return CheckTable("Named partners", head, tuple(rows), plotted=head[1:3])


def _by_length(cases: _Cases) -> CheckTable:
    rows = []
    for alpha in ALPHAS:
        scores = [case.measures[SCORE][(made.alpha == alpha) & case.scored] for made, case in cases.values()]
        truth = np.concatenate([made.truth[made.alpha == alpha] for made, _ in cases.values()])
        score = np.concatenate(scores)
        rows.append((f"{alpha:g}", len(score), float(np.median(truth)), float(np.median(score))))
    head = ("length mixed in", "grafts", "median truth", "median score")
    return CheckTable("The score follows what is mixed in", head, tuple(rows), plotted=head[2:])


def _stricter(cases: list[tuple[Grafts, CaseScores]]) -> CheckTable:
    """What stricter rules of naming would change: means over the seeds."""
    rows = []
    for mass, q in RULES:
        figures = [(*named_partners(*each, mass=mass, q=q), _rank_by(*each, mass, q)) for each in cases]
        means = np.array(figures, dtype=np.float64).mean(axis=0).tolist()
        rows.append((f"mass from {mass:g} on, false discovery rate {q:.1%}", *means))
    head = ("rule", "named partners that are right", "partners found", "AUROC")
    return CheckTable("Stricter rules of naming, mean over the seeds; the first is the rule", head, tuple(rows))


def _rank_by(made: Grafts, case: CaseScores, mass: float, q: float) -> float | None:
    partners = case.mixing.partners
    kept = (partners.mass >= mass) & (partners.q <= q)
    score = np.bincount(partners.narrow[kept], weights=partners.mass[kept], minlength=len(made.rows))
    return ranks(score.astype(np.float64)[case.scored], made.truth[case.scored])


def _aims(cases: list[tuple[Grafts, CaseScores]]) -> tuple[Aim, ...]:
    scored = [case.scored for _, case in cases]
    areas = [
        ranks(case.measures[SCORE][known], made.truth[known]) for (made, case), known in zip(cases, scored, strict=True)
    ]
    alarms = [false_alarms(*each) for each in cases]
    precision, recall = zip(*(named_partners(*each) for each in cases), strict=True)
    return (
        aim("AUROC, truth above 0.05", "at least", 0.98, *areas, bound=1.0),
        aim(
            "false alarms where nothing is mixed in",
            "at most",
            0.03,
            *alarms,
            bound=0.0,
        ),
        aim("named partners that are right", "at least", 0.85, *precision, bound=1.0, note=PRECISION_NOTE),
        aim("partners found, of grafts with a truth above 0.02", "at least", 0.95, *recall, bound=1.0),
    )
