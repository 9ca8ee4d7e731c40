"""How much the pass and the scores cost beside the language model itself.

    make bench                       (or: python -m bench.run --tokens 16384)

Everything is measured in one run, on the bundled SAEs and text, and compared with the limit: the
model's forward pass up to the hook plus the two bare matrix products that encoding needs. Writes
`bench/results/pass.json` and `bench/results/pass.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource as process
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.activations.language_model import ModelShelf, activations_of
from app.activations.stream import ModelStream
from app.activations.text import read_text
from app.engine.local import run_shards
from app.paths import resource
from app.pipeline.compare import compute, run
from app.pipeline.identity import versions
from app.pipeline.passes import ShardReader
from app.pipeline.progress import silent
from app.pipeline.source import Request, Source
from app.sae.load import LoadedSae, load_sae
from app.settings import load_settings
from app.sparse.encode import encode
from app.sparse.shards import ShardStore, plan_shards
from app.store.session import make_engine, upgrade

RESULTS = Path(__file__).parent / "results"
REPEATS = 3


def seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median wall time of a piece of work."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def forward_alone(stream: ModelStream, models: ModelShelf, saes: list[LoadedSae]) -> None:
    """The model up to the hook, nothing kept."""
    record = saes[0].record
    language_model = models.get(str(record.model_name))
    for start in range(0, len(stream.rows), 16):
        ids = torch.from_numpy(stream.rows.slice(start, start + 16).ids.astype(np.int64))
        activations_of(language_model, ids, str(record.hook_name))


def matmuls_alone(acts: torch.Tensor, saes: list[LoadedSae]) -> None:
    """The encoders' matrix products, nothing else."""
    with torch.inference_mode():
        for block in acts.split(2048):
            for sae in saes:
                block @ sae.module.W_enc


def encode_alone(acts: torch.Tensor, saes: list[LoadedSae]) -> None:
    """Encoding, extraction of active latents and reconstruction error, nothing written."""
    for block in acts.split(2048):
        for sae in saes:
            encode(sae, block)


def measure(n_tokens: int) -> dict[str, Any]:
    """All stages, in seconds for `n_tokens` tokens and both SAEs."""
    models = ModelShelf(load_settings().data_dir / "models")
    folders = [resource("demo") / "saes" / name for name in ("narrow", "matryoshka")]
    saes = [load_sae(str(folder)) for folder in folders]
    language_model = models.get(str(saes[0].record.model_name))
    text = read_text(str(resource("demo") / "text.jsonl"))
    stream = ModelStream(language_model, text, str(saes[0].record.hook_name), n_tokens=n_tokens)
    source = Source(stream, language_model, language_model.tokenizer, text.source, text.checksum)
    acts = torch.cat([batch.acts for batch in stream.batches(0, len(stream.rows))])
    shards = plan_shards(stream.rows)
    times = {
        "model forward": seconds(lambda: forward_alone(stream, models, saes)),
        "encoder matmuls": seconds(lambda: matmuls_alone(acts, saes)),
        "encode and extract": seconds(lambda: encode_alone(acts, saes)),
    }
    with tempfile.TemporaryDirectory() as folder:
        store = ShardStore(Path(folder), stream.key)
        reader = ShardReader(store, shards, saes[0], saes[1])
        times["pass to shards"] = seconds(lambda: run_shards(stream, saes, store, shards), repeats=1)
        times["statistics and scores"] = seconds(lambda: compute(reader, (saes[0], saes[1]), source, silent), repeats=1)
    times["whole comparison"] = _whole(folders, n_tokens, models)
    return times


def _whole(folders: list[Path], n_tokens: int, models: ModelShelf) -> float:
    """From SAE folders to a stored comparison, the model loaded already."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bench.db"
        upgrade(url)
        request = Request(str(folders[0]), str(folders[1]), n_tokens=n_tokens, name="bench")
        return seconds(lambda: run(make_engine(url), Path(folder), request, silent, models), repeats=1)


def report(n_tokens: int, times: dict[str, float]) -> dict[str, Any]:
    """Figures, ratios and what they were measured on."""
    limit = times["model forward"] + times["encoder matmuls"]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "tokens": n_tokens,
        "seconds": times,
        "tokens_per_second": {stage: n_tokens / value for stage, value in times.items()},
        "ratio_to_limit": {stage: value / limit for stage, value in times.items()},
        "limit": "model forward + encoder matmuls",
        "peak_memory_mib": process.getrusage(process.RUSAGE_SELF).ru_maxrss / 1024,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, torch threads {torch.get_num_threads()}",
        "versions": versions(),
        "commit": commit.stdout.strip(),
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        f"{figures['tokens']:,} tokens, both bundled SAEs, float32; {figures['machine']}; commit {figures['commit']}; "
        f"peak memory {figures['peak_memory_mib']:,.0f} MiB.",
        "",
        f"| stage | seconds | tokens/s | ratio to {figures['limit']} |",
        "|---|---|---|---|",
    ]
    for stage, value in figures["seconds"].items():
        speed, ratio = figures["tokens_per_second"][stage], figures["ratio_to_limit"][stage]
        lines.append(f"| {stage} | {value:.2f} | {speed:,.0f} | {ratio:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=16_384)
    arguments = parser.parse_args()
    figures = report(arguments.tokens, measure(arguments.tokens))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "pass.json").write_text(json.dumps(figures, indent=1) + "\n")
    (RESULTS / "pass.md").write_text(table(figures))
    print(table(figures))


if __name__ == "__main__":
    main()
