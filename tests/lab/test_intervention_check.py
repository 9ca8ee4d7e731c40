"""The check that holds scores against a stored intervention."""

from __future__ import annotations

import numpy as np
import pytest

from app.lab.checks.intervention import FIELDS, MATCHED, findings, partial_spearman
from app.lab.scoring import SCORE
from tests.builders import make_bundle, make_intervention


def test_what_two_numbers_share_with_a_third_is_left_out() -> None:
    rng = np.random.default_rng(0)
    third, own, noise = (rng.standard_normal(4000) for _ in range(3))
    assert partial_spearman(third + own, third + noise, [third]) == pytest.approx(0, abs=0.06)
    assert partial_spearman(third + own, noise + own, [third]) == pytest.approx(
        np.corrcoef(own, noise + own)[0, 1], abs=0.06
    )
    assert partial_spearman(np.ones(50), noise[:50], [third[:50]]) is None


def test_latents_with_a_score_count() -> None:
    summary = make_bundle().summary
    record = make_intervention(summary)
    n = len(record.latents)
    score = np.arange(n, dtype=float)
    score[3] = np.nan
    rng = np.random.default_rng(1)
    numbers = {name: -np.arange(n, dtype=float) for name in FIELDS}
    numbers |= {SCORE: score, **{name: rng.random(n) for name in MATCHED}}
    found = findings(record.summary, record.latents, numbers)
    falls, ranks = found.tables
    assert falls.rows[0] == ("named, partner added", 0.9, 0.02, 0.5)
    # The made-up releases ascend with the index, so the score predicts them and decoder hedging does the opposite.
    assert ranks.rows[0][1] == pytest.approx(1.0)
    assert ranks.rows[1][1] == pytest.approx(-1.0)
    assert found.settings["latents"] == n - 1
    assert [each.met for each in found.aims] == [False, False, True, None, True, True, True]
