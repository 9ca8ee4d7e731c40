from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.errors import ScoringError
from app.stats.stretches import ActivationGather, Stretches
from tests.stats.dense_text import (
    RICH_PLAN,
    RICH_TEXT,
    DenseText,
    Plan,
    make_text,
    one_row_each,
    plans,
    texts,
    to_shard,
)


def stretches(latent: list[int], row: list[int], start: list[int], stop: list[int]) -> Stretches:
    return Stretches(*(np.array(column, dtype=np.int64) for column in (latent, row, start, stop)))


def random_requests(text: DenseText, seed: int, n: int = 200) -> Stretches:
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 8, n)
    return Stretches(
        latent=rng.integers(0, text.reference.shape[1], n),
        row=rng.integers(0, 24, n),
        start=start,
        stop=start + rng.integers(0, 6, n),
    )


def look_up(text: DenseText, latent: int, row: int, place: int) -> float:
    token = np.flatnonzero((text.row == row) & (text.position == place))
    return float(text.reference[token[0], latent]) if len(token) else 0.0


def test_hand_worked() -> None:
    acts = np.array([[2, 0], [0, 1], [5, 4]], dtype=np.float32)
    shard = to_shard(acts, np.array([6, 6, 9]), np.array([1, 3, 2], dtype=np.int32))
    gather = ActivationGather(stretches([0, 1, 1, 0], [6, 6, 9, 7], [0, 0, 2, 0], [3, 4, 3, 2]), n_latents=2)
    gather.update(shard)
    answers = gather.finalize()
    assert answers.values.dtype == np.float32
    assert [answers.of(request).tolist() for request in range(4)] == [[0, 2, 0], [0, 0, 0, 1], [4], [0, 0]]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(text=texts(), plan=plans, seed=st.integers(0, 99))
@example(text=RICH_TEXT, plan=RICH_PLAN, seed=1)
def test_equals_dense_under_any_split(text: DenseText, plan: Plan, seed: int) -> None:
    requests = random_requests(text, seed)
    width = text.reference.shape[1]
    answers = plan.run(lambda: ActivationGather(requests, width), text, lambda gather, _, shard: gather.update(shard))
    for n, (latent, row, start, stop) in enumerate(
        zip(*(column.tolist() for column in vars(requests).values()), strict=True)
    ):
        assert answers.of(n).tolist() == [look_up(text, latent, row, place) for place in range(start, stop)]
        assert not answers.values[n, stop - start :].any()


def test_the_same_request_twice_is_answered_twice() -> None:
    gather = ActivationGather(stretches([0, 0], [0, 0], [3, 3], [4, 4]), n_latents=1)
    gather.update(one_row_each([[7]]))
    assert gather.finalize().values.tolist() == [[7], [7]]


def test_no_request_at_all() -> None:
    gather = ActivationGather(stretches([], [], [], []), n_latents=11)
    gather.update(make_text(seed=1).whole()[1])
    assert gather.finalize().values.shape == (0, 0)


def test_a_stretch_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ScoringError, match="ends before it starts"):
        ActivationGather(stretches([0], [0], [4], [3]), n_latents=1)
