"""Steps are taken, renewed and completed by one worker each, on both databases alike."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from app.errors import ConflictError, NotFoundError, QueryError
from app.jobs.lease_keeper import LeaseKeeper, Stopped
from app.jobs.leases import (
    MAX_DEATHS,
    LeaseLost,
    claim_step,
    complete_finish,
    complete_plan,
    complete_shard,
    fail,
    hand_back,
    renew,
)
from app.jobs.queue import MAX_ACTIVE, cancel, get_job, get_jobs, list_jobs, resume, submit
from app.jobs.records import Claim, Job, Plan, ShardPlan
from app.records import ComparisonRequest, SaeRequest
from app.store.session import writing
from tests.jobs.clock import DatabaseClock
from tests.jobs.conftest import REQUEST, Place
from tests.jobs.steps import steps_of
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

LONG_S = 60.0


def plan_of(*n_tokens: int, done: tuple[int, ...] = ()) -> Plan:
    shards = (ShardPlan(i, i + 1, n, i in done) for i, n in enumerate(n_tokens))
    return Plan("hash", "encoding", tuple(shards), is_stored=False)


def take(place: Place, owner: str = "a", lease_s: float = LONG_S) -> Claim:
    claim = claim_step(place.engine, owner, lease_s)
    assert claim is not None
    return claim


def finish(place: Place, claim: Claim, result: str = "slug") -> None:
    with writing(place.engine) as connection:
        complete_finish(connection, claim, result)


def test_a_job_goes_from_plan_over_shards_to_done(place: Place) -> None:
    job = place.ask()
    assert (job.state, job.request, job.workers) == ("queued", REQUEST, 0)
    claim = take(place)
    assert (claim.phase, claim.job.state, claim.job.workers) == ("plan", "running", 1)
    assert claim_step(place.engine, "b", LONG_S) is None
    complete_plan(place.engine, claim, plan_of(100, 50, 25, done=(1,)))
    planned = get_job(place.engine, job.id)
    assert (planned.done, planned.total, planned.unit, planned.stage) == (50, 175, "tokens", "encoding")
    first, second = take(place), take(place, "b")
    assert [(c.phase, c.number, c.start, c.stop, c.n_tokens) for c in (first, second)] == [
        ("shards", 0, 0, 1, 100),
        ("shards", 2, 2, 3, 25),
    ]
    assert get_job(place.engine, job.id).workers == 2
    complete_shard(place.engine, second)
    assert claim_step(place.engine, "b", LONG_S) is None, "the finish waits for the last shard"
    complete_shard(place.engine, first)
    assert get_job(place.engine, job.id).done == 175
    last = take(place, "b")
    assert (last.phase, last.content_hash) == ("finish", "hash")
    finish(place, last)
    ended = get_job(place.engine, job.id)
    assert (ended.state, ended.slug, ended.workers, ended.seconds_left) == ("done", "slug", 0, None)
    assert ended.finished_at is not None
    assert claim_step(place.engine, "a", LONG_S) is None


def test_a_lease_that_ran_out_completes_nothing(place: Place, clock: DatabaseClock) -> None:
    job = place.ask()
    complete_plan(place.engine, take(place), plan_of(100, 50))
    late = take(place, "late")
    clock.advance(LONG_S - 1)
    assert take(place, "early").number != late.number
    clock.advance(2)
    new = take(place, "new")
    assert (new.number, new.fence > late.fence) == (late.number, True)
    with pytest.raises(LeaseLost):
        complete_shard(place.engine, late)
    with pytest.raises(LeaseLost):
        renew(place.engine, late, LONG_S)
    hand_back(place.engine, late)
    fail(place.engine, late, "nobody hears this")
    complete_shard(place.engine, new)
    with pytest.raises(LeaseLost):
        complete_shard(place.engine, new)
    found = get_job(place.engine, job.id)
    assert (found.state, found.done) == ("running", 100)


def test_the_same_worker_can_not_complete_with_an_older_lease(place: Place, clock: DatabaseClock) -> None:
    place.ask()
    complete_plan(place.engine, take(place), plan_of(100, 50))
    older = take(place, "a")
    clock.advance(LONG_S + 1)
    newer = take(place, "a")
    with pytest.raises(LeaseLost):
        complete_shard(place.engine, older)
    complete_shard(place.engine, newer)


def test_a_renewed_lease_is_kept(place: Place, clock: DatabaseClock) -> None:
    place.ask()
    claim = take(place, "a")
    clock.advance(LONG_S - 1)
    renew(place.engine, claim, LONG_S, {"stage": "reading", "done": 3, "total": 7, "unit": "rows"})
    clock.advance(LONG_S - 1)
    assert claim_step(place.engine, "b", LONG_S) is None
    job = get_job(place.engine, claim.job.id)
    assert (job.stage, job.done, job.total, job.share) == ("reading", 3, 7, 3 / 7)


def test_many_workers_at_once_take_each_shard_once(place: Place) -> None:
    n = 60
    job = place.ask()
    complete_plan(place.engine, take(place), plan_of(*range(1, n + 1)))
    counted: list[int] = []

    def work(owner: str) -> None:
        while (claim := claim_step(place.engine, owner, LONG_S)) is not None and claim.phase == "shards":
            complete_shard(place.engine, claim)
            counted.append(claim.number)

    threads = [threading.Thread(target=work, args=(f"worker {i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counted) == list(range(n))
    found = get_job(place.engine, job.id)
    assert found.done == found.total == n * (n + 1) // 2
    phases = [step.phase for step in steps_of(place.engine, job.id)]
    assert phases.count("finish") == 1, "of two workers with the last two shards, one opens the finish"


def test_the_oldest_job_comes_first(place: Place) -> None:
    first, second = place.ask(), place.ask()
    assert take(place).job.id == first.id
    assert take(place).job.id == second.id


def test_cancelled_while_a_worker_is_at_it(place: Place) -> None:
    job = place.ask()
    claim = take(place)
    cancelled = cancel(place.engine, job.id)
    assert (cancelled.state, cancelled.is_resumable) == ("cancelled", True)
    with pytest.raises(LeaseLost):
        renew(place.engine, claim, LONG_S)
    with pytest.raises(LeaseLost):
        complete_plan(place.engine, claim, plan_of(1))
    assert claim_step(place.engine, "b", LONG_S) is None
    with pytest.raises(ConflictError, match="is cancelled"):
        cancel(place.engine, job.id)


def test_resumed_it_is_planned_again_and_old_leases_are_void(place: Place) -> None:
    job = place.ask()
    complete_plan(place.engine, take(place), plan_of(10, 20))
    zombie = take(place)
    fail(place.engine, zombie, "no space left; free some")
    failed = get_job(place.engine, job.id)
    assert (failed.state, failed.error) == ("failed", "no space left; free some")
    again = resume(place.engine, job.id)
    assert (again.state, again.error, again.done, again.finished_at) == ("queued", None, 0, None)
    claim = take(place)
    assert (claim.phase, claim.fence > zombie.fence) == ("plan", True)
    complete_plan(place.engine, claim, plan_of(10, 20, done=(0,)))
    with pytest.raises(LeaseLost):
        complete_shard(place.engine, zombie)
    complete_shard(place.engine, take(place))
    finish(place, take(place))
    with pytest.raises(ConflictError, match="is done"):
        resume(place.engine, job.id)


def test_handed_back_it_is_free_at_once(place: Place) -> None:
    place.ask()
    claim = take(place)
    hand_back(place.engine, claim)
    assert take(place, "b").number == claim.number


def test_a_job_that_kills_its_workers_is_given_up(place: Place, clock: DatabaseClock) -> None:
    job = place.ask()
    for _ in range(MAX_DEATHS + 1):
        take(place)
        clock.advance(LONG_S + 1)
    assert claim_step(place.engine, "a", LONG_S) is None
    found = get_job(place.engine, job.id)
    assert found.state == "failed"
    assert found.error is not None
    assert "given up" in found.error


def test_an_sae_is_registered_in_one_step(place: Place) -> None:
    job = submit(place.engine, SaeRequest("folder", matryoshka_widths=(4, 8)))
    claim = take(place)
    assert (claim.phase, claim.job.request) == ("finish", SaeRequest("folder", matryoshka_widths=(4, 8)))
    finish(place, claim, "mine")
    found = get_job(place.engine, job.id)
    assert (found.state, found.sae, found.slug) == ("done", "mine", None)


def test_what_can_not_be_asked_for(place: Place) -> None:
    for wrong, parameter in (("nope", "narrow"), ("narrow@x", "narrow")):
        with pytest.raises(QueryError, match=parameter) as caught:
            place.ask(ComparisonRequest(wrong, "reference"))
        assert caught.value.parameter == parameter
    for number in (0, 1, -1, 2**40):
        with pytest.raises(NotFoundError, match=f"no job {number}"):
            get_job(place.engine, number)
    for _ in range(MAX_ACTIVE):
        place.ask()
    with pytest.raises(ConflictError, match="200 jobs are waiting"):
        place.ask()


def test_lists_are_newest_first(place: Place) -> None:
    ids = [place.ask().id for _ in range(5)]
    assert [job.id for job in list_jobs(place.engine, limit=3)] == ids[:1:-1]
    assert [job.id for job in list_jobs(place.engine, limit=3, before=ids[2])] == ids[1::-1]
    assert set(get_jobs(place.engine, [ids[0], ids[4], 10_000])) == {ids[0], ids[4]}


def test_a_hold_keeps_its_lease_and_tells_the_progress(place: Place) -> None:
    job = place.ask()
    claim = take(place, lease_s=1.0)
    with LeaseKeeper(place.engine, claim, 1.0, threading.Event()) as keeper:
        advance = keeper("reading", 10, "rows")
        advance(4)
        seen = place.wait(job.id, lambda found: found.done == 4)
        assert (seen.stage, seen.total, seen.unit) == ("reading", 10, "rows")
        assert seen.rate is not None
        for _ in range(2):
            wait_until(partial(is_renewed, place, job, steps_of(place.engine, job.id)[0].expires))
        assert claim_step(place.engine, "b", LONG_S) is None
        cancel(place.engine, job.id)
        wait_until(lambda: is_lost(keeper))


def is_renewed(place: Place, job: Job, before: float) -> bool:
    """Whether the job's only step is leased for longer than `before`."""
    return bool(steps_of(place.engine, job.id)[0].expires > before)


def is_lost(keeper: LeaseKeeper) -> bool:
    try:
        keeper.check()
    except LeaseLost:
        return True
    return False


def test_a_hold_says_when_to_stop(place: Place) -> None:
    place.ask()
    stop = threading.Event()
    with LeaseKeeper(place.engine, take(place), LONG_S, stop) as keeper:
        keeper.check()
        stop.set()
        with pytest.raises(Stopped):
            keeper("reading", 1, "rows")


def test_told_to_stop_a_hold_gives_its_step_back_though_the_work_goes_on(place: Place) -> None:
    """Work that can't be interrupted, such as loading a model, keeps nobody waiting."""
    job = place.ask()
    claim, stop = take(place), threading.Event()
    with LeaseKeeper(place.engine, claim, LONG_S, stop):
        assert claim_step(place.engine, "b", LONG_S) is None
        stop.set()
        place.wait(job.id, lambda _: steps_of(place.engine, job.id)[0].owner is None)
        again = claim_step(place.engine, "b", LONG_S)
        assert again is not None
        assert (again.number, again.fence) == (claim.number, claim.fence + 1)
    with pytest.raises(LeaseLost):
        complete_plan(place.engine, claim, plan_of(2))
