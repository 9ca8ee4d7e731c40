"""The scores on worlds whose features are known."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from app.lab import report
from app.lab.checks.scope import Findings, Scope
from app.lab.validation import Purpose, n_worlds, run_all

NOTES = (
    "In hierarchical worlds the inner rows of a Matryoshka reference hold the same mixtures as the narrow SAE, and the "
    "score trusts its reference. With the true features as the reference it ranks nearly perfectly.",
)


def run(scope: Scope) -> Findings:
    """Train SAEs on the worlds of a purpose, score them, compare with the truth."""
    purpose: Purpose = "quick" if scope.quick else "tuning" if scope.tuning else "test"
    advance = scope.progress("worlds", n_worlds(purpose), "worlds")
    found = run_all(purpose, scope.folder, scope.workers, advance)
    return Findings(
        settings={"worlds": purpose},
        tables=report.tables(found),
        aims=report.aims(found),
        notes=NOTES,
        data=_rounded(asdict(found)),
    )


def _rounded(value: Any) -> Any:
    """With four decimals, which is more than the figures are good for."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value
