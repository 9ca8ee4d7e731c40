"""How long each stage of a comparison takes, read from the progress that it reports."""

from __future__ import annotations

import time

from app.progress import Advance
from bench.machine import say


class StageClock:
    """A comparison's progress that notes when each stage begins; a stage ends where the next one begins."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self._begun: list[tuple[str, float]] = []

    def __call__(self, stage: str, total: int, unit: str) -> Advance:
        """Begin a stage."""
        say(f"  {stage}")
        self._begun.append((stage, time.perf_counter()))
        return lambda _n: None

    def before_first(self) -> float:
        """Seconds from the start to the first stage."""
        return self._begun[0][1] - self.started

    def seconds(self, end: float) -> dict[str, float]:
        """Seconds of each stage, those of one name added up.

        Args:
            end: when the last stage ended, by `time.perf_counter`.
        """
        ends = [*(at for _, at in self._begun[1:]), end]
        found: dict[str, float] = {}
        for (stage, begin), until in zip(self._begun, ends, strict=True):
            found[stage] = found.get(stage, 0.0) + until - begin
        return found
