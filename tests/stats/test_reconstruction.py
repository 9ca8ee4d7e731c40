from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from app.stats.reconstruction import VarianceExplained


def feed(explained: VarianceExplained, x: np.ndarray, outputs: list[np.ndarray]) -> None:
    residual = np.array([np.square(x - out).sum() for out in outputs])
    explained.update(len(x), x.sum(axis=0), float(np.square(x).sum()), residual)


def test_hand_worked() -> None:
    # Σ‖x‖² = 10, ‖Σx‖² / n = 16 / 2 = 8: variance 2. Errors 0.5 and 4.
    explained = VarianceExplained(2)
    explained.update(2, np.array([4.0, 0.0]), 10.0, np.array([0.5, 4.0]))
    assert explained.finalize().per_level == (0.75, -1.0)
    assert explained.finalize().reason is None


@pytest.mark.parametrize("cuts", [[], [1], [13, 14, 40]])
def test_equals_the_centred_formula_under_any_split(cuts: list[int]) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 6)) + 30
    outputs = [x + rng.normal(size=x.shape) * scale for scale in (0.1, 0.7)]
    variance = np.square(x - x.mean(axis=0)).sum()
    expected = [1 - np.square(x - out).sum() / variance for out in outputs]
    ours, theirs = VarianceExplained(2), VarianceExplained(2)
    ends = [0, *cuts, 50]
    for turn, (a, b) in enumerate(pairwise(ends)):
        feed(theirs if turn % 2 else ours, x[a:b], [out[a:b] for out in outputs])
    ours.merge(theirs)
    result = ours.finalize()
    assert result.n_tokens == 50
    assert result.per_level == pytest.approx(expected, rel=1e-9)


def test_perfect_and_mean_reconstruction() -> None:
    x = np.array([[1.0, 2.0], [3.0, 5.0], [2.0, -4.0]])
    explained = VarianceExplained(2)
    feed(explained, x, [x, np.broadcast_to(x.mean(axis=0), x.shape)])
    assert explained.finalize().per_level == pytest.approx((1.0, 0.0), abs=1e-12)


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_tokens_are_said(n: int) -> None:
    explained = VarianceExplained(3)
    feed(explained, np.ones((n, 4)), [np.zeros((n, 4))] * 3)
    result = explained.finalize()
    assert result.per_level == (None, None, None)
    assert result.reason == f"{n} scored tokens, at least 2 are needed"


def test_constant_activations_have_no_variance_to_explain() -> None:
    explained = VarianceExplained(1)
    feed(explained, np.full((1000, 5), 0.1), [np.zeros((1000, 5))])
    result = explained.finalize()
    assert result.per_level == (None,)
    assert result.reason == "the activations do not vary"
