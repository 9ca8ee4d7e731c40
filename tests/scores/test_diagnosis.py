"""The first rule, case by case."""

from __future__ import annotations

import pytest

from app.records import LatentDiagnosis, PartnerDiagnosis
from app.scores.diagnosis import diagnose_latent, diagnose_partner


@pytest.mark.parametrize(
    ("rank", "hedged", "cosine_to_main", "expected"),
    [
        (0, False, 1.0, "main"),
        (0, True, 1.0, "main"),
        (1, True, 0.2, "hedged"),
        (1, True, -0.95, "hedged"),
        (1, False, 0.2, "unexplained"),
        (1, True, 0.9, "split"),
        (2, False, 0.95, "split"),
    ],
)
def test_partners(rank: int, hedged: bool, cosine_to_main: float, expected: PartnerDiagnosis) -> None:
    assert diagnose_partner(rank=rank, hedged=hedged, cosine_to_main=cosine_to_main) == expected


@pytest.mark.parametrize(
    ("n_firings", "percentile", "score", "n_hedged", "expected"),
    [
        (0, 1.0, None, 0, "dead"),
        (100, 0.94, 0.5, 2, "novel"),
        (100, 0.95, 0.5, 2, "hedged"),
        (100, 0.99, 0.5, 0, "clean"),
        (100, 0.99, 0.09, 1, "clean"),
        (100, 0.99, 0.1, 1, "hedged"),
        (20, 0.99, None, 0, None),
        (20, 0.5, None, 0, "novel"),
        (100, None, 0.3, 1, "hedged"),
    ],
)
def test_latents(
    n_firings: int, percentile: float | None, score: float | None, n_hedged: int, expected: LatentDiagnosis | None
) -> None:
    found = diagnose_latent(n_firings=n_firings, percentile=percentile, score=score, n_hedged=n_hedged)
    assert found == expected
