"""How a database means to read a query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Select

FORCED = ("enable_seqscan", "enable_bitmapscan", "enable_sort", "enable_incremental_sort")
"""PostgreSQL reads a small table whole, whatever its indexes; without these it says how it would read a large one."""

INDEX_READS = ("Index Scan", "Index Only Scan")


def assert_one_range_of_one_index(
    connection: Connection, query: Select[Any], parameters: Mapping[str, Any] | None = None
) -> None:
    """No sorting, no full scan, and nothing that is read and thrown away."""
    sql = str(query.params(parameters or {}).compile(connection, compile_kwargs={"literal_binds": True}))
    if connection.dialect.name == "sqlite":
        plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")]
        assert len(plan) == 1, plan
        assert plan[0].startswith(("SEARCH latents USING INDEX", "SEARCH partners USING INDEX")), plan
        return
    for name in FORCED:
        connection.exec_driver_sql(f"SET LOCAL {name} = off")
    top = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {sql}").scalar_one()[0]["Plan"]
    read = top["Plans"][0] if top["Node Type"] == "Limit" else top
    assert read["Node Type"] in INDEX_READS, top
    assert "Filter" not in read, top
