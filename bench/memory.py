"""Peak memory of a whole comparison against the number of tokens, and a plot of it.

    python -m bench.memory --tokens 65536,262144,1048576         writes bench/results/memory.json
    python -m bench.memory --plot                                draws docs/images/memory.svg from it

The bundled SAEs encode activations that are made as they are read (sums of 32 random decoder rows of the wide
SAE), so that no file of activations is mapped into memory. Each number of tokens runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource as process
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.activations.batch import NO_TOKEN, ActivationBatch, TokenRows
from app.executor.local import run_shards
from app.paths import resource
from app.pipeline.progress import silent
from app.pipeline.run import Prepared, score
from app.pipeline.source import Request, Source
from app.sae.load import LoadedSae, load_sae
from app.sparse.shards import ShardStore, plan_shards
from app.store.session import make_engine, upgrade
from bench.machine import RESULTS, facts, say

ROW = 128
ROWS_PER_BATCH = 16
N_ACTIVE = 32
PLOT = Path(__file__).parents[1] / "docs" / "images" / "memory.svg"


class MadeStream:
    """Activations made when they are read, the same ones every time."""

    def __init__(self, sae: LoadedSae, n_tokens: int) -> None:
        n_rows = -(-n_tokens // ROW)
        keep = np.arange(n_rows * ROW).reshape(n_rows, ROW) < n_tokens
        self.rows = TokenRows(np.full((n_rows, ROW), NO_TOKEN, dtype=np.int32), keep)
        self.d_in, self.key = sae.record.d_in, f"made-{n_tokens}"
        self.description: Mapping[str, Any] = {"made": n_tokens}
        self._decoder = torch.from_numpy(sae.unit_decoder)
        self._bias = sae.module.b_dec.detach()

    def batches(self, start: int, stop: int) -> Iterator[ActivationBatch]:
        """Activations of rows `[start, stop)`."""
        for first in range(start, stop, ROWS_PER_BATCH):
            part = self.rows.slice(first, min(first + ROWS_PER_BATCH, stop))
            row, position = np.nonzero(part.keep)
            generator = torch.Generator().manual_seed(first)
            latent = torch.randint(len(self._decoder), (len(row), N_ACTIVE), generator=generator)
            weight = 10 * torch.rand(len(row), N_ACTIVE, generator=generator)
            acts = torch.nn.functional.embedding_bag(latent, self._decoder, per_sample_weights=weight, mode="sum")
            yield ActivationBatch(acts + self._bias, row.astype(np.int64) + first, position, part, first)


def _one(n_tokens: int, answer: Any) -> None:
    saes = tuple(load_sae(str(resource("demo") / "saes" / name)) for name in ("narrow", "matryoshka"))
    stream = MadeStream(saes[1], n_tokens)
    before = process.getrusage(process.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/memory.db"
        upgrade(url)
        store, shards = ShardStore(Path(folder), stream.key), plan_shards(stream.rows)
        run_shards(stream, saes, store, shards)
        encoded = process.getrusage(process.RUSAGE_SELF).ru_maxrss
        source = Source(stream, None, None, "made", "0" * 64)
        request = Request("narrow", "matryoshka", activations="made", name="memory")
        score(make_engine(url), Prepared(request, saes, source, shards, store, "memory", "0" * 64), silent)
    peak = process.getrusage(process.RUSAGE_SELF).ru_maxrss
    mib = {"start_mib": before / 1024, "encoded_mib": encoded / 1024, "peak_mib": peak / 1024}
    answer.send({"tokens": n_tokens, "seconds": time.perf_counter() - started, **mib})


def measure(tokens: list[int]) -> list[dict[str, Any]]:
    """Each number of tokens in a fresh process."""
    context = multiprocessing.get_context("spawn")
    found = []
    for n_tokens in tokens:
        say(f"{n_tokens:,} tokens")
        receive, send = context.Pipe(duplex=False)
        child = context.Process(target=_one, args=(n_tokens, send))
        child.start()
        send.close()
        found.append(receive.recv())
        child.join()
        print(json.dumps(found[-1]), flush=True)
    return found


def plot(figures: dict[str, Any]) -> str:
    """The points as an SVG picture: tokens on a logarithmic axis, MiB on a linear one from 0."""
    points = figures["points"]
    width, height, left, bottom = 640, 320, 70, 50
    low, high = np.log10(points[0]["tokens"]), np.log10(points[-1]["tokens"])
    top = 1.15 * max(point["peak_mib"] for point in points)

    def place(tokens: int, mib: float) -> tuple[float, float]:
        share = (np.log10(tokens) - low) / max(high - low, 1e-9)
        return left + share * (width - left - 30), height - bottom - mib / top * (height - bottom - 20)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"',
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<path d="M{left} 20V{height - bottom}H{width - 20}" fill="none" stroke="#444"/>',
        f'<text x="{left}" y="15">peak memory, MiB</text>',
        f'<text x="{width - 20}" y="{height - 8}" text-anchor="end">scored tokens</text>',
    ]
    for mib in np.linspace(0, top / 1.15, 5):
        y = place(points[0]["tokens"], float(mib))[1]
        parts.append(f'<text x="{left - 8}" y="{y + 4:.0f}" text-anchor="end">{mib:,.0f}</text>')
    for name, colour, label in (
        ("peak_mib", "#0b6e4f", "whole comparison"),
        ("encoded_mib", "#b5542b", "after encoding"),
        ("start_mib", "#777", "SAEs loaded, nothing read"),
    ):
        line = [place(point["tokens"], point[name]) for point in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in line]
        parts.append(f'<text x="{line[0][0] + 8:.0f}" y="{line[0][1] - 8:.0f}" fill="{colour}">{label}</text>')
    for point in points:
        x = place(point["tokens"], 0)[0]
        parts.append(f'<text x="{x:.0f}" y="{height - bottom + 18}" text-anchor="middle">{point["tokens"]:,}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    """Measure or draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", default="65536,262144,1048576")
    parser.add_argument("--plot", action="store_true", help="only draw what is measured")
    arguments = parser.parse_args()
    path = RESULTS / "memory.json"
    if not arguments.plot:
        points = measure(sorted(int(word) for word in arguments.tokens.split(",")))
        RESULTS.mkdir(exist_ok=True)
        path.write_text(json.dumps({"points": points, **facts()}, indent=1) + "\n")
    PLOT.write_text(plot(json.loads(path.read_text())))


if __name__ == "__main__":
    main()
