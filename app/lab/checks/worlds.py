"""The scores on worlds whose features are known."""

from __future__ import annotations

from dataclasses import asdict

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
        data=asdict(found),
    )
