"""The rules, case by case."""

from __future__ import annotations

import pytest

from app.records import LatentDiagnosis, PartnerDiagnosis
from app.scores.diagnosis import ScoreFindings, diagnose_latent, diagnose_partner


@pytest.mark.parametrize(
    ("rank", "named", "absorbs", "cosine_to_main", "expected"),
    [
        (0, False, True, 1.0, "main"),
        (1, True, False, 0.2, "hedged"),
        (1, True, True, 0.2, "absorbed"),
        (1, True, False, -0.95, "hedged"),
        (1, False, False, 0.2, "unexplained"),
        (2, False, False, 0.95, "split"),
    ],
)
def test_partners(rank: int, named: bool, absorbs: bool, cosine_to_main: float, expected: PartnerDiagnosis) -> None:
    found = diagnose_partner(rank=rank, named=named, absorbs=absorbs, cosine_to_main=cosine_to_main)
    assert found == expected


@pytest.mark.parametrize(
    ("low", "high", "chance", "expected"),
    [
        (0.06, 0.4, 0.02, "hedged"),
        (0.04, 0.4, 0.02, "uncertain"),
        (0.06, 0.4, 0.1, "uncertain"),
        (0.0, 0.05, 0.02, "clean"),
        (0.0, 0.08, 0.09, "clean"),
    ],
)
def test_scores(low: float, high: float, chance: float, expected: LatentDiagnosis) -> None:
    assert ScoreFindings(low=low, high=high, chance=chance).diagnosis == expected


HEDGED = ScoreFindings(low=0.4, high=0.6, chance=0.05)


@pytest.mark.parametrize(
    ("n_firings", "percentile", "findings", "absorbed", "expected"),
    [
        (0, 1.0, None, False, "dead"),
        (100, 0.94, HEDGED, True, "novel"),
        (100, 0.95, HEDGED, False, "hedged"),
        (100, 0.99, HEDGED, True, "absorbed"),
        (20, 0.99, None, False, None),
        (20, 0.5, None, False, "novel"),
        (100, None, HEDGED, False, "hedged"),
    ],
)
def test_latents(
    n_firings: int,
    percentile: float | None,
    findings: ScoreFindings | None,
    absorbed: bool,
    expected: LatentDiagnosis | None,
) -> None:
    found = diagnose_latent(n_firings=n_firings, percentile=percentile, findings=findings, absorbed=absorbed)
    assert found == expected
