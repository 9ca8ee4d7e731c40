"""The intervention's estimator, on cases worked out by hand and where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from app.arrays import Flags, Float32s, Float64s
from app.errors import ScoringError
from app.scores.release import (
    Block,
    ReleaseEstimator,
    choose_candidates,
    distance_moved,
    draw_splits,
    motion_cosines,
    turn,
)
from app.scores.release_summary import FallLog, intervals, named_pairs, pairs_to_keep

E1, E2, E3 = np.eye(3, dtype=np.float32)
START = np.stack([0.8 * E1 + 0.6 * E2, 0.8 * E1 - 0.6 * E3]).astype(np.float32)
DIRECTIONS = np.stack([E2, E3])
FIRST = np.array([[True, False], [False, True]])


def block(first: float, second: float, control: float = 0.0) -> Block:
    """Latent 0 lets go of so much of e_2 in the first and second run; the control loses `control` of it."""
    rows = [START.copy() for _ in range(3)]
    for row, fall in zip(rows, (control, first, second), strict=True):
        row[0, 1] -= fall
    return Block(*rows)


def estimator(*blocks: Block, added: Flags = FIRST) -> ReleaseEstimator:
    found = ReleaseEstimator(START, DIRECTIONS)
    for each in blocks:
        found.update(each, added)
    return found


def test_release_is_the_fall_where_added_less_the_fall_where_not() -> None:
    found = estimator(block(0.30, 0.10), block(0.24, 0.08)).result()
    assert found.cosine == pytest.approx(np.array([[0.6, 0.0], [0.0, -0.6]]), abs=1e-6)
    assert found.fall_added[0, 0] == pytest.approx(0.27, abs=1e-6)
    assert found.fall_not_added[0, 0] == pytest.approx(0.09, abs=1e-6)
    assert found.release[0, 0] == pytest.approx(0.18, abs=1e-6)
    # Differences 0.20 and 0.16: standard deviation 0.0283, over the root of two.
    assert found.se[0, 0] == pytest.approx(0.02, abs=1e-6)
    assert found.summed == pytest.approx([2 * 0.6 * 0.18, 0], abs=1e-6)
    assert found.summed_se == pytest.approx([2 * 0.6 * 0.02, 0], abs=1e-6)
    assert found.release[1] == pytest.approx([0, 0], abs=1e-6)


def test_falls_are_against_the_control_and_its_own_stand_apart() -> None:
    plain, drifted = estimator(block(0.3, 0.1)).result(), estimator(block(0.35, 0.15, control=0.05)).result()
    assert drifted.release == pytest.approx(plain.release, abs=1e-6)
    assert drifted.fall_added == pytest.approx(plain.fall_added, abs=1e-6)
    assert plain.control_fall[0, 0] == 0
    assert drifted.control_fall[0, 0] == pytest.approx(0.05, abs=1e-6)


def test_letting_go_of_a_negative_component_is_a_fall_too() -> None:
    rows = START.copy()
    rows[1, 2] += 0.2
    found = estimator(Block(START, START, rows)).result()
    assert found.release[1, 1] == pytest.approx(0.2, abs=1e-6)
    assert found.summed[1] == pytest.approx(2 * 0.6 * 0.2, abs=1e-6)


def test_one_block_has_no_standard_error() -> None:
    found = estimator(block(0.3, 0.1)).result()
    assert np.isnan(found.se).all()
    assert np.isnan(found.summed_se).all()
    assert all(np.isnan(end).all() for end in intervals(found))


def test_intervals_are_students() -> None:
    found = estimator(block(0.30, 0.10), block(0.24, 0.08)).result()
    low, high = intervals(found)
    # t of 0.975 with one degree of freedom is 12.706.
    assert (low[0, 0], high[0, 0]) == pytest.approx((0.18 - 12.706 * 0.02, 0.18 + 12.706 * 0.02), abs=1e-4)


def test_what_any_training_does_has_no_release() -> None:
    """Noise of a thousand times the usual size, alike in added and not added runs, averages out."""
    rng = np.random.default_rng(0)
    start = unit(rng.normal(size=(40, 16)))
    directions = unit(rng.normal(size=(10, 16)))
    found = ReleaseEstimator(start, directions)
    for _ in range(200):
        control, *runs = (unit(start + 0.1 * rng.normal(size=start.shape)) for _ in range(3))
        added = rng.random(10) < 0.5
        found.update(Block(control, *runs), np.stack([added, ~added]))
    result = found.result()
    assert np.abs(result.release).max() < 0.1
    z = result.release / result.se
    assert z.mean() == pytest.approx(0, abs=0.25)
    assert z.std() == pytest.approx(1, abs=0.15)
    assert np.abs(result.summed / result.summed_se).max() < 4.5


def unit(rows: Float64s) -> Float32s:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@pytest.mark.parametrize("n", [2, 7, 256])
@pytest.mark.parametrize("n_runs", [2, 8])
def test_every_candidate_is_added_in_half_of_the_runs(n: int, n_runs: int) -> None:
    splits = draw_splits(n, n_runs, seed=3)
    assert splits.shape == (n_runs, n)
    assert (splits.sum(axis=0) == n_runs // 2).all()
    assert (splits[0::2] != splits[1::2]).all()
    assert set(splits.sum(axis=1)) <= {n // 2, n - n // 2}
    assert (draw_splits(n, n_runs, seed=3) == splits).all()


def test_splits_are_random() -> None:
    """Two candidates are on the same side about half of the time, and another seed gives other splits."""
    splits = draw_splits(60, 400, seed=0)[::2]
    together = (splits[:, :1] == splits[:, 1:]).mean(axis=0)
    assert together.mean() == pytest.approx(0.5, abs=0.05)
    assert together.min() > 0.3
    assert (draw_splits(60, 400, seed=1) != draw_splits(60, 400, seed=0)).any()


def test_designs_that_are_refused() -> None:
    with pytest.raises(ScoringError, match="1 candidates"):
        draw_splits(1, 4, seed=0)
    for n_runs in (0, 3):
        with pytest.raises(ScoringError, match=f"{n_runs} runs: expected an even number"):
            draw_splits(4, n_runs, seed=0)
    with pytest.raises(ScoringError, match="in both runs of a block"):
        estimator(block(0.3, 0.1), added=np.ones((2, 2), dtype=np.bool_))
    with pytest.raises(ScoringError, match="no block"):
        estimator().result()
    with pytest.raises(ScoringError, match="no run"):
        distance_moved([])


def test_candidates_are_alive_without_a_twin_and_by_mass() -> None:
    mass = np.array([0.1, 0.5, 0.9, 0.0, 0.0, 0.3])
    firings = np.array([10, 10, 10, 10, 20, 0])
    best = np.array([0.1, 0.2, 0.7, 0.3, 0.1, 0.0])
    assert choose_candidates(mass, firings, best, n=2, twin=0.7).tolist() == [0, 1]
    assert choose_candidates(mass, firings, best, n=3, twin=0.7).tolist() == [0, 1, 4]
    assert choose_candidates(mass, firings, best, n=9, twin=0.7).tolist() == [0, 1, 3, 4]
    assert choose_candidates(mass, firings, best, n=9, twin=0.05).tolist() == []


def test_distance_moved_of_one_run_is_one_less_squared_cosine() -> None:
    control = unit(np.array([[1.0, 0, 0], [0, 1, 0]]))
    extended = unit(np.array([[1.0, 1, 0], [0, 1, 0]]))
    assert distance_moved([turn(extended, control)]) == pytest.approx([0.5, 0], abs=1e-6)


def test_distance_moved_of_several_runs_is_free_of_noise() -> None:
    rng = np.random.default_rng(1)
    true = 0.2 * unit(rng.normal(size=(30, 64)))
    runs = [np.asarray(true + 0.05 * rng.normal(size=true.shape), dtype=np.float32) for _ in range(20)]
    assert distance_moved(runs) == pytest.approx(0.04, abs=0.02)
    assert distance_moved(runs[:1]).mean() > 0.15
    assert distance_moved(runs).mean() == pytest.approx(0.04, abs=0.003)


def test_motion_cosines() -> None:
    change = np.array([[0.0, -0.3, 0], [0, 0.1, 0], [0, 0, 0], [0.1, 0, 0]], dtype=np.float32)
    predicted = np.array([[0.0, -0.5, 0], [0, -0.5, 0], [0, -0.5, 0], [0, 0, 0.01]], dtype=np.float32)
    found = motion_cosines(change, predicted)
    assert found[:2] == pytest.approx([1, -1])
    assert np.isnan(found[2:]).all()


def test_the_log_tells_named_from_other_pairs_and_added_from_not() -> None:
    mass = np.array([[0.3, 0.0], [0.0, 0.005]])
    log = FallLog(mass, np.array([[0.6, 0.0], [0.0, -0.6]]), DIRECTIONS, np.array([True, True]))
    falls = np.array([[0.2, -0.1], [0.05, 0.07]])
    change = np.stack([-0.2 * E2, 0 * E1]).astype(np.float32)
    log.update(falls, change, np.array([True, False]))
    named, other = log.summary("named", added=True), log.summary("other", added=True)
    assert (named.n, named.share_falling, named.median) == (1, 1.0, 0.2)
    assert named.motion_cosine == pytest.approx(1.0)
    assert log.summary("named", added=False).n == 0
    assert log.summary("named", added=False).median is None
    assert (other.n, other.median, other.motion_cosine) == (1, 0.05, None)
    assert (log.summary("other", added=False).n, log.summary("other", added=False).share_falling) == (2, 0.5)


def test_named_pairs_and_the_largest_others_are_kept() -> None:
    mass = np.array([[0.3, 0, 0], [0, 0, 0], [0.3, 0, 0]])
    alive = np.array([True, True, False])
    named = named_pairs(mass, alive)
    assert np.argwhere(named).tolist() == [[0, 0]]
    directions = np.stack([E1, E2, E3])
    start = np.stack([E1, E1, E1])
    rows = start.copy()
    rows[:, 0] -= np.array([0.1, 0.3, 0.2], dtype=np.float32)
    found = ReleaseEstimator(start, directions)
    found.update(Block(start, rows, start), np.array([[True, False, False], [False, True, True]]))
    kept = pairs_to_keep(found.result(), named, alive, n_others=1).tolist()
    assert [0, 0] in kept
    assert [1, 0] in kept
    assert len(kept) == 3
