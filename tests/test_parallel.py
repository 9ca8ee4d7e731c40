from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from app.parallel import N_AHEAD, BoundedQueue, ahead, together
from tests.waiting import take_time


class Broken(Exception):
    pass


def fail() -> None:
    raise Broken


def test_tasks_run_at_the_same_time_and_results_keep_their_order() -> None:
    both_there = threading.Barrier(2)

    def meet(n: int) -> int:
        both_there.wait(timeout=10)
        return n

    assert together(partial(meet, 1), partial(meet, 2)) == [1, 2]


def test_an_error_is_raised_when_all_tasks_are_done() -> None:
    returned = threading.Event()
    was_early = list[bool]()

    def slow() -> None:
        was_early.append(returned.wait(timeout=0.05))

    with pytest.raises(Broken):
        together(fail, slow)
    returned.set()
    assert was_early == [False]


def test_tasks_may_run_tasks_themselves() -> None:
    def nested(n: int) -> list[int]:
        return together(*(partial(pow, n, 2) for _ in range(8)))

    assert together(*(partial(nested, n) for n in range(64))) == [[n * n] * 8 for n in range(64)]


def test_ahead_begins_at_once_and_never_works_far_ahead() -> None:
    begun = list[int]()
    enough = threading.Event()

    def double(n: int) -> int:
        begun.append(n)
        if len(begun) >= N_AHEAD:
            enough.set()
        return 2 * n

    taken = list[int]()

    def items() -> Iterator[int]:
        for n in range(20):
            taken.append(n)
            yield n

    results = ahead(double, items())
    assert enough.wait(timeout=10)
    assert taken == sorted(begun) == list(range(N_AHEAD))
    assert next(results) == 0
    assert list(results) == list(range(2, 40, 2))


def test_ahead_of_nothing_is_nothing() -> None:
    assert list(ahead(len, [])) == []


def test_an_error_ahead_comes_in_its_place() -> None:
    results = ahead(lambda n: 1 // n, [1, 0, 1])
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_a_line_does_things_in_order_and_is_waited_for() -> None:
    done = list[int]()

    def slow(n: int) -> None:
        take_time(0.001 * (3 - n % 3))
        done.append(n)

    with BoundedQueue() as line:
        for n in range(3 * N_AHEAD):
            line.put(partial(slow, n))
    assert done == list(range(3 * N_AHEAD))


def in_a_line(*tasks: Callable[[], object], last: Callable[[], object] = bool) -> None:
    with BoundedQueue() as line:
        for task in tasks:
            line.put(task)
        last()


@pytest.mark.parametrize("n_after", [0, 3 * N_AHEAD])
def test_an_error_in_a_line_is_raised(n_after: int) -> None:
    with pytest.raises(Broken):
        in_a_line(fail, *([bool] * n_after))


def test_an_error_beside_a_line_is_not_hidden_by_it() -> None:
    with pytest.raises(ZeroDivisionError):
        in_a_line(fail, last=lambda: 1 // 0)
