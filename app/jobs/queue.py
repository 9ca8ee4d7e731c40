"""Jobs as people see them: submitted, listed, cancelled, resumed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, Select, case, delete, func, insert, or_, select, update
from sqlalchemy.engine import Row

from app.errors import ConflictError, NotFoundError, QueryError
from app.jobs.clock import database_now
from app.jobs.records import ACTIVE, RESUMABLE, Job, JobKind, Phase
from app.records import ComparisonRequest, InterventionRequest, SaeRequest
from app.records.request import JobRequest
from app.store.lookup import MAX_INDEX, no_comparison
from app.store.payloads import to_json
from app.store.session import reading, writing
from app.store.tables import comparisons, job_steps, jobs, published, saes

PLAN_NUMBER, FINISH_NUMBER = -2, -1
"""Numbers of the steps that are not shards."""

BETWEEN_STEPS_S = 3
"""For this long after completing a step, a job runner counts as working on its job."""

MAX_ACTIVE = 200
"""Jobs that may wait or run at once; more are probably a mistake in a script."""

KINDS: dict[type[JobRequest], JobKind] = {
    ComparisonRequest: "comparison",
    SaeRequest: "sae",
    InterventionRequest: "intervention",
}
FIRST_PHASE: dict[JobKind, Phase] = {"comparison": "plan", "sae": "finish", "intervention": "finish"}

REQUESTS: dict[str, TypeAdapter[Any]] = {kind: TypeAdapter(record) for record, kind in KINDS.items()}
"""Reads the request of each kind of job."""


def submit(engine: Engine, request: JobRequest) -> Job:
    """Submit a comparison, the registration of an SAE, or an intervention.

    Raises:
        QueryError: a comparison names an SAE that is not registered, or an intervention a comparison that is not
            stored.
        ConflictError: too many jobs are waiting already.
    """
    kind = KINDS[type(request)]
    first = FIRST_PHASE[kind]
    values = {
        "kind": kind,
        "request": to_json(request),
        "state": "queued",
        "phase": first,
        "created_at": datetime.now(UTC),
        **dict.fromkeys(("done", "fence", "deaths", "version"), 0),
    }
    with writing(engine) as connection:
        _check(connection, request)
        job_id = int(connection.execute(insert(jobs).values(values).returning(jobs.c.id)).scalar_one())
        add_single(connection, job_id, first)
        return job_in(connection, job_id)


def check(engine: Engine, request: JobRequest) -> None:
    """Refuse what `submit` would refuse. Raises as `submit`."""
    with reading(engine) as connection:
        _check(connection, request)


def get_job(engine: Engine, job_id: int) -> Job:
    """One job.

    Raises:
        NotFoundError: no job has that number.
    """
    with reading(engine) as connection:
        return job_in(connection, job_id)


def list_jobs(engine: Engine, *, limit: int, before: int | None = None) -> list[Job]:
    """Jobs, newest first.

    Args:
        before: only those with a smaller number.
    """
    query = _select_jobs().order_by(jobs.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(jobs.c.id < min(before, MAX_INDEX))
    with reading(engine) as connection:
        return [job_from(row) for row in connection.execute(query)]


def get_jobs(engine: Engine, ids: Sequence[int]) -> dict[int, Job]:
    """The jobs with these numbers, by number, in one query; numbers without a job are left out."""
    with reading(engine) as connection:
        found = map(job_from, connection.execute(_select_jobs().where(jobs.c.id.in_(ids))))
        return {job.id: job for job in found}


def cancel(engine: Engine, job_id: int) -> Job:
    """Stop a job; its finished shards stay on disk. Its job runner notices when it next renews its lease.

    Raises:
        NotFoundError: no such job; ConflictError: it has ended already.
    """
    return _turn(engine, job_id, ACTIVE, "cancelled", state="cancelled", finished_at=datetime.now(UTC))


def resume(engine: Engine, job_id: int) -> Job:
    """Resume a failed or cancelled job: it is planned again, and shards on disk are not computed again.

    Raises:
        NotFoundError: no such job; ConflictError: it is neither failed nor cancelled.
    """
    with writing(engine) as connection:
        # The steps before the job, as everywhere: see `leases`.
        connection.execute(delete(job_steps).where(job_steps.c.job_id == min(job_id, MAX_INDEX)))
        job = job_in(connection, job_id, lock=True)
        if job.state not in RESUMABLE:
            raise ConflictError(f"job {job_id} is {job.state}; only failed and cancelled jobs can be resumed")
        first = FIRST_PHASE[job.kind]
        fresh = {"state": "queued", "phase": first, "done": 0, "deaths": 0, "version": jobs.c.version + 1}
        empty = dict.fromkeys(("stage", "total", "unit", "rate", "seconds_left", "error", "finished_at"))
        connection.execute(update(jobs).where(jobs.c.id == job_id).values({**fresh, **empty}))
        add_single(connection, job_id, first)
        return job_in(connection, job_id)


def _turn(engine: Engine, job_id: int, allowed: Sequence[str], word: str, **values: Any) -> Job:
    """Change a job that is in one of some states."""
    with writing(engine) as connection:
        job = job_in(connection, job_id, lock=True)
        if job.state not in allowed:
            raise ConflictError(f"job {job_id} is {job.state}; it can't be {word}")
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(version=jobs.c.version + 1, **values))
        return job_in(connection, job_id)


def add_single(connection: Connection, job_id: int, phase: Phase) -> None:
    """Open a step that stands alone: a plan or a finish."""
    number = PLAN_NUMBER if phase == "plan" else FINISH_NUMBER
    zero = dict.fromkeys(("start_row", "stop_row", "n_tokens", "fence"), 0)
    connection.execute(insert(job_steps).values(job_id=job_id, number=number, phase=phase, state="open", **zero))


def job_in(connection: Connection, job_id: int, *, lock: bool = False) -> Job:
    """One job, as this transaction sees it; with `lock`, no other transaction can change it before this one ends.

    Raises:
        NotFoundError: no job has that number.
    """
    row = None
    if 0 < job_id <= MAX_INDEX:
        if lock:
            connection.execute(select(jobs.c.id).where(jobs.c.id == job_id).with_for_update())
        row = connection.execute(_select_jobs().where(jobs.c.id == job_id)).first()
    if row is None:
        raise NotFoundError(f"there is no job {job_id}")
    return job_from(row)


def job_from(row: Row[Any]) -> Job:
    """The job of a row of `_select_jobs`."""
    values = row._mapping
    kind, result = values["kind"], values["result"]
    number, _, slug = (result or "").partition(" ") if kind == "intervention" else ("", "", result)
    plain = ("id", "kind", "state", "stage", "done", "total", "unit", "rate", "seconds_left", "workers", "error")
    times = ("created_at", "started_at", "finished_at", "version")
    return Job(
        **{name: values[name] for name in (*plain, *times)},
        request=REQUESTS[kind].validate_json(values["request"]),
        slug=None if kind == "sae" else slug or None,
        sae=result if kind == "sae" else None,
        intervention=int(number) if number else None,
    )


def _select_jobs() -> Select[Any]:
    # Between two steps a job runner holds none for a moment.
    is_at_it = or_(job_steps.c.expires > database_now(), job_steps.c.completed > database_now() - BETWEEN_STEPS_S)
    of_job = (job_steps.c.job_id == jobs.c.id, is_at_it)
    at_it = select(func.count(job_steps.c.owner.distinct())).where(*of_job).correlate(jobs).scalar_subquery()
    return select(jobs, case((jobs.c.state == "running", at_it), else_=0).label("workers"))


def _check(connection: Connection, request: JobRequest) -> None:
    _check_room(connection)
    if isinstance(request, ComparisonRequest):
        _check_names(connection, request)
    if isinstance(request, InterventionRequest):
        _check_comparison(connection, request.comparison)


def _check_room(connection: Connection) -> None:
    active = connection.execute(select(func.count()).where(jobs.c.state.in_(ACTIVE))).scalar_one()
    if active >= MAX_ACTIVE:
        raise ConflictError(f"{active} jobs are waiting or running; wait until some are done, or cancel some")


def intervention_result(number: int, slug: str) -> str:
    """What a job that is done keeps of an intervention; `job_from` reads it."""
    return f"{number} {slug}"


def _check_comparison(connection: Connection, slug_or_name: str) -> None:
    named = or_(comparisons.c.slug == slug_or_name, comparisons.c.name == slug_or_name)
    found = connection.execute(select(comparisons.c.slug).where(named, published)).scalars().all()
    if len(found) == 1 or slug_or_name in found:
        return
    if found:
        message = f"{len(found)} comparisons are named {slug_or_name!r}; give one whole slug: {', '.join(found)}"
        raise QueryError(message, parameter="comparison", valid=found)
    raise QueryError(no_comparison(connection, slug_or_name).detail, parameter="comparison")


def _check_names(connection: Connection, request: ComparisonRequest) -> None:
    known = connection.execute(select(saes.c.name).order_by(saes.c.name)).scalars().all()
    for parameter, given in (("narrow", request.narrow), ("reference", request.reference)):
        name, at, width = given.partition("@")
        if name not in known:
            there = f"the registered ones are {', '.join(known)}" if known else "none is registered yet"
            raise QueryError(
                f"{parameter} is {given!r}, which is not a registered SAE; {there}", parameter=parameter, valid=known
            )
        if at and not width.isdecimal():
            raise QueryError(f"{parameter} is {given!r}; expected name@width, a number", parameter=parameter)
