"""The tour's page: a line and a picture for each task."""

from __future__ import annotations

import re
from pathlib import Path

from bench.tour import TASKS, markdown

DOCS = Path(__file__).parents[2] / "docs"


def test_each_task_has_a_line_and_a_picture() -> None:
    rows = [{"name": task.name, "clicks": 2, "keys": 0, "seconds": 1.25, "found": "a|b <c>"} for task in TASKS]
    text = markdown({"rows": rows, "load_before": 0.5, "load_after": 1.0})
    assert text.count(" | 2 | 0 | 1.2 | a\\|b &lt;c> |") == len(TASKS)
    assert re.findall(r"images/tour-([\w-]+)\.webp", text) == [task.name for task in TASKS]
    assert "0.5 before, 1.0 after" in text


def test_the_page_shows_all_ten_tasks() -> None:
    page = (DOCS / "tour.md").read_text(encoding="utf-8")
    shown = re.findall(r"\(images/(tour-[\w-]+\.webp)\)", page)
    assert {int(name[6:].split("-")[0]) for name in shown} == set(range(1, 11))
    assert all((DOCS / "images" / name).stat().st_size < 150_000 for name in shown)
