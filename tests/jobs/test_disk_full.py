"""A disk that fills up: the job stops and says what to free, leaves nothing half-written, and can be resumed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors import safe_open

from app.jobs.queue import get_job, resume
from app.jobs.records import Job
from app.sparse.files import PARTIAL
from app.store.read import list_comparisons
from app.store.space import give_back
from app.store.write import delete_comparison
from tests.jobs.conftest import N_ROWS, Place, make_place
from tests.jobs.kills import on_disk
from tests.jobs.test_killed import assert_each_shard_counted_once, assert_same
from tests.pipeline.dump import Dump, dump
from tests.pipeline.world import World
from tests.small_disk import SmallDisk

pytestmark = pytest.mark.slow

DISK_KIB = 24 * 1024
FEW_SHARDS_BYTES = 200_000

SHARD_ERROR = re.compile(
    r"\w+/\S+ in the data folder's shards \(HEDGESCOPE_DATA_DIR\): the disk is full \(([\d,]+) bytes to write, "
    r"([\d,]+) free\); free some space there \(.*\), then run the command again or resume the job; it "
    r"continues from the last whole shard"
)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with SmallDisk(tmp_path / "disk", DISK_KIB) as disk:
        yield disk


@pytest.fixture(params=["same disk as the database", "another disk"])
def place(request: pytest.FixtureRequest, disk: SmallDisk, tmp_path: Path, world: World) -> Iterator[Place]:
    """A place with its shards on the small disk; the database is on the same disk or on another one."""
    folder = disk.folder if request.param == "same disk as the database" else tmp_path
    if folder == tmp_path:
        (tmp_path / "shards").symlink_to(disk.folder)
    made = make_place(f"sqlite:///{folder / 'hedgescope.db'}", folder, world)
    yield made
    made.close()


def test_a_pass_stops_and_resumes_from_the_last_whole_shard(
    place: Place, disk: SmallDisk, undisturbed: tuple[str, Dump]
) -> None:
    disk.fill(leaving=FEW_SHARDS_BYTES)
    job = place.ask()
    place.start()
    failed = ended(place, job)
    assert (failed.state, failed.slug) == ("failed", None), place.log()
    assert failed.error is not None
    message = SHARD_ERROR.fullmatch(failed.error)
    assert message, failed.error
    to_write, free = (int(number.replace(",", "")) for number in message.groups())
    assert to_write > free
    assert str(disk.folder.parent) not in failed.error
    assert str(place.folder) in place.log(), "whoever runs the job runner reads in its log where the disk is full"
    assert 0 < len(on_disk(place)) < N_ROWS
    assert_nothing_half_written(place)
    whole = {path: path.stat().st_mtime_ns for name in on_disk(place) for path in disk.folder.rglob(name)}
    disk.free()
    assert_resumed_it_ends_well(place, job, undisturbed)
    assert {path: path.stat().st_mtime_ns for path in whole} == whole, "what is on disk is not computed again"
    assert_each_shard_counted_once(place, job.id)


@pytest.mark.parametrize("place", ["same disk as the database"], indirect=True)
def test_no_space_for_the_result(place: Place, disk: SmallDisk, undisturbed: tuple[str, Dump]) -> None:
    first = place.ask()
    worker = place.start()
    slug = ended(place, first).slug
    assert slug is not None, place.log()
    worker.kill()
    worker.join()
    # All shards are there, and the file of the database is as small as before: only the result has to be written.
    delete_comparison(place.engine, slug)
    give_back(place.engine)
    job = place.ask()
    disk.fill(leaving=FEW_SHARDS_BYTES)
    place.start()
    failed = ended(place, job)
    assert failed.state == "failed", place.log()
    assert failed.error is not None
    assert "nothing was stored; free some space" in failed.error
    assert_nothing_half_written(place)
    disk.free()
    assert_resumed_it_ends_well(place, job, undisturbed)


@pytest.mark.parametrize("place", ["same disk as the database"], indirect=True)
def test_no_space_even_to_say_so(place: Place, disk: SmallDisk, undisturbed: tuple[str, Dump]) -> None:
    """The worker says so in its log, and in the job as soon as that can be written; nobody has to start it again."""
    job = place.ask()
    place.start(slowly_s=0.2)
    place.wait(job.id, lambda found: found.done > 3 * 128)
    disk.fill()
    place.wait(job.id, lambda _: "disk is full" in place.log() or "no space left" in place.log())
    assert list_comparisons(place.engine) == []
    disk.free()
    if ended(place, job).state == "failed":
        resume(place.engine, job.id)
    assert_ends_well(place, job, undisturbed)


def ended(place: Place, job: Job) -> Job:
    return place.wait(job.id, lambda found: not found.is_active)


def assert_nothing_half_written(place: Place) -> None:
    assert list_comparisons(place.engine) == []
    assert list(place.folder.glob(f"shards/**/*{PARTIAL}")) == []
    for path in place.folder.glob("shards/*/*/*.safetensors"):
        with safe_open(path, framework="numpy") as file:
            assert [file.get_tensor(name) for name in file.keys()]  # noqa: SIM118 - it is no dict


def assert_resumed_it_ends_well(place: Place, job: Job, undisturbed: tuple[str, Dump]) -> None:
    done = len(on_disk(place))
    resume(place.engine, job.id)
    assert get_job(place.engine, job.id).error is None
    assert_ends_well(place, job, undisturbed)
    assert done <= len(on_disk(place)) == N_ROWS


def assert_ends_well(place: Place, job: Job, undisturbed: tuple[str, Dump]) -> None:
    slug, numbers = undisturbed
    found = ended(place, job)
    assert (found.state, found.slug) == ("done", slug), (found, place.log())
    assert_same(dump(place.engine, slug), numbers)
