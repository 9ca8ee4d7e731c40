"""Peak memory of a whole comparison against the number of tokens, and a plot of it.

    python -m bench.memory --tokens 65536,262144,1048576         writes bench/results/memory.json
    python -m bench.memory --plot                                draws docs/images/memory.svg from it

The bundled SAEs encode activations that are made as they are read (sums of 32 random decoder rows of the wide
SAE), so that no file of activations is mapped into memory. Each number of tokens runs in a process of its own.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.activations.batch import ActivationBatch
from app.executor.local import run_shards
from app.lab.scratch import scratch_database
from app.pipeline.inputs import ComparisonInputs
from app.pipeline.run import score_and_store
from app.pipeline.source import Source
from app.progress import silent
from app.records import BySide, ComparisonRequest
from app.sae.load import LoadedSae
from app.sparse.shards import ShardStore, plan_shards
from bench.bundled import load_bundled_saes
from bench.child import in_fresh_process
from bench.machine import facts, measured_on, peak_mib, say
from bench.memory_plot import plot
from bench.output import command_line, page, read_results, table, write_results
from bench.synthetic import token_rows

ROWS_PER_BATCH = 16
N_ACTIVE = 32
PLOT = Path(__file__).parents[1] / "docs" / "images" / "memory.svg"


class MadeStream:
    """Activations made when they are read, the same ones every time."""

    def __init__(self, sae: LoadedSae, n_tokens: int) -> None:
        self.rows = token_rows(n_tokens)
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


def one_comparison(n_tokens: int) -> dict[str, float]:
    """Seconds, and peak memory once the SAEs are loaded, after encoding, and at the end."""
    saes = BySide(*load_bundled_saes())
    stream = MadeStream(saes.reference, n_tokens)
    before = peak_mib()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as name, scratch_database(Path(name)) as engine:
        store, shards = ShardStore(Path(name), stream.key), plan_shards(stream.rows)
        run_shards(stream, tuple(saes), store, shards)
        encoded = peak_mib()
        source = Source(stream, None, None, "made", "0" * 64)
        request = ComparisonRequest("narrow", "matryoshka", activations="made", name="memory")
        inputs = ComparisonInputs(request, saes, source, shards, store, "memory", "0" * 64)
        score_and_store(engine, inputs, silent)
    memory = {"start_mib": before, "encoded_mib": encoded, "peak_mib": peak_mib()}
    return {"tokens": n_tokens, "seconds": time.perf_counter() - started, **memory}


def measure(tokens: list[int]) -> list[dict[str, float]]:
    """Each number of tokens in a fresh process."""
    found = []
    for n_tokens in tokens:
        say(f"{n_tokens:,} tokens")
        found.append(in_fresh_process(one_comparison, n_tokens))
        print(json.dumps(found[-1]), flush=True)
    return found


def markdown(figures: dict[str, Any]) -> str:
    """One row a number of tokens."""
    head = ("tokens", "seconds", "SAEs loaded, MiB", "after encoding, MiB", "whole comparison, MiB")
    fields = ("tokens", "seconds", "start_mib", "encoded_mib", "peak_mib")
    rows = [[f"{point[field]:,.0f}" for field in fields] for point in figures["points"]]
    picture = "![Peak memory against the number of tokens](images/memory.svg)"
    return page(measured_on(figures), picture, table(head, rows))


def main() -> None:
    """Measure or draw."""
    parser = command_line(__doc__)
    parser.add_argument("--tokens", default="65536,262144,1048576")
    parser.add_argument("--plot", action="store_true", help="only draw what is measured")
    given = parser.parse_args()
    if not given.plot:
        points = measure(sorted(int(word) for word in given.tokens.split(",")))
        write_results("memory", {"points": points, **facts()})
    figures = read_results("memory")
    if figures is None:
        parser.error("there is nothing to draw yet; measure first, without --plot")
    PLOT.write_text(plot(figures["points"]), encoding="utf-8")


if __name__ == "__main__":
    main()
