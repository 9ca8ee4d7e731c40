"""Fill the table of costs in docs/scaling.md from what was measured.

    python -m bench.scaling        after `make bench` and `python -m bench.gpu`

A machine that has no file in `bench/results` is listed as not measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.output import read_results, table

PAGE = Path(__file__).parents[1] / "docs" / "scaling.md"
PART = re.compile(r"(<!-- from bench/results: cost -->\n)(.*?)(<!-- end -->)", re.DOTALL)
BILLION = 1_000_000_000


@dataclass(frozen=True)
class Row:
    """One machine and job.

    Attributes:
        what: model and SAEs; machine: where it was measured; command: that measures it.
        tokens_per_second: of the pass; None where it is not measured.
    """

    what: str
    machine: str
    command: str
    tokens_per_second: float | None


def rows() -> Iterator[Row]:
    """Every figure there is, and those that are missing."""
    for dtype in ("float32", "bfloat16"):
        figures = read_results(f"pass-{dtype}") or {}
        speed = figures.get("stages", {}).get("whole pass", {}).get("tokens_per_second")
        what = f"demo model and SAEs, {dtype}, whole comparison"
        yield Row(what, str(figures.get("machine", "a processor")), "make bench", speed)
    gpu = read_results("gpu") or {}
    speeds = {each["dtype"].removeprefix("torch."): each["tokens_per_second"] for each in gpu.get("speed", [])}
    for dtype in ("bfloat16", "float32"):
        what = f"Gemma-2-2B's shape, 16k + 65k latents, {dtype}, pass to shards"
        speed = speeds.get(dtype, {}).get("pass to shards")
        yield Row(what, str(gpu.get("device", "a GPU")), "python -m bench.gpu", speed)


def markdown() -> str:
    """The rows as Markdown."""
    head = ("job", "machine", "tokens/s", "machine hours a billion tokens", "measured by")
    return "\n".join(table(head, map(cells, rows())))


def cells(row: Row) -> tuple[str, ...]:
    """One line of the table."""
    speed = hours = "not measured"
    if row.tokens_per_second:
        speed, hours = f"{row.tokens_per_second:,.0f}", f"{BILLION / row.tokens_per_second / 3600:,.1f}"
    return row.what, row.machine, speed, hours, f"`{row.command}`"


def main() -> None:
    """Write the table into the page."""
    text = PAGE.read_text()
    found = PART.search(text)
    if found is None:
        raise SystemExit(f"{PAGE}: has no part <!-- from bench/results: cost --> … <!-- end -->")
    new = text[: found.start()] + f"{found[1]}\n{markdown()}\n\n{found[3]}" + text[found.end() :]
    PAGE.write_text(new)


if __name__ == "__main__":
    main()
