"""Where output goes: results to stdout, progress and errors to stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from app.progress import Advance

# No emoji: a path may hold `:x:`.
output = Console(emoji=False)
errors = Console(stderr=True, emoji=False)


class _RateColumn(ProgressColumn):
    """Units a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        unit = task.fields.get("unit", "")
        return Text("" if not speed else f"{speed:,.0f} {unit}/s", style="progress.data.speed")


class Stages:
    """Progress bars of a run, one a stage, on stderr."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __call__(self, stage: str, total: int, unit: str) -> Advance:
        """Open a stage; the returned function advances it."""
        task = self._progress.add_task(stage, total=total, unit=unit)

        def advance(n: int) -> None:
            self._progress.advance(task, n)

        return advance


@contextmanager
def stages() -> Iterator[Stages]:
    """Progress bars with rate and time left while the block runs."""
    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors, refresh_per_second=4) as progress:
        yield Stages(progress)
