"""Rows as the driver gives them, in half the time: for columns of all latents."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select
from sqlalchemy.exc import DBAPIError

from app.store.bulk import driver_errors


def plain_rows(connection: Connection, query: Select[Any]) -> list[tuple[Any, ...]]:
    """All rows of a query whose values are numbers and names of the program's own. SQLite's flags are 0 and 1.

    Raises:
        DBAPIError: the database failed, or was stopped.
    """
    sql = str(query.compile(connection, compile_kwargs={"literal_binds": True}))
    errors = driver_errors(connection)
    result = connection.exec_driver_sql(sql)
    cursor: Any = result.cursor
    try:
        return list(cursor.fetchall())
    except errors as error:
        # As SQLAlchemy raises it, so that it is explained like any other.
        raise DBAPIError.instance(sql, None, error, errors, dialect=connection.dialect) from error
    finally:
        result.close()
