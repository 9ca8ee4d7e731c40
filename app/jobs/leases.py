"""Leases of steps: claimed, renewed, completed, handed back.

A lease expires by the database's clock. Each has a number (the fence), higher than those before it in the same job, and
a step is completed by a compare-and-set on owner and fence: a job runner whose lease expired completes nothing. Rows
are locked in one order everywhere, first the step and then its job, so that transactions never wait for each other.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, case, delete, func, insert, or_, select, update

from app.jobs.clock import database_now
from app.jobs.queue import add_single, job_in
from app.jobs.records import ACTIVE, Claim, Plan
from app.store.session import reading, writing
from app.store.tables import job_steps, jobs

MAX_DEATHS = 30
"""Leases of a job that may expire in a row, without a step completed in between, before the job fails."""

RATE_SPAN_S = 60
"""The rate is that of the shards completed in this time."""

SHORT_TOKENS = 1 << 16
"""Tokens of a comparison that is short, as the demo's is: about a minute. Short jobs do not wait for long ones."""

STEPS_PER_STATEMENT = 1000


class LeaseLost(Exception):
    """This process no longer holds the step: another job runner has it, or the job was cancelled."""


def claim_step(engine: Engine, owner: str, lease_s: float, *, only_short: bool = False) -> Claim | None:
    """Take the first free step of the oldest short job that has one, else of the oldest job; None where there is none.

    Looking costs a read; a write transaction begins only where there is a step.

    Args:
        only_short: whether long jobs are left to others.
    """
    if not is_anything_free(engine, only_short=only_short):
        return None
    free = _free_steps(only_short).limit(1)
    with writing(engine) as connection:
        step = connection.execute(free.with_for_update(of=job_steps, skip_locked=True)).first()
        return None if step is None else _take(connection, step, owner, lease_s)


def is_anything_free(engine: Engine, *, only_short: bool = False) -> bool:
    """Whether there is a step to take; one read."""
    with reading(engine) as connection:
        return connection.execute(_free_steps(only_short).limit(1)).first() is not None


def renew(engine: Engine, claim: Claim, lease_s: float, progress: dict[str, Any] | None = None) -> None:
    """Renew a lease, and write the progress of its stage.

    Args:
        progress: new values of the job's `stage`, `done`, `total`, `unit`, `rate` and `seconds_left`.

    Raises:
        LeaseLost: this process no longer holds it, or the job is no longer running.
    """
    with writing(engine) as connection:
        _update_mine(connection, claim, expires=database_now() + lease_s)
        _update_running(connection, claim, **(progress or {}))


def hand_back(engine: Engine, claim: Claim) -> None:
    """Release an unfinished step, free for others at once. Does nothing where this process no longer holds it."""
    with writing(engine) as connection:
        connection.execute(update(job_steps).where(*_mine(claim)).values(owner=None, expires=None))


def complete_plan(engine: Engine, claim: Claim, plan: Plan) -> None:
    """Open steps for a job's shards; those on disk count as done. Raises LeaseLost."""
    with writing(engine) as connection:
        _complete(connection, claim)
        left = [shard for shard in plan.shards if not shard.is_done]
        is_over = plan.is_stored or not left
        total = sum(shard.n_tokens for shard in plan.shards)
        _update_running(
            connection,
            claim,
            content_hash=plan.content_hash,
            phase="finish" if is_over else "shards",
            deaths=0,
            stage=plan.stage,
            unit="tokens",
            total=total,
            done=total - sum(shard.n_tokens for shard in left),
            rate=None,
            seconds_left=None,
        )
        connection.execute(delete(job_steps).where(job_steps.c.job_id == claim.job.id, job_steps.c.phase == "shards"))
        if is_over:
            add_single(connection, claim.job.id, "finish")
        else:
            _add_shards(connection, claim.job.id, plan)


def complete_shard(engine: Engine, claim: Claim) -> None:
    """Count a shard, and open the finish after the last one. Raises LeaseLost; the shard is not counted then."""
    with writing(engine) as connection:
        _complete(connection, claim)
        # From here the job's row is locked: of two job runners with the last two shards, the second sees the first's.
        _update_running(connection, claim, done=jobs.c.done + claim.n_tokens, deaths=0)
        of_job = job_steps.c.job_id == claim.job.id
        is_left = select(job_steps.c.number).where(of_job, job_steps.c.phase == "shards", job_steps.c.state == "open")
        if connection.execute(is_left.limit(1)).first() is None:
            connection.execute(update(jobs).where(jobs.c.id == claim.job.id).values(phase="finish", seconds_left=None))
            add_single(connection, claim.job.id, "finish")
        else:
            _measure(connection, claim.job.id)


def complete_finish(connection: Connection, claim: Claim, result: str, progress: dict[str, Any] | None = None) -> None:
    """End a job well, in the transaction that stores what came out.

    Args:
        progress: the last of the step, as for `renew`.

    Raises:
        LeaseLost: this process no longer holds the step, or the job is no longer running.
    """
    _complete(connection, claim)
    ended = {"state": "done", "result": result, "finished_at": datetime.now(UTC), "deaths": 0}
    _update_running(connection, claim, **{**(progress or {}), **ended, "seconds_left": None})


def fail(engine: Engine, claim: Claim, error: str, progress: dict[str, Any] | None = None) -> None:
    """End a job with an error. Nothing is done where the step is not ours any more.

    Args:
        progress: the last of the step, as for `renew`.
    """
    with writing(engine) as connection:
        mine = update(job_steps).where(*_mine(claim)).values(owner=None, expires=None)
        if connection.execute(mine).rowcount:
            _fail(connection, claim.job.id, error, progress or {})


def _free_steps(only_short: bool = False) -> Select[Any]:
    is_free = or_(job_steps.c.expires.is_(None), job_steps.c.expires < database_now())
    # A plan says how long its comparison is; until then it takes seconds.
    is_small = and_(jobs.c.kind == "comparison", or_(jobs.c.phase == "plan", jobs.c.total <= SHORT_TOKENS))
    is_short = or_(jobs.c.kind == "sae", is_small)
    steps = (
        select(job_steps)
        .join(jobs, jobs.c.id == job_steps.c.job_id)
        .where(jobs.c.state.in_(ACTIVE), job_steps.c.phase == jobs.c.phase, job_steps.c.state == "open", is_free)
        .order_by(case((is_short, 0), else_=1), job_steps.c.job_id, job_steps.c.number)
    )
    return steps.where(is_short) if only_short else steps


def _take(connection: Connection, step: Any, owner: str, lease_s: float) -> Claim | None:
    ran_out = step.owner is not None
    values = {
        "state": "running",
        "fence": jobs.c.fence + 1,
        "deaths": jobs.c.deaths + int(ran_out),
        "version": jobs.c.version + 1,
        "started_at": func.coalesce(jobs.c.started_at, datetime.now(UTC)),
    }
    is_active = (jobs.c.id == step.job_id, jobs.c.state.in_(ACTIVE))
    wanted = (jobs.c.fence, jobs.c.deaths, jobs.c.content_hash)
    taken = connection.execute(update(jobs).where(*is_active).values(values).returning(*wanted)).first()
    if taken is None:
        return None
    if taken.deaths > MAX_DEATHS:
        reason = f"given up: {taken.deaths} times in a row the job runner ended during the same step"
        _fail(connection, step.job_id, f"{reason}; its log may say why", {})
        return None
    held = {"owner": owner, "fence": taken.fence, "expires": database_now() + lease_s, "claimed": database_now()}
    key = (job_steps.c.job_id == step.job_id, job_steps.c.number == step.number)
    connection.execute(update(job_steps).where(*key).values(held))
    return Claim(
        job=job_in(connection, step.job_id),
        number=step.number,
        phase=step.phase,
        owner=owner,
        fence=taken.fence,
        start=step.start_row,
        stop=step.stop_row,
        n_tokens=step.n_tokens,
        content_hash=taken.content_hash,
    )


def _mine(claim: Claim) -> tuple[Any, ...]:
    """Conditions on a step: still open, and held by this very lease."""
    return (
        job_steps.c.job_id == claim.job.id,
        job_steps.c.number == claim.number,
        job_steps.c.owner == claim.owner,
        job_steps.c.fence == claim.fence,
        job_steps.c.state == "open",
    )


def _update_mine(connection: Connection, claim: Claim, **values: Any) -> None:
    if connection.execute(update(job_steps).where(*_mine(claim)).values(values)).rowcount != 1:
        raise LeaseLost(f"step {claim.number} of job {claim.job.id}")


def _complete(connection: Connection, claim: Claim) -> None:
    _update_mine(connection, claim, state="done", completed=database_now(), expires=None)


def _update_running(connection: Connection, claim: Claim, **values: Any) -> None:
    """Change the job's row, which must still be running; without values it is only read, so that nobody waits."""
    is_running = (jobs.c.id == claim.job.id, jobs.c.state == "running")
    if values:
        is_there = connection.execute(
            update(jobs).where(*is_running).values(version=jobs.c.version + 1, **values)
        ).rowcount
    else:
        is_there = connection.execute(select(func.count()).where(*is_running)).scalar_one()
    if not is_there:
        raise LeaseLost(f"job {claim.job.id} is not running any more")


def _add_shards(connection: Connection, job_id: int, plan: Plan) -> None:
    rows = [
        {
            "job_id": job_id,
            "number": number,
            "phase": "shards",
            "state": "done" if shard.is_done else "open",
            "start_row": shard.start,
            "stop_row": shard.stop,
            "n_tokens": shard.n_tokens,
            "fence": 0,
        }
        for number, shard in enumerate(plan.shards)
    ]
    for first in range(0, len(rows), STEPS_PER_STATEMENT):
        connection.execute(insert(job_steps), rows[first : first + STEPS_PER_STATEMENT])


def _measure(connection: Connection, job_id: int) -> None:
    """Tokens per second over recent shards, by all job runners together, and the time left at that rate."""
    steps = job_steps.c
    lately = (steps.job_id == job_id, steps.phase == "shards", steps.completed > database_now() - RATE_SPAN_S)
    span = func.max(steps.completed) - func.min(steps.claimed)
    n_tokens, seconds = connection.execute(select(func.sum(steps.n_tokens), span).where(*lately)).one()
    if n_tokens and seconds and seconds > 0:
        rate = float(n_tokens) / seconds
        values = {"rate": rate, "seconds_left": (jobs.c.total - jobs.c.done) / rate}
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(values))


def _fail(connection: Connection, job_id: int, error: str, progress: dict[str, Any]) -> None:
    ended = {"state": "failed", "error": error, "finished_at": datetime.now(UTC), "version": jobs.c.version + 1}
    is_active = (jobs.c.id == job_id, jobs.c.state.in_(ACTIVE))
    connection.execute(update(jobs).where(*is_active).values({**progress, **ended}))
