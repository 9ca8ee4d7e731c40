"""Database errors, explained so that people can act on them."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.errors import DiskFullError, Place, SchemaError, StoreError

BUSY_TIMEOUT_S = 30
UPGRADE = "run `hedgescope db upgrade`"
URL_SETTING = "HEDGESCOPE_DATABASE_URL"
POOL_SETTING = "HEDGESCOPE_DATABASE_POOL_SIZE"

NO_SPACE = "no space left on the disk: nothing was stored; free some space and try again"
UNREACHABLE = f"its server does not answer; check that it runs, and check host and port in {URL_SETTING}"
RESTARTING = "its server was stopped or is starting up; try again in a moment"


class Explanation(NamedTuple):
    """What a fragment of a driver's message, in lower case, means to a person."""

    fragment: str
    meaning: str


EXPLANATIONS = (
    Explanation("disk is full", NO_SPACE),
    Explanation("no space left", NO_SPACE),
    Explanation(
        "database is locked", f"another process has been writing for more than {BUSY_TIMEOUT_S} s; try again later"
    ),
    Explanation("not a database", f"the file is not an SQLite database; choose another with {URL_SETTING}"),
    Explanation("readonly", "it is read-only; check the permissions of the file and its folder"),
    Explanation("unable to open", "it can't be opened; check the path and the permissions of its folder"),
    Explanation("password authentication failed", f"user or password is wrong; check them in {URL_SETTING}"),
    Explanation("no password supplied", f"its server requires a password; add it to {URL_SETTING}"),
    Explanation("no pg_hba.conf entry", "its server does not accept this user from this machine; see its pg_hba.conf"),
    Explanation("too many clients", f"its server has no free connection; lower {POOL_SETTING}"),
    Explanation("connection slots are reserved", f"its server has no free connection; lower {POOL_SETTING}"),
    Explanation("permission denied", "its user lacks a required permission; grant it, or use the database's owner"),
    Explanation("invalid connection option", f"the part after ? in {URL_SETTING} has an invalid option"),
    Explanation("starting up", RESTARTING),
    Explanation("shutting down", RESTARTING),
    Explanation("administrator command", RESTARTING),
    Explanation("recovery mode", RESTARTING),
    Explanation("closed the connection", RESTARTING),
    Explanation("connection is lost", RESTARTING),
    Explanation("failed to resolve host", UNREACHABLE),
    Explanation("connection refused", UNREACHABLE),
    Explanation("connection timeout", UNREACHABLE),
    Explanation("could not connect", UNREACHABLE),
)

MISSING_SCHEMA = ("no such table", "no such column")
MISSING_SCHEMA_STATES = ("42P01", "42703")
"""PostgreSQL's codes for an unknown table or column."""


def explain(error: SQLAlchemyError, url: URL) -> StoreError:
    """The driver's error as one line that a person can act on."""
    place = database_place(url)
    cause = error.orig if isinstance(error, DBAPIError) else error
    message = " ".join(str(cause).split())
    if isinstance(error, PoolTimeoutError):
        return StoreError(f"all connections are in use; raise {POOL_SETTING}", place=place, reason=message)
    if _lacks_schema(cause, message):
        return SchemaError(f"a table or a column is missing; {UPGRADE}", place=place, reason=message)
    if isinstance(error, IntegrityError):
        detail = "a value is duplicated or missing; nothing was stored"
        return StoreError(detail, place=place, reason=message)
    meaning = _meaning(message.lower(), url)
    if meaning is None:
        return StoreError("it failed", place=place, reason=message)
    return (DiskFullError if meaning == NO_SPACE else StoreError)(meaning, place=place, reason=message)


def database_place(url: URL) -> Place:
    """A database as errors name it: its address without the password, and for everybody the setting."""
    return Place(f"database {url.render_as_string(hide_password=True)}", f"the database ({URL_SETTING})")


def _lacks_schema(cause: object, message: str) -> bool:
    if getattr(cause, "sqlstate", None) in MISSING_SCHEMA_STATES:
        return True
    return any(fragment in message for fragment in MISSING_SCHEMA)


def _meaning(message: str, url: URL) -> str | None:
    if f'database "{url.database}" does not exist'.lower() in message:
        return f"its server has no database of that name; create it with `createdb {url.database}`, or correct the URL"
    return next((found.meaning for found in EXPLANATIONS if found.fragment in message), None)
