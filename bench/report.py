"""Write the measured tables into docs/performance.md.

    python -m bench.report

Each table stands between `<!-- bench:NAME -->` and `<!-- /bench -->`; what is not measured keeps its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import dashboard as pages
from bench import database, drift, prompt_drift, prompts, run
from bench.machine import RESULTS, say

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
NOT_MEASURED = "Not measured yet.\n"
GIB = 1 << 30


def large(results: list[dict[str, Any]]) -> str:
    """One row a size and stage."""
    lines = [
        "| narrow × reference | d_in | L0 | tokens | stage | seconds | peak GiB | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        size = f"{result['narrow']:,} × {result['reference']:,} | {result['d_in']:,} | {result['l0']}"
        for stage, found in result["stages"].items():
            if "failed" in found:
                lines.append(f"| {size} | {result['n_tokens']:,} | {stage} | {found['failed']} | | |")
                continue
            figures = f"{found['seconds']:,.1f} | {found['peak_gib']:.2f}"
            lines.append(f"| {size} | {result['n_tokens']:,} | {stage} | {figures} | {_more(found)} |")
    return "\n".join([_where(results[-1]), "", *lines]) + "\n"


def _more(found: dict[str, Any]) -> str:
    notes = []
    if "bytes" in found:
        notes.append(f"{found['bytes'] / GIB:.2f} GiB on disk")
    if "multiplications" in found:
        notes.append(f"{found['multiplications'] / found['seconds'] / 1e9:,.0f} GFlop/s")
    if "stages" in found:
        notes += [f"{name} {seconds:,.0f} s" for name, seconds in found["stages"].items()]
        notes.append(f"database {found['database_bytes'] / GIB:.2f} GiB")
    return ", ".join(notes)


def growth(result: dict[str, Any]) -> str:
    """One row a stage, one column an axis."""
    axes = list(dict.fromkeys(each["axis"] for each in result["axes"]))
    found = {(each["stage"], each["axis"]): each["exponent"] for each in result["axes"]}
    stages = list(dict.fromkeys(each["stage"] for each in result["axes"]))
    lines = [f"| stage | {' | '.join(axes)} |", f"|---|{'---|' * len(axes)}"]
    for stage in stages:
        cells = [f"{found[stage, axis]:.2f}" if (stage, axis) in found else "" for axis in axes]
        lines.append(f"| {stage} | {' | '.join(cells)} |")
    return "\n".join([_where(result), "", *lines]) + "\n"


def memory(result: dict[str, Any]) -> str:
    """One row a number of tokens."""
    lines = [
        "| tokens | seconds | SAEs loaded, MiB | after encoding, MiB | whole comparison, MiB |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {point['tokens']:,} | {point['seconds']:,.0f} | {point['start_mib']:,.0f} | {point['encoded_mib']:,.0f} | "
        f"{point['peak_mib']:,.0f} |"
        for point in result["points"]
    ]
    picture = "![Peak memory against the number of tokens](images/memory.svg)"
    return "\n".join([_where(result), "", picture, "", *lines]) + "\n"


def profile(result: dict[str, Any]) -> str:
    """The functions with the most time."""
    lines = ["| share | seconds | function |", "|---|---|---|"]
    lines += [f"| {each['share']:.1%} | {each['seconds']:.2f} | `{each['function']}` |" for each in result["functions"]]
    return "\n".join([_where(result), "", *lines]) + "\n"


def beside_saedashboard(result: dict[str, Any]) -> str:
    """The side-by-side run."""
    from bench.saedashboard.__main__ import table

    return table(result)


def _where(result: dict[str, Any]) -> str:
    return f"{result['machine']}, {result['threads']} threads; commit {result['commit']}, {result['date']}."


TABLES: dict[str, Callable[[Any], str]] = {
    "pass-float32": run.table,
    "pass-bfloat16": run.table,
    "drift": drift.table,
    "prompt-drift": prompt_drift.table,
    "prompts": prompts.table,
    "dashboard": pages.table,
    "saedashboard": beside_saedashboard,
    "memory": memory,
    "large": large,
    "growth": growth,
    "profile": profile,
    "database-sqlite": database.table,
    "database-postgresql": database.table,
}


def filled(page: str) -> str:
    """The page with every measured table in its place; says which are not measured."""
    for name, make in TABLES.items():
        path = RESULTS / f"{name}.json"
        say(f"{name}: {'filled in' if path.exists() else 'not measured'}")
        table = make(json.loads(path.read_text())) if path.exists() else NOT_MEASURED
        place = re.compile(rf"(<!-- bench:{name} -->\n).*?(<!-- /bench -->)", re.DOTALL)
        page = place.sub(lambda match, table=table: f"{match[1]}\n{table}\n{match[2]}", page)  # type: ignore[misc]
    return page


def main() -> None:
    """Rewrite the page."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
