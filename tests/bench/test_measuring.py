"""Time, memory and processes."""

from __future__ import annotations

import math
import os
import time

import pytest

from bench import machine, stages
from bench.child import ChildDiedError, in_fresh_process


class Clock:
    """A clock that moves only when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)

    def forward(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_the_median_of_the_repeats_counts(clock: Clock) -> None:
    lengths = iter((1.0, 50.0, 2.0))
    assert machine.seconds(lambda: clock.forward(next(lengths)), 3) == 2.0


def test_what_an_accelerator_still_does_counts_and_what_it_did_before_does_not(clock: Clock) -> None:
    left = [5.0]

    def work() -> None:
        left[0] = 3.0

    def wait() -> None:
        clock.forward(left[0])
        left[0] = 0.0

    assert machine.seconds(work, 1, wait=wait) == 3.0


def test_the_facts_name_the_machine_and_the_commit() -> None:
    facts = machine.facts()
    assert set(facts) == {"machine", "threads", "versions", "commit", "date"}
    assert f"{os.cpu_count()} cores" in facts["machine"]
    assert "torch" in facts["versions"]


def test_peak_memory_is_in_mib() -> None:
    assert 10 < machine.peak_mib() < 1_000_000


def test_a_stage_ends_where_the_next_one_begins(clock: Clock) -> None:
    watched = stages.StageClock()
    clock.forward(1)
    watched("encode", 10, "tokens")(10)
    clock.forward(2)
    watched("score", 1, "latents")
    clock.forward(4)
    watched("encode", 10, "tokens")
    clock.forward(8)
    assert watched.before_first() == 1
    assert watched.seconds(clock.now) == {"encode": 10, "score": 4}


def test_work_in_a_fresh_process_returns_its_result() -> None:
    assert in_fresh_process(math.hypot, 3, 4) == 5.0
    assert in_fresh_process(os.getpid) != os.getpid()


def test_a_process_that_dies_is_reported_with_its_exit_code() -> None:
    with pytest.raises(ChildDiedError, match="exit code 3"):
        in_fresh_process(os._exit, 3)
