"""What the worlds showed, as tables and aims."""

from __future__ import annotations

from app.lab.constructed import FINDINGS
from app.lab.metrics import Quality
from app.lab.scoring import MEASURES, TITLES
from app.lab.validation import IMPURE, Validation
from app.records import Aim, CheckTable
from app.records.validation import Cell, aim

POOLED, HIERARCHICAL = 0.95, 0.85
"""AUROC to reach: over all worlds, and in hierarchical ones."""


def tables(found: Validation) -> tuple[CheckTable, ...]:
    """All tables, the most important first."""
    return (
        quality_table("References trained on the same world, all worlds pooled", found.pooled),
        quality_table("A perfect reference: the true features", found.perfect),
        _families(found),
        _attributed(found),
        _leads(found),
        CheckTable(
            "Calibration: the true impurity behind a score",
            ("hedging score", "latents", "mean score", "mean impurity"),
            tuple((f"{low:g} to {high:g}", *means) for low, high, *means in found.calibration),
            plotted=("mean score", "mean impurity"),
        ),
        _others(found),
        CheckTable(
            f"Diagnosis of constructed latents (macro F1 {found.macro_f1:.2f})",
            ("truth", *FINDINGS, "other"),
            tuple((kind, *(row[name] for name in (*FINDINGS, "other"))) for kind, row in found.confusion.items()),
        ),
        _trained(found),
    )


def aims(found: Validation) -> tuple[Aim, ...]:
    """What the scores have to reach on worlds."""
    score = MEASURES[0]
    hierarchical = found.by_family["hierarchical"][score].auroc
    return (
        aim(
            "AUROC, all worlds pooled",
            "at least",
            POOLED,
            found.pooled[score].auroc,
            bound=found.perfect[score].auroc,
            note="A dozen variants of the evidence were tried (decision 14). Those that rank worlds better call copies "
            "on a real model hedged.",
        ),
        aim(
            "AUROC in hierarchical worlds",
            "at least",
            HIERARCHICAL,
            hierarchical,
            bound=found.bounds["hierarchical"],
            note="An inner row of a Matryoshka reference holds the mixture itself, and outer latents correct it. "
            "Evidence that needs no reference sees it, but is wrong on copies.",
        ),
        aim(
            "Spearman with the hedged mass, less that with the larger of merged and superposition mass",
            "at least",
            0.0,
            _lead_of_hedged(found),
        ),
        aim(f"latents of independent worlds that score above {IMPURE:g}", "at most", 0.0, found.false_alarms),
    )


def _lead_of_hedged(found: Validation) -> float | None:
    hedged, *others = (found.attributed[kind][MEASURES[0]] for kind in found.attributed)
    known = [other for other in others if other is not None]
    return None if hedged is None or not known else hedged - max(known)


def quality_table(title: str, qualities: dict[str, Quality]) -> CheckTable:
    """A row for each score."""
    first = qualities[MEASURES[0]]
    head = ("score", "AUROC", "average precision", "Spearman", "detected at 5 % false alarms", "mean error")
    rows = tuple(
        (TITLES[name], q.auroc, q.average_precision, q.spearman, q.detected, q.error) for name, q in qualities.items()
    )
    return CheckTable(f"{title} ({first.n} latents, {first.n_impure} of them impure)", head, rows, plotted=("AUROC",))


def _families(found: Validation) -> CheckTable:
    rows: list[tuple[Cell, ...]] = []
    for family, qualities in found.by_family.items():
        first = qualities[MEASURES[0]]
        rows.append((f"{family} ({first.n_impure} of {first.n})", *(qualities[name].auroc for name in MEASURES)))
    return CheckTable(
        "AUROC by family of worlds (impure of all latents)",
        ("family", *TITLES.values()),
        tuple(rows),
        plotted=(TITLES[MEASURES[0]], TITLES["1 - best cosine"]),
    )


def _attributed(found: Validation) -> CheckTable:
    return CheckTable(
        "What the impurity is made of: rank correlation of each measure with each kind of mass, all worlds",
        ("score", *(f"{kind} mass" for kind in found.attributed)),
        tuple((TITLES[name], *(found.attributed[kind][name] for kind in found.attributed)) for name in MEASURES),
        plotted=tuple(f"{kind} mass" for kind in found.attributed),
        note="Hedged: features whose firing depends on the own feature's (absolute phi from 0.05 on). Merged: features "
        "that exclude it and make the latent fire by themselves. Superposition: the rest. The score should follow the "
        "first.",
    )


def _leads(found: Validation) -> CheckTable:
    return CheckTable(
        "The score against the best other measure, AUROC by family",
        ("family", "best other", "the score's lead", "95 % interval"),
        tuple(
            (family, TITLES[rival], lead.difference, f"{lead.low:+.3f} to {lead.high:+.3f}")
            for family, (rival, lead) in found.leads.items()
        ),
    )


def _others(found: Validation) -> CheckTable:
    return CheckTable(
        "Alarms and intervals",
        ("what", "share"),
        (
            (f"latents of independent worlds that score above {IMPURE:g}", found.false_alarms),
            ("latents called hedged when activations are shuffled", found.shuffled),
            ("95 % intervals, widened by 0.01, that contain the impurity", found.coverage),
            ("latents without a score", found.n_unscored),
        ),
    )


def _trained(found: Validation) -> CheckTable:
    names = sorted({name for row in found.trained_confusion.values() for name in row})
    return CheckTable(
        "Diagnosis of the latents of trained SAEs",
        ("truth", *names),
        tuple((kind, *(row.get(name, 0) for name in names)) for kind, row in found.trained_confusion.items()),
    )
