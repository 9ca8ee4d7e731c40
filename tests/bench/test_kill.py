"""When workers are killed, and how stored values are compared."""

from __future__ import annotations

import random

from bench.kill_runs import Undisturbed, compared, moments
from tests.pipeline.dump import Dump

EMPTY = Dump(None, [], [], [], [], [], {})


def test_kills_fall_into_planning_shards_and_scoring() -> None:
    random.seed(0)
    calm = Undisturbed("slug", EMPTY, n_shards=30, plan_s=1.0, shards_s=30.0, finish_s=2.0)
    found = moments(20, calm)
    assert len(found) == 20
    assert [shards for shards, _ in found] == sorted(shards for shards, _ in found)
    assert sum(shards == 0 for shards, _ in found) == 2
    assert sum(shards == 30 for shards, _ in found) == 5
    assert all(pause_s >= 0 for _, pause_s in found)


def test_values_are_compared_to_the_last_bit() -> None:
    one = Dump(None, [0.1 + 0.2, 1.0], [], [], [], [], {3: "word"})
    other = Dump(None, [0.3, 1.0], [], [], [], [], {3: "word"})
    assert compared(one, one) == {"values": 5, "values_that_differ": 0}
    assert compared(one, other)["values_that_differ"] == 1
    assert compared(one, EMPTY)["values_that_differ"] > 0
