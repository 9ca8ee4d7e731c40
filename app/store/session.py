"""Engines and transactions: how a database is opened, upgraded and checked, and how its errors are told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from app.errors import SchemaError, StoreError
from app.paths import resource

if TYPE_CHECKING:
    from alembic.config import Config

SCHEMA_VERSION = "2026_11_25_degrees"
"""The newest migration. A constant, so that checking the schema at start need not import Alembic; a test holds it."""

BUSY_TIMEOUT_S = 30
UPGRADE = "run `hedgescope db upgrade`"

EXPLANATIONS = (
    ("disk is full", "no space left for it: nothing was stored; free some disk space and try again"),
    ("no space left", "no space left for it: nothing was stored; free some disk space and try again"),
    ("database is locked", f"another process has been writing for more than {BUSY_TIMEOUT_S} s; try again later"),
    ("not a database", "the file is not an SQLite database; choose another with HEDGESCOPE_DATABASE_URL"),
    ("readonly", "it can only be read; check the permissions of the file and its folder"),
    ("unable to open", "it can't be opened; check the path and the permissions of its folder"),
)
"""Fragment of a driver's message -> what to tell a person, after the database's URL."""

MISSING_SCHEMA = ("no such table", "no such column", "does not exist")


def make_engine(url: str) -> Engine:
    """An engine for the database at `url`; for SQLite the folder is made, and a file on first use.

    Raises:
        StoreError: the URL makes no sense, its driver is not installed, or the folder can't be made.
    """
    try:
        parsed = make_url(url)
        is_sqlite = parsed.get_backend_name() == "sqlite"
        if is_sqlite:
            _make_folder(parsed)
        connect_args = {"timeout": BUSY_TIMEOUT_S} if is_sqlite else {}
        engine = create_engine(parsed, connect_args=connect_args, pool_pre_ping=not is_sqlite)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise StoreError(
            f"the database URL can't be used: {error}; expected for example sqlite:///data/x.db"
        ) from error
    if is_sqlite:
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_folder(url: URL) -> None:
    database = url.database
    if not database or database == ":memory:" or database.startswith("file:"):
        return
    folder = Path(database).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the database's folder {folder} can't be made: {error.strerror}") from error


def _configure_sqlite(connection: Any, _record: object) -> None:
    # Transactions are begun by `_begin_sqlite`; the driver's own habit would leave DDL outside of them.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that reads first and writes later fails at once when another wrote in between.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection for reading; on SQLite all its reads see one state, and no writer is waited for.

    Raises:
        StoreError: the database failed; SchemaError: a table or column is missing.
    """
    with _explained(engine), engine.connect() as connection:
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
def _explained(engine: Engine) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise explain(error, engine.url) from error


def explain(error: SQLAlchemyError, url: URL) -> StoreError:
    """The driver's error as one line that a person can act on."""
    where = f"database {url.render_as_string(hide_password=True)}"
    cause = str(error.orig if isinstance(error, DBAPIError) else error)
    message = " ".join(cause.split())
    if any(fragment in message for fragment in MISSING_SCHEMA):
        return SchemaError(f"{where}: {message}; {UPGRADE}")
    if isinstance(error, IntegrityError):
        return StoreError(f"{where}: {message}: something was given twice or is missing; nothing was stored")
    for fragment, explanation in EXPLANATIONS:
        if fragment in message.lower():
            return StoreError(f"{where}: {explanation} ({message})")
    return StoreError(f"{where}: {message}")


def schema_version(connection: Connection) -> str | None:
    """The migration the database is at; None where it has no schema."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    version: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return version


def check_schema(engine: Engine) -> None:
    """Make sure that the database's schema is the program's.

    Raises:
        SchemaError: it has none, or another version; the message names the command that helps.
        StoreError: the database can't be opened.
    """
    with reading(engine) as connection:
        found = schema_version(connection)
    if found == SCHEMA_VERSION:
        return
    where = f"database {engine.url.render_as_string(hide_password=True)}"
    if found is None:
        raise SchemaError(f"{where} has no schema yet; {UPGRADE}")
    raise SchemaError(f"{where} has schema {found}, this program expects {SCHEMA_VERSION}; {UPGRADE}")


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
            if schema_version(connection) == SCHEMA_VERSION:
                return
        with writing(engine) as connection:
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
        raise SchemaError(f"schema {found} is unknown to this program: update hedgescope ({error})") from error


def alembic_config(connection: Connection) -> Config:
    """What Alembic's commands need to work on `connection`, inside the transaction it is in."""
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(resource("migrations")).replace("%", "%%"))
    return config
