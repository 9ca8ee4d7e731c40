"""Engines and transactions: how a database is opened, upgraded and checked, and how its errors are explained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from app.errors import SchemaError, StoreError
from app.paths import resource
from app.store.explain import BUSY_TIMEOUT_S, UPGRADE, database_place, explain
from app.store.patience import obeyed
from app.store.read_only import file_of, is_read_only, reader

if TYPE_CHECKING:
    from alembic.config import Config

DRIVER = "psycopg"
EXAMPLES = "sqlite:///data/x.db or postgresql://user:password@host/hedgescope"
POOL_SIZE = 5
CONNECT_TIMEOUT_S = 10
POOL_TIMEOUT_S = 30
UPGRADE_LOCK = 0x4865646765
"""Key of PostgreSQL's advisory lock that one upgrade holds while others wait."""


def make_engine(url: str, *, pool_size: int = POOL_SIZE) -> Engine:
    """An engine for the database at `url`; for SQLite the folder is made, and a file on first use.

    Connections that died with their server are replaced at their next use.

    Args:
        url: of SQLite or PostgreSQL; `postgresql://` and `postgres://` stand for `postgresql+psycopg://`.
        pool_size: maximum connections to a PostgreSQL server at a time; further requests wait.

    Raises:
        StoreError: the URL is invalid, its driver is not installed, or the folder can't be created.
    """
    try:
        parsed = _parse(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite_engine(parsed)
        return _postgres_engine(parsed, pool_size)
    except ModuleNotFoundError as error:
        raise StoreError(
            f"the database URL needs the package {error.name}, which is not installed; "
            "`pip install 'hedgescope[postgres]'`"
        ) from error
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        detail = f"the database URL can't be used; expected for example {EXAMPLES}"
        raise StoreError(detail, reason=str(error)) from error


def _parse(url: str) -> URL:
    parsed = make_url(url)
    if parsed.drivername in ("postgres", "postgresql"):
        return parsed.set(drivername=f"postgresql+{DRIVER}")
    if parsed.drivername not in (f"postgresql+{DRIVER}", "sqlite", "sqlite+pysqlite"):
        raise ArgumentError(f"{parsed.drivername!r} is not a supported database; expected sqlite or postgresql")
    return parsed


def _sqlite_engine(url: URL) -> Engine:
    path = file_of(url)
    if path is not None and is_read_only(url):
        engine = create_engine(url, creator=reader(path, BUSY_TIMEOUT_S))
        event.listen(engine, "connect", _configure_reader)
    else:
        _make_folder(url)
        engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})
        event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _postgres_engine(url: URL, pool_size: int) -> Engine:
    # No statement is prepared on the server: behind PgBouncer, the next transaction may be another connection's.
    given = {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "hedgescope", "prepare_threshold": None}
    if "prepare_threshold" in url.query:
        given["prepare_threshold"] = _threshold(url.query["prepare_threshold"])
        url = url.difference_update_query(["prepare_threshold"])
    return create_engine(
        url,
        connect_args={name: value for name, value in given.items() if name not in url.query},
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_S,
        pool_pre_ping=True,
    )


def _threshold(value: object) -> int | None:
    """`prepare_threshold` of a URL: how often a statement runs before the server prepares it. Raises ValueError."""
    if value in ("", "None", "none", "null"):
        return None
    if not str(value).isdecimal():
        raise ValueError(f"prepare_threshold is {value!r}; expected a number, or none")
    return int(str(value))


def _make_folder(url: URL) -> None:
    path = file_of(url)
    if path is None:
        return
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the database's folder can't be created: {error.strerror}", place=folder) from error


def _configure_sqlite(connection: Any, _record: object) -> None:
    # Transactions are begun by `_begin_sqlite`; the driver's own habit would leave DDL outside of them.
    connection.isolation_level = None
    if connection.execute("PRAGMA page_count").fetchone() == (0,):
        # Lets a file give back what was deleted. Only an empty one takes it, and others would wait for writers.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _configure_reader(connection: Any, _record: object) -> None:
    connection.isolation_level = None


READ_CACHE_KIB = 2048
"""SQLite's own default, a connection."""

WRITE_CACHE_KIB = 1 << 17
"""A latent's rows go to random pages of some twenty indexes; a smaller cache would write pages out at each insert."""


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that reads first and writes later fails at once when another wrote in between.
    options = connection.get_execution_options()
    if not options.get("outside"):
        cache = WRITE_CACHE_KIB if options.get("writes") else READ_CACHE_KIB
        connection.exec_driver_sql(f"PRAGMA cache_size = -{cache}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")


def is_sqlite(engine: Engine) -> bool:
    """Whether it is SQLite, where one writes at a time; else it is PostgreSQL."""
    return engine.dialect.name == "sqlite"


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection for reading: all its reads see one state, and no writer is waited for.

    Raises:
        StoreError: the database failed; SchemaError: a table or column is missing; QueryStoppedError: it takes longer
            than this context's patience.
    """
    with _explained(engine), engine.connect() as connection:
        if not is_sqlite(engine):
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with obeyed(connection):
            yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection in one write transaction: committed at the end, rolled back on any exception.

    Raises:
        StoreError: the database failed, was locked for too long or is full; SchemaError: a table is missing.
    """
    with _explained(engine), engine.execution_options(writes=True).begin() as connection:
        yield connection


@contextmanager
def maintaining(engine: Engine) -> Iterator[Connection]:
    """A connection outside of any transaction, for what can't be in one, such as VACUUM. Raises StoreError."""
    options: dict[str, Any] = {"outside": True} if is_sqlite(engine) else {"isolation_level": "AUTOCOMMIT"}
    with _explained(engine), engine.execution_options(**options).connect() as connection:
        yield connection


@contextmanager
def _explained(engine: Engine) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise explain(error, engine.url) from error


def schema_version(connection: Connection) -> str | None:
    """The migration the database is at; None where it has no schema."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    version: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return version


@cache
def newest_schema() -> str:
    """The newest migration. Read from the file names, since importing Alembic takes a quarter of a second."""
    return max(path.stem for path in (resource("migrations") / "versions").glob("*.py"))


def is_empty(url: str) -> bool:
    """Whether the database at `url` has no schema yet. Raises StoreError where it can't be opened."""
    engine = make_engine(url)
    try:
        with reading(engine) as connection:
            return schema_version(connection) is None
    finally:
        engine.dispose()


def check_schema(engine: Engine) -> None:
    """Make sure that the database's schema is the program's.

    Raises:
        SchemaError: it has none, or another version; the message names the command that helps.
        StoreError: the database can't be opened.
    """
    with reading(engine) as connection:
        found = schema_version(connection)
    if found == newest_schema():
        return
    place = database_place(engine.url)
    if found is None:
        raise SchemaError(f"it has no schema yet; {UPGRADE}", place=place)
    raise SchemaError(f"it has schema {found}, but this program expects {newest_schema()}; {UPGRADE}", place=place)


def upgrade(url: str) -> None:
    """Bring the database at `url` to the newest schema; does nothing where it is there already.

    All migrations run in one write transaction, so that of two processes one waits for the other.

    Raises:
        SchemaError: the schema is newer than this program.
        StoreError: the database can't be opened or written.
    """
    engine = make_engine(url)
    try:
        with reading(engine) as connection:
            if schema_version(connection) == newest_schema():
                return
        with writing(engine) as connection:
            if not is_sqlite(engine):
                connection.execute(select(func.pg_advisory_xact_lock(UPGRADE_LOCK)))
            _migrate(connection)
    finally:
        engine.dispose()


def _migrate(connection: Connection) -> None:
    # Imported here: it takes a quarter of a second that a server with a current schema need not spend.
    from alembic import command
    from alembic.util import CommandError

    found = schema_version(connection)
    try:
        command.upgrade(alembic_config(connection), "head")
    except CommandError as error:
        detail = f"schema {found} is unknown to this version; update hedgescope"
        raise SchemaError(detail, reason=str(error)) from error


def alembic_config(connection: Connection) -> Config:
    """What Alembic's commands need to work on `connection`, inside the transaction it is in."""
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(resource("migrations")).replace("%", "%%"))
    return config
