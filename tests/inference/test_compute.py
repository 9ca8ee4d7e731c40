"""Which prompts share a forward pass."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from app.inference.server.compute import passes_of


def cost(passes: list[list[int]], lengths: list[int], pass_tokens: int) -> int:
    return sum(pass_tokens + len(places) * max(lengths[place] for place in places) for places in passes)


def partitions(places: list[int]) -> Iterator[list[list[int]]]:
    """All ways to divide some rows into passes."""
    if not places:
        yield []
        return
    first, rest = places[0], places[1:]
    for found in partitions(rest):
        yield [[first], *found]
        for index, group in enumerate(found):
            yield [*found[:index], [first, *group], *found[index + 1 :]]


@pytest.mark.parametrize("pass_tokens", [0, 7, 48, 4096])
@pytest.mark.parametrize("seed", range(4))
def test_no_other_passes_cost_less(pass_tokens: int, seed: int) -> None:
    lengths = np.random.default_rng(seed).integers(1, 90, 7).tolist()
    passes = passes_of(lengths, pass_tokens)
    assert sorted(place for places in passes for place in places) == list(range(7))
    least = min(cost(each, lengths, pass_tokens) for each in partitions(list(range(7))))
    assert cost(passes, lengths, pass_tokens) == least


def test_short_prompts_are_not_padded_to_a_long_one() -> None:
    passes = passes_of([8, 2000, 9, 8], 48)
    assert sorted(sorted(places) for places in passes) == [[0, 2, 3], [1]]


def test_equal_lengths_are_one_pass() -> None:
    assert passes_of([30] * 16, 48) == [list(range(16))]
    assert passes_of([5], 48) == [[0]]


def test_where_a_pass_is_dear_there_is_one() -> None:
    assert len(passes_of([8, 45, 20, 31], 4096)) == 1
