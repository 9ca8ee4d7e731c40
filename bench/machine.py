"""What a measurement was made on, and how time and memory are measured."""

from __future__ import annotations

import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def facts() -> dict[str, Any]:
    """Machine, threads, versions, commit and date: part of every file of results."""
    import torch

    from app.pipeline.identity import versions

    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB, {platform.system()}",
        "threads": torch.get_num_threads(),
        "versions": {**versions(), "python": platform.python_version()},
        "commit": _commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def measured_on(figures: dict[str, Any]) -> str:
    """The facts of a file of results as a line of Markdown."""
    return f"{figures['machine']}, {figures['threads']} threads; commit {figures['commit']}, {figures['date']}."


def seconds(work: Callable[[], object], repeats: int, *, wait: Callable[[], object] | None = None) -> float:
    """Median wall time of a piece of work.

    Args:
        wait: called before and after each repeat; waits until an accelerator has done what it was given.
    """
    times = []
    for _ in range(repeats):
        if wait is not None:
            wait()
        started = time.perf_counter()
        work()
        if wait is not None:
            wait()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def peak_mib() -> float:
    """The most memory that this process has used so far, in MiB; Linux counts it in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def say(what: str) -> None:
    """Progress on stderr, with the time of day, so that a long run shows where it is."""
    print(f"{datetime.now().astimezone():%H:%M:%S} {what}", file=sys.stderr, flush=True)


def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
