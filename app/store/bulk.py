"""Many rows at once: COPY on PostgreSQL, one prepared statement elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    Integer,
    LargeBinary,
    String,
    Text,
)
from sqlalchemy.exc import DBAPIError

Columns = Sequence[Column[Any]]
Values = tuple[Any, ...]

BINARY_TYPES: tuple[tuple[type[Any], str], ...] = (
    (BigInteger, "int8"),
    (Integer, "int4"),
    (Double, "float8"),
    (Boolean, "bool"),
    (LargeBinary, "bytea"),
    (Text, "text"),
    (String, "varchar"),
)
"""SQLAlchemy's type -> PostgreSQL's; subtypes first."""


def insert_rows(connection: Connection, columns: Columns, rows: Sequence[Values]) -> None:
    """Insert rows into the table that `columns` belong to.

    Neither way turns values as SQLAlchemy would: rows hold what the driver takes (numbers, text, bytes, None).

    Args:
        rows: values in the order of `columns`.

    Raises:
        DBAPIError: the database refused a row; none of them is inserted once the transaction is rolled back.
    """
    if connection.dialect.name == "postgresql":
        _copy(connection, columns, rows)
    else:
        _execute_many(connection, columns, rows)


def _execute_many(connection: Connection, columns: Columns, rows: Sequence[Values]) -> None:
    places = ", ".join("?" for _ in columns)
    names = ", ".join(column.name for column in columns)
    # Names are the schema's own.
    statement = f"INSERT INTO {columns[0].table.name} ({names}) VALUES ({places})"  # noqa: S608
    connection.exec_driver_sql(statement, list(rows))


def _copy(connection: Connection, columns: Columns, rows: Sequence[Values]) -> None:
    names = ", ".join(column.name for column in columns)
    statement = f"COPY {columns[0].table.name} ({names}) FROM STDIN (FORMAT BINARY)"
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types([_binary_type(column) for column in columns])
            for row in rows:
                copy.write_row(row)
    except driver_errors(connection) as error:
        # As SQLAlchemy raises it, so that it is explained like any other.
        raise DBAPIError.instance(
            statement, None, error, driver_errors(connection), dialect=connection.dialect
        ) from error


def driver_errors(connection: Connection) -> type[Exception]:
    """The base class of the driver's errors."""
    errors: type[Exception] = connection.dialect.loaded_dbapi.Error
    return errors


def _binary_type(column: Column[Any]) -> str:
    return next(name for kind, name in BINARY_TYPES if isinstance(column.type, kind))
