"""The rules, case by case."""

from __future__ import annotations

import pytest

from app.records import LatentDiagnosis, PartnerDiagnosis
from app.scores.diagnosis import diagnose_latent, diagnose_partner


@pytest.mark.parametrize(
    ("rank", "hedged", "absorbs", "cosine_to_main", "expected"),
    [
        (0, False, True, 1.0, "main"),
        (0, True, False, 1.0, "main"),
        (1, True, False, 0.2, "hedged"),
        (1, True, True, 0.2, "absorbed"),
        (1, True, False, -0.95, "hedged"),
        (1, False, False, 0.2, "unexplained"),
        (1, True, False, 0.8, "split"),
        (2, False, False, 0.95, "split"),
    ],
)
def test_partners(rank: int, hedged: bool, absorbs: bool, cosine_to_main: float, expected: PartnerDiagnosis) -> None:
    found = diagnose_partner(rank=rank, hedged=hedged, absorbs=absorbs, cosine_to_main=cosine_to_main)
    assert found == expected


@pytest.mark.parametrize(
    ("n_firings", "percentile", "score", "absorbed", "expected"),
    [
        (0, 1.0, None, False, "dead"),
        (100, 0.94, 0.5, True, "novel"),
        (100, 0.95, 0.5, False, "hedged"),
        (100, 0.99, 0.5, True, "absorbed"),
        (100, 0.99, 0.09, False, "clean"),
        (100, 0.99, 0.1, False, "hedged"),
        (20, 0.99, None, False, None),
        (20, 0.5, None, False, "novel"),
        (100, None, 0.3, False, "hedged"),
    ],
)
def test_latents(
    n_firings: int, percentile: float | None, score: float | None, absorbed: bool, expected: LatentDiagnosis | None
) -> None:
    found = diagnose_latent(n_firings=n_firings, percentile=percentile, score=score, absorbed=absorbed)
    assert found == expected
