"""A disk that fills up: the job stops and says what to free, nothing half-written is seen, and it goes on later."""

from __future__ import annotations

import subprocess
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

DISK_BYTES = 24 << 20
FEW_SHARDS_BYTES = 200_000
BLOCK = 4096


class Disk:
    """A small file system of its own, and a file of somebody else's that takes its space."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, leaving: int = 0) -> None:
        """Take all space but so many bytes."""
        with self._ballast.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(BLOCK))
            except OSError:
                pass
            if leaving:
                file.truncate(max(0, file.tell() - leaving))

    def free(self) -> None:
        """Give it back."""
        self._ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no `mount` here")
    if mounted.returncode:
        pytest.skip(f"a small disk can't be mounted here, which takes root: {mounted.stderr.strip()}")
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(params=["beside the database", "another"])
def place(request: pytest.FixtureRequest, disk: Disk, tmp_path: Path, world: World) -> Iterator[Place]:
    """A place with its shards on the small disk; the database is there as well, or on another one."""
    folder = disk.folder if request.param == "beside the database" else tmp_path
    if folder == tmp_path:
        (tmp_path / "shards").symlink_to(disk.folder)
    made = make_place(f"sqlite:///{folder / 'hedgescope.db'}", folder, world)
    yield made
    made.close()


def test_a_pass_stops_and_goes_on(place: Place, disk: Disk, undisturbed: tuple[str, Dump]) -> None:
    disk.fill(leaving=FEW_SHARDS_BYTES)
    job = place.ask()
    place.start()
    failed = ended(place, job)
    assert failed.state == "failed", place.log()
    assert failed.error is not None
    assert "the disk is full" in failed.error
    assert "free some space" in failed.error
    assert str(disk.folder.parent) not in failed.error
    assert len(on_disk(place)) < N_ROWS
    assert_nothing_half_written(place)
    disk.free()
    assert_resumed_it_ends_well(place, job, undisturbed)
    assert_each_shard_counted_once(place, job.id)


@pytest.mark.parametrize("place", ["beside the database"], indirect=True)
def test_no_space_for_the_result(place: Place, disk: Disk, undisturbed: tuple[str, Dump]) -> None:
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
    assert "nothing was stored; free some disk space" in failed.error
    assert_nothing_half_written(place)
    disk.free()
    assert_resumed_it_ends_well(place, job, undisturbed)


@pytest.mark.parametrize("place", ["beside the database"], indirect=True)
def test_no_space_even_to_say_so(place: Place, disk: Disk, undisturbed: tuple[str, Dump]) -> None:
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
