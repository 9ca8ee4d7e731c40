"""What the dashboard process costs: from its start to its first byte, and its memory after some pages.

    python -m bench.dashboard                  (a database with a comparison: HEDGESCOPE_DATA_DIR)

The worker is left out (`--no-worker`): it is a process of its own. Writes `bench/results/dashboard.json` and `.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from app.pipeline.identity import versions

RESULTS = Path(__file__).parent / "results"
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
    """Start a dashboard, ask for the first page, walk over others, stop it."""
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
                slugs = [item["slug"] for item in client.get("/api/v1/comparisons").json()["items"]]
                for _ in range(n_rounds):
                    for path in (f"/c/{slug}{page}" for slug in slugs[:3] for page in PAGES_PER_COMPARISON):
                        client.get(path).raise_for_status()
            memory = psutil.Process(process.pid).memory_full_info()
            modules = [
                name
                for name in ("torch", "libtorch")
                if any(name in m.path for m in psutil.Process(process.pid).memory_maps())
            ]
            assert not modules, f"the dashboard has loaded {modules}"
        finally:
            process.terminate()
            process.wait(30)
    return {"first_byte_s": first_byte, "resident_mib": memory.rss / 2**20, "private_mib": memory.uss / 2**20}


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        f"The dashboard process, {figures['starts']} starts; {figures['machine']}; commit {figures['commit']}.",
        "",
        "| | median | largest | bar |",
        "|---|---|---|---|",
    ]
    for name, unit in (("first_byte_s", "s"), ("resident_mib", "MiB"), ("private_mib", "MiB")):
        values = figures["values"][name]
        bar = f"{BARS[name]:g} {unit}" if name in BARS else ""
        lines.append(f"| {name} | {statistics.median(values):.2f} {unit} | {max(values):.2f} {unit} | {bar} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=20, help="walks over the pages before memory is read")
    arguments = parser.parse_args()
    runs = [once(arguments.rounds) for _ in range(arguments.starts)]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    figures = {
        "starts": arguments.starts,
        "values": {name: [run[name] for run in runs] for name in runs[0]},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load_before": os.getloadavg()[0],
        "versions": versions(),
        "commit": commit.stdout.strip(),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "dashboard.json").write_text(json.dumps(figures, indent=1) + "\n")
    (RESULTS / "dashboard.md").write_text(table(figures))
    print(table(figures))


if __name__ == "__main__":
    main()
