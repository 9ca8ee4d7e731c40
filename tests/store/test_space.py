"""What is removed gives its disk space back."""

from __future__ import annotations

from sqlalchemy import Engine

from app.store import read
from app.store.space import compact, size_in_bytes
from app.store.write import delete_comparison, write_comparison
from tests.builders import make_bundle


def test_a_deleted_comparison_gives_its_space_back(engine: Engine) -> None:
    write_comparison(engine, make_bundle(name="kept"))
    before = size_in_bytes(engine)
    large = make_bundle(name="large", n_narrow=200, n_rows=40)
    write_comparison(engine, large)
    grown = size_in_bytes(engine) - before
    assert grown > 300_000

    delete_comparison(engine, large.summary.slug)
    if engine.dialect.name == "sqlite":
        assert size_in_bytes(engine) - before < grown / 4
    else:
        # PostgreSQL keeps the pages of indexes, for the next rows: else this would take four times the space.
        for _ in range(3):
            write_comparison(engine, large)
            delete_comparison(engine, large.summary.slug)
        assert size_in_bytes(engine) - before < grown * 2.5
    compact(engine)
    assert size_in_bytes(engine) - before < grown / 4
    assert [summary.name for summary in read.list_comparisons(engine)] == ["kept"]
