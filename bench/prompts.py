"""How long a live prompt takes on the demo's model: for one client and for many at once, with and without batching.

    python -m bench.prompts                    (or with --requests 40 for a quick look)

Two workers run as processes of their own, one that batches and one that doesn't; they take turns, so that a slow
minute of the machine hits both. Everything stays on 127.0.0.1. Writes `bench/results/prompts.json` and `.md`.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from app.activations.language_model import ModelShelf
from app.activations.text import read_text
from app.errors import WorkerError
from app.inference.client import Inference, fixed
from app.inference.wire import PromptRequest
from app.pipeline.run import run
from app.progress import silent
from app.store.session import make_engine, upgrade
from bench.bundled import bundled_request, bundled_text, models_folder
from bench.machine import facts
from bench.output import command_line, page, table, write_results

CLIENTS = (1, 16)
ROUNDS = 3
WORDS = (5, 30)
"""A prompt has so many words of the bundled text: about 8 to 45 tokens."""

START_S = 180
COMPARISON_TOKENS = 2048


def make_comparison(folder: Path, models: Path) -> str:
    """The bundled SAEs compared on a little text, in a database of its own; the slug."""
    url = f"sqlite:///{folder / 'hedgescope.db'}"
    upgrade(url)
    request = bundled_request("bench", COMPARISON_TOKENS)
    return run(make_engine(url), folder, request, silent, models=ModelShelf(models)).slug


@contextmanager
def worker(folder: Path, batch_prompts: int, threads: int) -> Iterator[Inference]:
    """A worker in a process of its own, and a client of it."""
    secret = secrets.token_urlsafe(16)
    environment = {
        **os.environ,
        "HEDGESCOPE_DATA_DIR": str(folder),
        "HEDGESCOPE_WORKER_SECRET": secret,
        "HEDGESCOPE_BATCH_PROMPTS": str(batch_prompts),
        "HEDGESCOPE_LOG_LEVEL": "warning",
        "OMP_NUM_THREADS": str(threads),
    }
    command = [sys.executable, "-m", "app.cli", "worker", "--port", "0"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            url = next(word for word in process.stderr.readline().split() if word.startswith("http://"))
            yield Inference(fixed(url, SecretStr(secret)), timeout_s=120)
        finally:
            process.terminate()
            process.wait(30)


def make_texts(n: int) -> list[str]:
    """Stretches of the bundled text, the same in every run."""
    rng = random.Random(0)
    documents = [document.split() for document in read_text(bundled_text()).documents]
    documents = [words for words in documents if len(words) > WORDS[1]]
    texts = []
    for _ in range(n):
        words, length = rng.choice(documents), rng.randint(*WORDS)
        start = rng.randint(0, len(words) - length)
        texts.append(" ".join(words[start : start + length]))
    return texts


async def wait_for(inference: Inference) -> None:
    """Until it answers."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            await inference.health()
        except WorkerError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)
        else:
            return


async def ask(inference: Inference, slug: str, texts: list[str], n_clients: int) -> tuple[list[float], float, int]:
    """(seconds of each answer, seconds of all, tokens), each client sending its next text when it has an answer."""
    left = iter(texts)
    times: list[float] = []
    n_tokens = 0

    async def client() -> None:
        nonlocal n_tokens
        for text in left:
            started = time.perf_counter()
            answer = await inference.prompt(PromptRequest(slug=slug, text=text))
            times.append(time.perf_counter() - started)
            n_tokens += len(answer.tokens)

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(n_clients)))
    return times, time.perf_counter() - started, n_tokens


async def measure(workers: dict[str, Inference], slug: str, n_requests: int) -> list[dict[str, Any]]:
    """All cells: batching or not, one client or many."""
    texts = make_texts(n_requests)
    for inference in workers.values():
        await wait_for(inference)
        await ask(inference, slug, texts[:16], 4)
    found: dict[tuple[str, int], tuple[list[float], float, int]] = {}
    for _ in range(ROUNDS):
        for n_clients in CLIENTS:
            for name, inference in workers.items():
                times, seconds, n_tokens = await ask(inference, slug, texts, n_clients)
                before = found.get((name, n_clients), ([], 0.0, 0))
                found[name, n_clients] = (before[0] + times, before[1] + seconds, before[2] + n_tokens)
    for inference in workers.values():
        await inference.__aexit__(None, None, None)
    return [cell(name, n_clients, *values) for (name, n_clients), values in sorted(found.items())]


def cell(name: str, n_clients: int, times: list[float], seconds: float, n_tokens: int) -> dict[str, Any]:
    """One line of the table."""
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return {
        "batching": name,
        "clients": n_clients,
        "requests": len(times),
        "p50_ms": 1000 * cuts[49],
        "p99_ms": 1000 * cuts[98],
        "prompts_per_s": len(times) / seconds,
        "tokens_per_s": n_tokens / seconds,
        "tokens_per_prompt": n_tokens / len(times),
    }


def report(cells: list[dict[str, Any]], threads: int, load_before: float) -> dict[str, Any]:
    """Figures, their ratio, and what they were measured on."""
    found = facts()
    speed = {(one["batching"], one["clients"]): one["prompts_per_s"] for one in cells}
    return {
        "cells": cells,
        "speed_up": {str(n): speed["on", n] / speed["off", n] for n in CLIENTS},
        **found,
        "machine": f"{found['machine']}, {threads} threads a worker",
        "load_before": load_before,
    }


def markdown(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    head = ("clients", "batching", "requests", "p50 ms", "p99 ms", "prompts/s", "tokens/s")
    cells = sorted(figures["cells"], key=lambda one: (one["clients"], one["batching"]))
    ratios = ", ".join(f"{ratio:.2f}× at {n}" for n, ratio in figures["speed_up"].items())
    return page(
        f"Live prompts on the bundled model and SAEs, float32; {figures['machine']}; load {figures['load_before']:.1f} "
        f"before; commit {figures['commit']}. The client runs on the same cores.",
        table(head, [row(one) for one in cells]),
        f"Throughput with batching against without: {ratios}.",
    )


def row(one: dict[str, Any]) -> tuple[str, ...]:
    """One line of the table."""
    times = f"{one['p50_ms']:.0f}", f"{one['p99_ms']:.0f}"
    speeds = f"{one['prompts_per_s']:.1f}", f"{one['tokens_per_s']:,.0f}"
    return str(one["clients"]), one["batching"], str(one["requests"]), *times, *speeds


def main() -> None:
    """Measure, print, write."""
    parser = command_line(__doc__)
    parser.add_argument("--requests", type=int, default=160, help="in each of the rounds")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of torch, in each worker")
    parser.add_argument("--batch", type=int, default=16, help="most prompts in a batch")
    given = parser.parse_args()
    load_before, models = os.getloadavg()[0], models_folder()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slug = make_comparison(folder, models)
        (folder / "models").symlink_to(models)
        with worker(folder, given.batch, given.threads) as batching, worker(folder, 1, given.threads) as alone:
            cells = asyncio.run(measure({"on": batching, "off": alone}, slug, given.requests))
    figures = report(cells, given.threads, load_before)
    write_results("prompts", figures, markdown(figures))


if __name__ == "__main__":
    main()
