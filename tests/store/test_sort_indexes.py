"""Most of SQLite's rows are removed without its sort indexes, which are there again afterwards."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from app.store import read, sort_indexes, space, staging
from app.store.session import maintaining, reading, writing
from app.store.sort_indexes import drop_sort_indexes, is_most
from app.store.staging import hide, remove_abandoned
from app.store.write import delete_comparison, write_comparison
from tests.builders import make_bundle
from tests.store.conftest import ON_SQLITE
from tests.store.counts import row_counts

pytestmark = ON_SQLITE


def schema(engine: Engine) -> dict[str, str]:
    with reading(engine) as connection:
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: " ".join(sql.split()) for name, sql in rows}


def auto_vacuum(engine: Engine) -> int:
    with maintaining(engine) as connection:
        return int(connection.exec_driver_sql("PRAGMA auto_vacuum").scalar_one())


@pytest.fixture
def dropped(monkeypatch: pytest.MonkeyPatch) -> list[Engine]:
    """The engines whose indexes were dropped, from a single latent on."""
    calls: list[Engine] = []

    def noted(engine: Engine) -> None:
        calls.append(engine)
        drop_sort_indexes(engine)

    monkeypatch.setattr(sort_indexes, "FEW_ROWS", 0)
    monkeypatch.setattr(staging, "drop_sort_indexes", noted)
    return calls


def test_the_larger_comparison_goes_without_them_and_the_smaller_one_with_them(
    engine: Engine, dropped: list[Engine]
) -> None:
    small, large = make_bundle(name="small", n_rows=1), make_bundle(name="large", n_narrow=200, n_rows=1)
    write_comparison(engine, small)
    before, rows = schema(engine), row_counts(engine)
    write_comparison(engine, large)

    delete_comparison(engine, large.summary.slug)
    assert dropped == [engine]
    assert schema(engine) == before
    assert row_counts(engine) == rows

    write_comparison(engine, large)
    delete_comparison(engine, small.summary.slug)
    assert dropped == [engine]
    assert schema(engine) == before
    assert [each.name for each in read.list_comparisons(engine)] == ["large"]


def test_what_a_killed_removal_dropped_is_made_again(engine: Engine, dropped: list[Engine]) -> None:
    bundle = make_bundle(n_rows=1)
    write_comparison(engine, bundle)
    before = schema(engine)
    with writing(engine) as connection:
        hide(connection, 1)
    assert is_most(engine, 1)
    drop_sort_indexes(engine)
    assert len(before) - len(schema(engine)) > 40
    assert remove_abandoned(engine) == 1
    assert schema(engine) == before
    assert not any(row_counts(engine).values())


@pytest.mark.parametrize("moved_at_once", [0, 1 << 17])
def test_a_file_shrinks_at_once_or_in_steps(
    engine: Engine, moved_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space, "MOVED_AT_ONCE", moved_at_once)
    first = make_bundle(name="first", n_narrow=200)
    write_comparison(engine, first)
    kept = make_bundle(name="kept")
    write_comparison(engine, kept)
    before = space.size_in_bytes(engine)
    delete_comparison(engine, first.summary.slug)
    assert space.size_in_bytes(engine) < before / 2
    with reading(engine) as connection:
        assert connection.exec_driver_sql("PRAGMA freelist_count").scalar_one() == 0
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
    assert auto_vacuum(engine) == 2
    assert read.get_latent(engine, kept.summary.slug, "narrow", 0) == next(iter(kept.latents))
