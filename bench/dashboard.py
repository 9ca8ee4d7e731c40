"""What the dashboard process costs: from its start to its first byte, and its memory after some pages.

    python -m bench.dashboard                  (a database with a comparison: HEDGESCOPE_DATA_DIR)

The worker is left out (`--no-worker`): it is a process of its own. Writes `bench/results/dashboard.json` and `.md`.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from typing import Any

import httpx
import psutil

from bench.machine import facts
from bench.output import command_line, page, table, write_results

PAGES_PER_COMPARISON = (
    "",
    "/latents",
    "/levels",
    "/narrow/0",
    "/reference/0",
    "/prompt",
    "/points.json?fields=density",
)
BARS = {"first_byte_s": 2.0, "resident_mib": 150.0}


def once(n_rounds: int) -> dict[str, float]:
    """Start a dashboard, get the first page, walk over others, stop it."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "app.cli", "serve", "--no-worker", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"serving (http://127\.0\.0\.1:\d+)/", process.stdout.readline())
            assert found, "the dashboard did not start; is there a database?"
            with httpx.Client(base_url=found[1], timeout=60, trust_env=False) as client:
                client.get("/").raise_for_status()
                first_byte = time.perf_counter() - started
                walk(client, n_rounds)
            return {"first_byte_s": first_byte, **memory_of(psutil.Process(process.pid))}
        finally:
            process.terminate()
            process.wait(30)


def walk(client: httpx.Client, n_rounds: int) -> None:
    """Read the pages of three comparisons, again and again."""
    slugs = [item["slug"] for item in client.get("/api/v1/comparisons").json()["items"]]
    for _ in range(n_rounds):
        for url in (f"/c/{slug}{path}" for slug in slugs[:3] for path in PAGES_PER_COMPARISON):
            client.get(url).raise_for_status()


def memory_of(process: psutil.Process) -> dict[str, float]:
    """Resident and private memory of a dashboard, which must not have loaded torch."""
    loaded = [mapped.path for mapped in process.memory_maps() if "torch" in mapped.path]
    assert not loaded, f"the dashboard has loaded {loaded}"
    memory = process.memory_full_info()
    return {"resident_mib": memory.rss / 2**20, "private_mib": memory.uss / 2**20}


def markdown(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    units = (("first_byte_s", "s"), ("resident_mib", "MiB"), ("private_mib", "MiB"))
    return page(
        f"The dashboard process, {figures['starts']} starts; {figures['machine']}; commit {figures['commit']}.",
        table(("", "median", "largest", "bar"), [row(name, unit, figures["values"][name]) for name, unit in units]),
    )


def row(name: str, unit: str, values: list[float]) -> tuple[str, ...]:
    """One line of the table."""
    bar = f"{BARS[name]:g} {unit}" if name in BARS else ""
    return name, f"{statistics.median(values):.2f} {unit}", f"{max(values):.2f} {unit}", bar


def main() -> None:
    """Measure, print, write."""
    parser = command_line(__doc__)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=20, help="walks over the pages before memory is read")
    given = parser.parse_args()
    load_before = os.getloadavg()[0]
    runs = [once(given.rounds) for _ in range(given.starts)]
    values = {name: [run[name] for run in runs] for name in runs[0]}
    figures = {"starts": given.starts, "values": values, "load_before": load_before, **facts()}
    write_results("dashboard", figures, markdown(figures))


if __name__ == "__main__":
    main()
