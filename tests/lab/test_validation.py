"""Metrics by hand, worlds as they say, and constructed latents through the whole program."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.lab.constructed import FINDINGS, N_EACH, confusion, found_in, macro_f1
from app.lab.metrics import Lead, auroc, average_precision, calibration, lead, quality
from app.lab.trained import impurity_of, save_perfect
from app.lab.validation import specs
from app.lab.worlds import FAMILIES, World

SCORE = np.array([0.9, 0.8, 0.3, 0.2])
IMPURE = np.array([True, False, True, False])


def test_metrics_by_hand() -> None:
    assert auroc(SCORE, IMPURE) == 0.75
    assert average_precision(SCORE, IMPURE) == pytest.approx((1 + 2 / 3) / 2)
    assert auroc(np.zeros(4), IMPURE) == 0.5
    assert average_precision(np.zeros(4), IMPURE) == 0.5
    found = quality(SCORE, SCORE, IMPURE)
    assert (found.n, found.n_impure, found.error) == (4, 2, 0)
    assert found.spearman == pytest.approx(1)
    nothing = quality(SCORE, SCORE, np.zeros(4, dtype=np.bool_))
    assert (nothing.auroc, nothing.average_precision, nothing.detected) == (None, None, None)


def test_calibration_by_hand() -> None:
    rows = calibration(SCORE, np.array([0.8, 0.6, 0.2, 0.0]), (0.0, 0.25, 0.5, 0.9))
    assert [(n, mean) for *_, n, _, mean in rows] == [(1, 0.0), (1, 0.2), (2, pytest.approx(0.7))]
    assert [score for *_, score, _ in rows] == pytest.approx([SCORE[3], SCORE[2], SCORE[:2].mean()])


def test_a_lead_by_hand() -> None:
    impure = np.arange(40) < 20
    right, noise = np.where(impure, 1.0, 0.0), np.arange(40.0) % 2
    found = lead(right, noise, impure)
    assert found.difference == pytest.approx(0.5)
    assert 0.3 < found.low < 0.5 < found.high < 0.7
    assert lead(right, right, impure) == Lead(0, 0, 0)


def test_worlds_for_testing_are_not_those_for_tuning() -> None:
    for family in FAMILIES:
        tuning, test, quick = ([s for s in specs(p) if s.family == family] for p in ("tuning", "test", "quick"))
        assert not {spec.seed for spec in tuning} & {spec.seed for spec in [*test, *quick]}
        assert not {(s.n_features, s.d_in) for s in tuning} & {(s.n_features, s.d_in) for s in test}


@pytest.mark.parametrize("spec", specs("quick"), ids=lambda spec: spec.family)
def test_worlds_are_what_their_family_says(spec: object, tmp_path: Path) -> None:
    world = World(spec)  # type: ignore[arg-type]
    fires = world.sample(20_000, seed=1) > 0
    assert fires.any(dim=0).all()
    n_expected = fires.float().mean(dim=0)
    together = np.corrcoef(fires.numpy().T)
    off = together[~np.eye(len(together), dtype=np.bool_)]
    family = world.spec.family
    if family == "independent":
        assert np.abs(off).max() < 0.05
    elif family == "anti-correlated":
        assert off.min() < -0.1
    else:
        assert off.max() > 0.2
    assert (world.features.shape[0] > world.features.shape[1]) == (family == "superposed")
    assert 0 < float(n_expected.min()) < float(n_expected.max()) < 0.6
    save_perfect(world.features, world.sample(2000, seed=2), tmp_path / "perfect")
    assert impurity_of(tmp_path / "perfect", world.features).max() < 1e-6


@pytest.mark.slow
def test_constructed_latents_are_told_apart(tmp_path: Path) -> None:
    truth, found = found_in(5, tmp_path / "world")
    table = confusion(truth, found)
    assert sum(sum(row.values()) for row in table.values()) == N_EACH * len(FINDINGS)
    assert macro_f1(table) >= 0.8


def test_f1_by_hand() -> None:
    table = confusion(
        ["clean", "clean", "hedged", "absorbed", "split"], ["clean", "hedged", "hedged", "novel", "split"]
    )
    assert table["absorbed"]["other"] == 1
    assert macro_f1(table) == pytest.approx((2 / 3 + 2 / 3 + 0 + 1) / 4)
