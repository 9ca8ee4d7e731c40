"""Opening, upgrading and checking databases."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, LargeBinary, inspect, make_url, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import OperationalError
from sqlalchemy.schema import CreateIndex, CreateTable

from app.errors import SchemaError, StoreError
from app.paths import resource
from app.store import read
from app.store.explain import explain
from app.store.session import (
    alembic_config,
    check_schema,
    make_engine,
    newest_schema,
    reading,
    upgrade,
    writing,
)
from app.store.tables import SEARCH_TABLE, metadata
from app.store.write import register_sae
from tests.builders import make_sae_record
from tests.store.conftest import ON_POSTGRESQL, ON_SQLITE, fresh_engine, url_of
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def empty(url: str) -> Iterator[Engine]:
    """A database without schema."""
    with fresh_engine(url) as engine:
        yield engine


def is_declared(name: str | None, _kind: str, _parents: object) -> bool:
    """Whether the declarations know of it; the search of labels is made by its migration alone."""
    return not (name or "").startswith(SEARCH_TABLE) and name != "ix_latents_label_search"


def test_migrations_make_the_tables_as_declared(engine: Engine) -> None:
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": is_declared})
        assert compare_metadata(context, metadata) == []


@ON_SQLITE
def test_migrations_make_the_indexes_as_declared_on_sqlite(engine: Engine) -> None:
    """Reflection does not tell ascending from descending, so their text is compared."""
    with reading(engine) as connection:
        found = connection.execute(text("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"))
        migrated = {" ".join(sql.split()) for sql in found.scalars()}
    indexes = (index for table in metadata.tables.values() for index in table.indexes)
    assert migrated == {str(CreateIndex(index).compile(engine)).strip() for index in indexes}


@ON_POSTGRESQL
def test_migrations_make_the_indexes_as_declared_on_postgresql(engine: Engine, postgres_url: str) -> None:
    with fresh_engine(postgres_url) as declared:
        metadata.create_all(declared)
        assert index_texts(engine) - index_texts(declared) == {
            "CREATE UNIQUE INDEX alembic_version_pkc ON public.alembic_version USING btree (version_num)"
        }
        assert index_texts(declared) <= index_texts(engine)


def index_texts(engine: Engine) -> set[str]:
    with reading(engine) as connection:
        texts = connection.execute(text("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'")).scalars()
        return set(texts)


def test_the_newest_migration_is_last_by_name() -> None:
    script = ScriptDirectory(str(resource("migrations")))
    assert script.get_heads() == [newest_schema()]
    for revision in script.walk_revisions():
        assert Path(revision.path).stem == revision.revision


def test_migrations_can_be_undone(engine: Engine) -> None:
    with writing(engine) as connection:
        command.downgrade(alembic_config(connection), "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    with pytest.raises(SchemaError):
        check_schema(engine)
    upgrade(url_of(engine))
    check_schema(engine)


def test_upgrading_again_changes_nothing(engine: Engine) -> None:
    stored = register_sae(engine, make_sae_record())
    upgrade(url_of(engine))
    upgrade(url_of(engine))
    assert read.list_saes(engine) == [stored]
    check_schema(engine)


def test_an_odd_path_is_no_problem(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deep er' / '100 % ü' / 'x.db'}"
    upgrade(url)
    engine = make_engine(url)
    check_schema(engine)
    engine.dispose()


UPGRADER = """
import sys
from pathlib import Path
from app.store.session import upgrade
from tests.waiting import wait_until
Path(sys.argv[3]).touch()
wait_until(lambda: Path(sys.argv[2]).exists(), every_s=0.001)
upgrade(sys.argv[1])
"""


@pytest.mark.slow
def test_processes_may_upgrade_at_once(url: str, tmp_path: Path) -> None:
    go = tmp_path / "go"
    ready = [tmp_path / f"ready{k}" for k in range(4)]
    processes = [
        subprocess.Popen([sys.executable, "-c", UPGRADER, url, go, flag], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for flag in ready
    ]
    wait_until(lambda: all(flag.exists() for flag in ready))
    go.touch()
    errors = [process.communicate(timeout=60)[1] for process in processes]

    assert [process.returncode for process in processes] == [0] * 4, errors
    engine = make_engine(url)
    check_schema(engine)
    engine.dispose()


def test_a_database_without_schema_names_the_command(empty: Engine) -> None:
    with pytest.raises(SchemaError, match="has no schema yet; run `hedgescope db upgrade`"):
        check_schema(empty)
    with pytest.raises(SchemaError, match=r"; run `hedgescope db upgrade` \(.*comparisons"):
        read.list_comparisons(empty)


def test_another_schema_is_named(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '2099_01_01_future'"))
    with pytest.raises(SchemaError, match=f"has schema 2099_01_01_future, but this program expects {newest_schema()}"):
        check_schema(engine)
    with pytest.raises(SchemaError, match="schema 2099_01_01_future is unknown to this version; update hedgescope"):
        upgrade(url_of(engine))


def test_a_failing_migration_leaves_nothing(empty: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise RuntimeError("halfway")

    # By then three tables are made.
    monkeypatch.setattr("alembic.op.create_index", fail)
    with pytest.raises(RuntimeError, match="halfway"):
        upgrade(url_of(empty))
    monkeypatch.undo()
    assert inspect(empty).get_table_names() == []
    upgrade(url_of(empty))
    check_schema(empty)


@ON_SQLITE
def test_sqlite_is_set_up(engine: Engine) -> None:
    with reading(engine) as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "auto_vacuum")
        }
    assert values == {
        "journal_mode": "wal",
        "synchronous": 1,
        "foreign_keys": 1,
        "busy_timeout": 30_000,
        "auto_vacuum": 2,
    }


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "the database URL can't be used"),
        ("oracle9://x", "the database URL can't be used"),
        ("sqlite:////proc/nowhere/x.db", "/proc/nowhere: the database's folder can't be created"),
    ],
)
def test_a_wrong_url_is_explained(url: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        make_engine(url)


def test_a_file_that_is_no_database_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("no database at all, but long enough to be looked at\n" * 100)
    with pytest.raises(StoreError, match="the file is not an SQLite database"):
        upgrade(f"sqlite:///{path}")


def test_a_folder_instead_of_a_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="it can't be opened; check the path"):
        upgrade(f"sqlite:///{tmp_path}")


def test_passwords_are_not_shown() -> None:
    url = make_url("postgresql+psycopg://me:secret@host/hedgescope")
    shown = str(explain(OperationalError("SELECT 1", {}, Exception("gone\n  away")), url))
    assert shown == "database postgresql+psycopg://me:***@host/hedgescope: it failed (gone away)"


def test_the_schema_is_ready_for_postgresql() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for table in metadata.sorted_tables:
        sql = str(CreateTable(table).compile(dialect=dialect))
        assert '"' not in sql, "a name that PostgreSQL reserves"
        assert not re.search(r"DATETIME|BLOB|FLOAT", sql)
        assert sql.count("BYTEA") == sum(isinstance(column.type, LargeBinary) for column in table.columns)


IMPORTS = """
import sys
import app.store.read, app.store.write, app.store.session, app.store.filters
from app.store.session import check_schema, make_engine, upgrade
upgrade(sys.argv[1])
check_schema(make_engine(sys.argv[1]))
print([name for name in ("torch", "numpy", "sae_lens", "alembic") if name in sys.modules])
"""


def test_store_needs_no_torch_and_a_current_schema_no_alembic(engine: Engine) -> None:
    command = [sys.executable, "-c", IMPORTS, url_of(engine)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
