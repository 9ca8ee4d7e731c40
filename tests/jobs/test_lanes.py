"""Short jobs do not wait for long ones."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from app.jobs.leases import SHORT_TOKENS, claim_step, complete_plan
from app.jobs.queue import get_job, submit
from app.records import SaeRequest
from tests.jobs.conftest import REQUEST, Place
from tests.jobs.test_leases import LONG_S, plan_of, take
from tests.pipeline.world import World

pytestmark = pytest.mark.slow


def test_between_two_steps_of_a_long_job_short_ones_come_first(place: Place) -> None:
    long = place.ask()
    complete_plan(place.engine, take(place), plan_of(SHORT_TOKENS, 1))
    assert claim_step(place.engine, "b", LONG_S, only_short=True) is None

    short = place.ask(replace(REQUEST, name="short"))
    plan = take(place)
    assert (plan.job.id, plan.phase) == (short.id, "plan")
    complete_plan(place.engine, plan, plan_of(SHORT_TOKENS - 1, 1))
    sae = submit(place.engine, SaeRequest("sae", name="third"))
    claims = [claim_step(place.engine, "b", LONG_S, only_short=True) for _ in range(4)]
    assert [claim and claim.job.id for claim in claims] == [short.id, short.id, sae.id, None]
    assert take(place).job.id == long.id


def test_while_a_long_step_is_under_way_a_short_job_is_done(place: Place, world: World) -> None:
    shutil.copytree(world.narrow, place.folder / "input" / "sae", dirs_exist_ok=True)
    long = place.ask()
    place.start(slowly_s=300, short_tokens=1000)
    place.wait(long.id, lambda job: job.total is not None)
    short = submit(place.engine, SaeRequest("sae", name="another"))
    ended = place.wait(short.id, lambda job: not job.is_active)
    assert (ended.state, ended.sae) == ("done", "another"), ended.error
    assert (get_job(place.engine, long.id).state, get_job(place.engine, long.id).done) == ("running", 0)
