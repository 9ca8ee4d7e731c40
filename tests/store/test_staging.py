"""Comparisons that nobody sees yet, or no more."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from app.errors import StoreError
from app.store import read, write
from app.store.session import reading, writing
from app.store.staging import ABANDONED_AFTER
from app.store.write import delete_comparison, write_comparison
from tests.builders import make_bundle

pytestmark = pytest.mark.slow


def test_other_machines_writers_are_left_alone_for_a_while(engine: Engine) -> None:
    """On both databases; only the writer's name says where it runs."""
    seen: list[int] = []

    def slow(records: Iterable[Any]) -> Iterator[Any]:
        yield from records
        for age, machine in ((ABANDONED_AFTER / 2, "elsewhere"), (ABANDONED_AFTER * 2, "elsewhere")):
            with writing(engine) as connection:
                update = "UPDATE comparisons SET staged_by = :by, staged_at = :at WHERE name = 'slow'"
                at = make_moment(connection.dialect.name, age.total_seconds())
                connection.execute(text(update), {"by": f"{machine} {machine} 1 token", "at": at})
            write_comparison(engine, make_bundle(name=f"other{age.total_seconds():.0f}", n_rows=1))
            with reading(engine) as connection:
                count = connection.execute(text("SELECT count(*) FROM comparisons WHERE name = 'slow'")).scalar()
                seen.append(count or 0)

    bundle = make_bundle(name="slow")
    with pytest.raises(StoreError, match="took too long, and another process removed it; nothing was stored"):
        write_comparison(engine, replace(bundle, partners=slow(())))
    assert seen == [1, 0]
    write_comparison(engine, bundle)
    assert len(read.list_comparisons(engine)) == 3


def make_moment(dialect: str, age_s: float) -> object:
    moment = datetime.now(UTC) - timedelta(seconds=age_s)
    return moment if dialect == "postgresql" else moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def test_other_writers_need_not_wait_for_a_comparison(engine: Engine) -> None:
    """The write of one comparison goes on while another, and more, is written and shown."""
    started, ended = threading.Event(), threading.Event()

    def slow(records: Iterable[Any]) -> Iterator[Any]:
        yield from records
        started.set()
        assert ended.wait(60)

    bundle = make_bundle(name="slow")
    writer = threading.Thread(target=write_comparison, args=(engine, replace(bundle, details=slow(bundle.details))))
    writer.start()
    assert started.wait(60)
    write_comparison(engine, make_bundle(name="quick"))
    assert [summary.name for summary in read.list_comparisons(engine)] == ["quick"]
    ended.set()
    writer.join()
    assert {summary.name for summary in read.list_comparisons(engine)} == {"quick", "slow"}


def test_a_removal_that_was_killed_is_finished_by_the_next_writer(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise SystemExit("killed")

    bundle = make_bundle()
    write_comparison(engine, bundle)
    monkeypatch.setattr(write, "remove_rows", killed)
    with pytest.raises(SystemExit):
        delete_comparison(engine, bundle.summary.slug)
    monkeypatch.undo()
    assert read.list_comparisons(engine) == []
    write_comparison(engine, bundle)
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM comparisons")).scalar() == 1
