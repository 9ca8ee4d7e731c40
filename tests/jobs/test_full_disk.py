"""A disk that fills up during a job: it stops and says what to free, and goes on where it stopped."""

from __future__ import annotations

import re

import pytest

from app.jobs.queue import resume
from app.store.read import list_comparisons
from tests.jobs.conftest import N_ROWS, Place
from tests.jobs.kills import on_disk
from tests.jobs.test_killed import assert_each_shard_counted_once, assert_same
from tests.pipeline.dump import Dump, dump
from tests.small_disk import SmallDisk

TOLD = re.compile(
    r"\w+/\S+ in the data folder's shards \(HEDGESCOPE_DATA_DIR\): the disk is full \(([\d,]+) bytes to write, "
    r"([\d,]+) free\); free some space there \(.*\), then start again or resume the job: it goes on from the last "
    r"whole shard"
)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_disk_of_the_shards_fills_up(place: Place, undisturbed: tuple[str, Dump]) -> None:
    slug, numbers = undisturbed
    with SmallDisk(place.folder / "shards", 256) as disk:
        job = place.ask()
        place.start()
        failed = place.wait(job.id, lambda found: not found.is_active)
        assert (failed.state, failed.slug) == ("failed", None), place.log()
        told = TOLD.fullmatch(failed.error or "")
        assert told, failed.error
        to_write, free = (int(number.replace(",", "")) for number in told.groups())
        assert to_write > free
        assert 0 < len(on_disk(place)) < N_ROWS
        assert list(disk.folder.rglob("*.partial")) == []
        assert list_comparisons(place.engine) == []
        assert str(place.folder) in place.log(), "who runs it is told where"
        done = [path for name in on_disk(place) for path in disk.folder.rglob(name)]
        whole = {path: path.stat().st_mtime_ns for path in done}
        disk.grow(16 * 1024)
        resume(place.engine, job.id)
        ended = place.wait(job.id, lambda found: not found.is_active)
        assert (ended.state, ended.slug) == ("done", slug), place.log()
        assert {path: path.stat().st_mtime_ns for path in whole} == whole, "what is on disk is not computed again"
        assert_same(dump(place.engine, slug), numbers)
        assert_each_shard_counted_once(place, job.id)
        for worker in place.workers:
            worker.kill()
            worker.join()
