"""Write the measured tables into docs/performance.md.

    python -m bench.report

Each table stands between `<!-- bench:NAME -->` and `<!-- /bench -->`; what is not measured keeps its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import dashboard, database, drift, growth, large, memory, pages, profile, prompt_drift, prompts, run
from bench.machine import say
from bench.output import read_results
from bench.saedashboard import __main__ as saedashboard

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
NOT_MEASURED = "Not measured yet.\n"

TABLES: dict[str, Callable[[Any], str]] = {
    "pass-float32": run.markdown,
    "pass-bfloat16": run.markdown,
    "drift": drift.markdown,
    "prompt-drift": prompt_drift.markdown,
    "prompts": prompts.markdown,
    "dashboard": dashboard.markdown,
    "pages": pages.markdown,
    "saedashboard": saedashboard.markdown,
    "memory": memory.markdown,
    "large": large.markdown,
    "growth": growth.markdown,
    "profile": profile.markdown,
    "database-sqlite": database.markdown,
    "database-postgresql": database.markdown,
}
"""File of results -> its table."""


def filled(text: str) -> str:
    """The page with every measured table in its place."""
    for name, make in TABLES.items():
        figures = read_results(name)
        say(f"{name}: {'not measured' if figures is None else 'filled in'}")
        text = with_table(text, name, NOT_MEASURED if figures is None else make(figures))
    return text


def with_table(text: str, name: str, table: str) -> str:
    """The page with one table in its place.

    Raises:
        ValueError: the page has no place for it, or several.
    """
    place = re.compile(rf"(<!-- bench:{name} -->\n).*?(<!-- /bench -->)", re.DOTALL)
    text, n = place.subn(lambda match: f"{match[1]}\n{table}\n{match[2]}", text)
    if n != 1:
        raise ValueError(f"{n} places <!-- bench:{name} --> … <!-- /bench -->; expected one")
    return text


def main() -> None:
    """Rewrite the page."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
