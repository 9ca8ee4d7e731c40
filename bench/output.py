"""What every benchmark shares: its command line, its Markdown table, and its files of results."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def command_line(description: str | None) -> argparse.ArgumentParser:
    """A parser whose help is the benchmark's docstring, line breaks kept."""
    return argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table.

    Raises:
        ValueError: a row has more or fewer cells than the head.
    """
    lines = [_line(head), f"|{'---|' * len(head)}"]
    for row in rows:
        if len(row) != len(head):
            raise ValueError(f"a row of {len(row)} cells in a table of {len(head)} columns: {row}")
        lines.append(_line(row))
    return lines


def page(*blocks: str | Sequence[str]) -> str:
    """Markdown from blocks (a paragraph, or the lines of a table), with a blank line between them."""
    return "\n\n".join(block if isinstance(block, str) else "\n".join(block) for block in blocks) + "\n"


def write_results(name: str | Path, figures: Any, markdown: str | None = None) -> None:
    """Write figures as JSON and, if there is a table, write it next to them and print it.

    Args:
        name: of the files, without suffix; relative to the folder of results.
    """
    path = RESULTS / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Path(f"{path}.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if markdown is not None:
        Path(f"{path}.md").write_text(markdown, encoding="utf-8")
        print(markdown)


def read_results(name: str) -> Any | None:
    """Figures measured before; None where there are none."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
