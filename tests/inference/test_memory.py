"""A budget is never exceeded, and what was used longest ago goes first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import WorkerError
from app.inference.server.memory import Key, Memory


def key(name: str) -> Key:
    return Key("sae", name, name)


def hold(memory: Memory[str], name: str, size: int, **more: object) -> str:
    return memory.get(key(name), lambda: name, lambda _value: size, **more)  # type: ignore[arg-type]


def names(memory: Memory[str]) -> list[str]:
    return [held.name for held, _, _ in memory.held()]


def test_what_was_used_longest_ago_makes_room() -> None:
    memory: Memory[str] = Memory(10)
    for name in ("a", "b"):
        hold(memory, name, 4)
    hold(memory, "a", 4)
    hold(memory, "c", 4)
    assert names(memory) == ["a", "c"]
    assert memory.n_bytes == 8


def test_it_is_loaded_once_while_it_is_held() -> None:
    memory: Memory[str] = Memory(10)
    loads: list[int] = []
    for _ in range(3):
        memory.get(key("a"), lambda: loads.append(1) or "a", lambda _value: 4)  # type: ignore[func-returns-value]
    assert loads == [1]


def test_what_is_in_use_stays() -> None:
    memory: Memory[str] = Memory(10)
    hold(memory, "model", 6)
    hold(memory, "b", 4)
    hold(memory, "c", 4, needed=(key("model"),))
    assert names(memory) == ["model", "c"]
    with pytest.raises(WorkerError, match=r"needs 1 MiB in addition to 1 MiB in use.*HEDGESCOPE_WORKER_MEMORY_MIB"):
        hold(memory, "d", 5, needed=(key("model"),))


def test_room_is_made_before_what_has_a_known_size_is_loaded() -> None:
    memory: Memory[str] = Memory(10)
    hold(memory, "a", 8)
    seen: list[int] = []
    memory.get(key("b"), lambda: seen.append(memory.n_bytes) or "b", lambda _value: 8, expected=8)  # type: ignore[func-returns-value]
    assert seen == [0]


def test_too_large_for_the_budget_is_said_before_loading() -> None:
    memory: Memory[str] = Memory(10)
    with pytest.raises(WorkerError, match="sae big needs"):
        memory.get(key("big"), lambda: pytest.fail("loaded"), lambda _value: 11, expected=11)


def test_ages_are_since_the_last_use() -> None:
    now = [0.0]
    memory: Memory[str] = Memory(10, clock=lambda: now[0])
    hold(memory, "a", 1)
    now[0] = 5.0
    hold(memory, "b", 1)
    now[0] = 7.0
    assert [age for _, _, age in memory.held()] == [7.0, 2.0]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 10)), max_size=40))
def test_the_budget_is_never_exceeded(uses: list[tuple[str, int]]) -> None:
    memory: Memory[str] = Memory(10)
    sizes: dict[str, int] = {}
    for name, size in uses:
        hold(memory, name, sizes.setdefault(name, size))
        assert memory.n_bytes <= 10
        assert names(memory)[-1] == name
