"""Whole or not at all: failures, kills, full disks, other readers and writers."""

from __future__ import annotations

import errno
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select

from app.errors import ConflictError, NotFoundError, ScoringError, StoreError
from app.records import ComparisonBundle, LatentScores
from app.store import read
from app.store.session import make_engine, reading, writing
from app.store.tables import metadata
from app.store.write import delete_comparison, register_sae, write_comparison
from tests.builders import make_bundle, make_sae_record
from tests.store.conftest import ON_SQLITE, url_of
from tests.store.counts import row_counts

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


N_COUNTS = 10
"""Kept counts of `make_bundle()`: all latents of each side, those of each level and of each diagnosis."""


def failing(records: Iterable[Any], error: BaseException) -> Iterator[Any]:
    """Half of the records, then the error."""
    some = list(records)
    yield from some[: len(some) // 2]
    raise error


def test_generators_are_read_once_and_stored(engine: Engine) -> None:
    whole = make_bundle()
    names = ("latents", "partners", "details", "pairs", "profiles", "cells", "level_links", "text_rows")
    write_comparison(engine, replace(whole, **{name: iter(getattr(whole, name)) for name in names}))

    assert row_counts(engine) == {
        **dict.fromkeys(metadata.tables, 0),
        "comparisons": 1,
        "latents": 84,
        "latent_details": 84,
        "latent_counts": N_COUNTS,
        "partners": len(tuple(whole.partners)),
        "pair_details": len(tuple(whole.pairs)),
        "pair_profiles": 24,
        "firing_cells": 24,
        "level_links": len(tuple(whole.level_links)),
        "text_rows": 30,
    }


@pytest.mark.parametrize("part", ["latents", "partners", "details", "pairs", "profiles", "text_rows"])
@pytest.mark.parametrize(
    "error", [ScoringError("weights and statistics differ"), KeyboardInterrupt(), OSError(5, "io")]
)
def test_a_failure_halfway_stores_nothing(engine: Engine, part: str, error: BaseException) -> None:
    bundle = make_bundle()
    halfway: dict[str, Any] = {part: failing(getattr(bundle, part), error)}
    with pytest.raises(type(error)) as caught:
        write_comparison(engine, replace(bundle, **halfway))
    assert caught.value is error
    assert not any(row_counts(engine).values())

    write_comparison(engine, bundle)
    assert read.get_comparison(engine, bundle.summary.slug) == bundle.summary


KILLED_WRITER = """
import pickle, signal, sys
from dataclasses import replace
from pathlib import Path
from app.store.session import make_engine
from app.store.write import write_comparison

def stuck(rows):
    yield from rows
    print("in the middle", flush=True)
    signal.pause()

bundle = pickle.loads(Path(sys.argv[2]).read_bytes())
write_comparison(make_engine(sys.argv[1]), replace(bundle, text_rows=stuck(bundle.text_rows)))
"""


@pytest.mark.slow
def test_kill_9_in_the_middle_shows_nothing(engine: Engine, tmp_path: Path) -> None:
    url = url_of(engine)
    bundle = make_bundle()
    (tmp_path / "bundle").write_bytes(pickle.dumps(bundle))
    command = [sys.executable, "-c", KILLED_WRITER, url, str(tmp_path / "bundle")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "in the middle\n"
        assert read.list_comparisons(engine) == []
        writer.send_signal(signal.SIGKILL)
    left = row_counts(engine)
    assert read.list_comparisons(engine) == []
    with pytest.raises(NotFoundError):
        read.get_latent(engine, bundle.summary.slug, "narrow", 0)

    write_comparison(engine, bundle)
    assert read.get_comparison(engine, bundle.summary.slug) == bundle.summary
    # What the killed one left is gone.
    links = {"level_links": len(tuple(bundle.level_links))}
    assert row_counts(engine) == {**left, "comparisons": 1, "text_rows": 30, "latent_counts": N_COUNTS, **links}


def test_a_stored_slug_is_left_alone_and_unread(engine: Engine) -> None:
    bundle = make_bundle()
    write_comparison(engine, bundle)
    before = row_counts(engine)

    write_comparison(engine, replace(bundle, latents=failing([], AssertionError("read"))))
    assert row_counts(engine) == before


def test_one_slug_with_another_hash_is_refused(engine: Engine) -> None:
    bundle = make_bundle()
    write_comparison(engine, bundle)
    other = replace(bundle, summary=replace(bundle.summary, content_hash="f" * 64))
    with pytest.raises(ConflictError, match="is stored with content hash"):
        write_comparison(engine, other)


def test_deleting_removes_all_of_one_comparison_only(engine: Engine) -> None:
    kept, removed = make_bundle(name="kept"), make_bundle(name="removed")
    write_comparison(engine, kept)
    before = row_counts(engine)
    write_comparison(engine, removed)

    delete_comparison(engine, removed.summary.slug)
    assert row_counts(engine) == before
    assert read.get_comparison(engine, kept.summary.slug) == kept.summary
    with pytest.raises(NotFoundError, match="no comparison 'removed-"):
        delete_comparison(engine, removed.summary.slug)


@ON_SQLITE
def test_a_full_database_says_so_and_stays_whole(engine: Engine) -> None:
    kept = make_bundle(name="kept", n_rows=1)
    write_comparison(engine, kept)
    full = make_engine(url_of(engine))
    event.listen(full, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count = 130"))

    with pytest.raises(StoreError, match="no space left on the disk: nothing was stored; free some space"):
        write_comparison(full, make_bundle(n_narrow=120, n_rows=30))
    full.dispose()
    assert read.list_comparisons(engine) == [kept.summary]
    write_comparison(engine, make_bundle())


def test_a_full_disk_elsewhere_says_so(engine: Engine) -> None:
    bundle = make_bundle()
    full = failing(bundle.latents, OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(StoreError, match="no space left on the disk: nothing was stored"):
        write_comparison(engine, replace(bundle, latents=full))


def test_readers_see_the_state_before_while_a_write_goes_on(engine: Engine) -> None:
    old, new = make_bundle(name="old"), make_bundle(name="new")
    write_comparison(engine, old)
    seen: list[list[str]] = []

    def watched(latents: Iterable[LatentScores]) -> Iterator[LatentScores]:
        yield from latents
        seen.append([summary.name for summary in read.list_comparisons(engine)])
        assert len(read.columns(engine, old.summary.slug, "narrow", ["index"])["index"]) == 24
        with pytest.raises(NotFoundError):
            read.get_comparison(engine, new.summary.slug)

    write_comparison(engine, replace(new, latents=watched(new.latents)))
    assert seen == [["old"]]
    assert len(read.list_comparisons(engine)) == 2


def test_a_reader_keeps_its_state_while_a_write_commits(engine: Engine) -> None:
    with reading(engine) as connection:
        table = metadata.tables["comparisons"]
        count = select(func.count()).select_from(table)
        assert connection.execute(count).scalar() == 0
        write_comparison(engine, make_bundle())
        assert connection.execute(count).scalar() == 0
    assert len(read.list_comparisons(engine)) == 1


def test_writers_wait_for_each_other(engine: Engine) -> None:
    bundles = [make_bundle(name=f"n{k}", n_rows=2) for k in range(6)]
    failures: list[BaseException] = []

    def write(bundle: ComparisonBundle) -> None:
        try:
            write_comparison(engine, bundle)
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=write, args=(bundle,)) for bundle in bundles * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(summary.name for summary in read.list_comparisons(engine)) == [f"n{k}" for k in range(6)]


@ON_SQLITE
def test_a_lock_held_for_too_long_is_explained(engine: Engine) -> None:
    hasty = make_engine(url_of(engine))
    event.listen(hasty, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 20"))
    with writing(engine), pytest.raises(StoreError, match="another process has been writing for more than 30 s"):
        register_sae(hasty, make_sae_record())
    hasty.dispose()
