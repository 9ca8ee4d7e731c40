"""What a validation found, as tables for a terminal and for the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.lab.constructed import FINDINGS
from app.lab.metrics import Quality
from app.lab.trial import MEASURES
from app.lab.validation import IMPURE, Validation

TITLES = {
    "hedging_score": "hedging score",
    "decoder_hedging": "decoder hedging",
    "activation_hedging": "activation hedging",
    "1 - best cosine": "1 − best decoder cosine",
    "1 - best Jaccard": "1 − best Jaccard",
    "c_dec": "c_dec",
}


@dataclass(frozen=True)
class Sheet:
    """One table."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def sheets(found: Validation) -> list[Sheet]:
    """All tables, the most important first."""
    return [
        _qualities("References trained on the same world, all worlds pooled", found.pooled),
        _qualities("A perfect reference: the true features", found.perfect),
        _families(found),
        _leads(found),
        Sheet(
            "Calibration: the true impurity behind a score",
            ("hedging score", "latents", "mean score", "mean impurity"),
            tuple(
                (f"{low:g} to {high:g}", str(n), _number(score), _number(impurity))
                for low, high, n, score, impurity in found.calibration
            ),
        ),
        _others(found),
        Sheet(
            f"Diagnosis of constructed latents (macro F1 {found.macro_f1:.2f})",
            ("truth", *FINDINGS, "other"),
            tuple((kind, *(str(row[name]) for name in (*FINDINGS, "other"))) for kind, row in found.confusion.items()),
        ),
        _trained(found),
    ]


def _qualities(title: str, qualities: dict[str, Quality]) -> Sheet:
    first = qualities[MEASURES[0]]
    head = ("", "AUROC", "average precision", "Spearman", "detected at 5 % false alarms", "mean error")
    rows = tuple(
        (TITLES[name], *map(_number, (q.auroc, q.average_precision, q.spearman, q.detected, q.error)))
        for name, q in qualities.items()
    )
    return Sheet(f"{title} ({first.n} latents, {first.n_impure} of them impure)", head, rows)


def _families(found: Validation) -> Sheet:
    rows = []
    for family, qualities in found.by_family.items():
        first = qualities[MEASURES[0]]
        rows.append((f"{family} ({first.n_impure} of {first.n})", *(_number(qualities[m].auroc) for m in MEASURES)))
    return Sheet("AUROC by family of worlds (impure of all latents)", ("", *TITLES.values()), tuple(rows))


def _leads(found: Validation) -> Sheet:
    return Sheet(
        "The score against the best other measure, AUROC by family",
        ("", "best other", "the score's lead", "95 % interval"),
        tuple(
            (family, TITLES[rival], f"{lead.difference:+.3f}", f"{lead.low:+.3f} to {lead.high:+.3f}")
            for family, (rival, lead) in found.leads.items()
        ),
    )


def _others(found: Validation) -> Sheet:
    return Sheet(
        "Alarms and intervals",
        ("", "share"),
        (
            (f"latents of independent worlds that score above {IMPURE:g}", _number(found.false_alarms)),
            ("latents called hedged when activations are shuffled", _number(found.shuffled)),
            ("95 % intervals, widened by 0.01, that contain the impurity", _number(found.coverage)),
            ("latents without a score", str(found.n_unscored)),
        ),
    )


def _trained(found: Validation) -> Sheet:
    names = sorted({name for row in found.trained_confusion.values() for name in row})
    return Sheet(
        "Diagnosis of the latents of trained SAEs",
        ("truth", *names),
        tuple((kind, *(str(row.get(name, 0)) for name in names)) for kind, row in found.trained_confusion.items()),
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def markdown(tables: Sequence[Sheet]) -> str:
    """The tables in Markdown."""
    lines = []
    for sheet in tables:
        lines += [f"**{sheet.title}**", ""]
        lines += [_line(sheet.head), _line(["---"] * len(sheet.head)), *map(_line, sheet.rows), ""]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
