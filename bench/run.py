"""How much the pass and the scores cost beside the language model itself.

    make bench                       (or: python -m bench.run --tokens 262144 --dtype float32)

Everything is measured in one run, on the bundled SAEs and text, and compared with the limit: the
model's forward pass up to the hook plus the two bare matrix products that encoding needs. Writes
`bench/results/pass-<dtype>.json` and `.md`, and flags a stage that takes more than its share of the limit.
"""

from __future__ import annotations

import argparse
import json
import resource as process
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.activations.language_model import ModelShelf, activations_of
from app.activations.stream import ModelStream
from app.activations.text import read_text
from app.executor.local import run_shards
from app.paths import resource
from app.pipeline.passes import ShardReader
from app.pipeline.progress import silent
from app.pipeline.run import run
from app.pipeline.source import Request
from app.sae.load import LoadedSae, load_sae
from app.settings import load_settings
from app.sparse.encode import encode
from app.sparse.shards import Shard, ShardStore, plan_shards
from app.stats.co_firing import CoFiring
from app.stats.contexts import BandContexts, TopContexts
from app.stats.density import FiringCounts
from app.stats.histograms import ActivationHistograms
from app.store.session import make_engine, upgrade
from bench.machine import RESULTS, facts, say, seconds

SHARES = {
    "encoding beyond its matmuls": 0.05,
    "shard write": 0.01,
    "firing counts": 0.01,
    "histograms": 0.01,
    "strongest contexts": 0.015,
    "contexts of every strength": 0.015,
    "co-firing": 0.02,
    "whole: statistics": 0.05,
    "whole: decomposition": 0.02,
    "whole: partners and contexts": 0.05,
    "whole: activations in context": 0.01,
    "whole: storing": 0.08,  # and logit weights, which are made at the same time
    "whole pass": 1.15,
}
"""Stage -> the most it may take of the limit, for 262,144 tokens; with fewer tokens the fixed costs weigh more."""

LIMIT = "model forward + encoder matmuls"
MATMUL = 2048


@dataclass(frozen=True)
class Bundled:
    """The bundled SAEs, and the bundled text through their model."""

    folders: tuple[Path, Path]
    saes: tuple[LoadedSae, LoadedSae]
    models: ModelShelf
    dtype: str
    stream: ModelStream

    @property
    def shards(self) -> list[Shard]:
        """The stream, cut."""
        return plan_shards(self.stream.rows)


def open_bundled(n_tokens: int, dtype: str) -> Bundled:
    """Load all of it."""
    models = ModelShelf(load_settings().data_dir / "models")
    folders = resource("demo") / "saes" / "narrow", resource("demo") / "saes" / "matryoshka"
    saes = load_sae(str(folders[0])), load_sae(str(folders[1]))
    language_model = models.get(str(saes[0].record.model_name), dtype)
    text = read_text(str(resource("demo") / "text.jsonl"))
    stream = ModelStream(language_model, text, str(saes[0].record.hook_name), n_tokens=n_tokens)
    return Bundled(folders, saes, models, dtype, stream)


def forward_alone(bundled: Bundled) -> None:
    """The model up to the hook, nothing kept."""
    record, rows = bundled.saes[0].record, bundled.stream.rows
    language_model = bundled.models.get(str(record.model_name), bundled.dtype)
    for start in range(0, len(rows), 16):
        ids = torch.from_numpy(rows.slice(start, start + 16).ids.astype(np.int64))
        activations_of(language_model, ids, str(record.hook_name))


@torch.inference_mode()
def matmuls_alone(acts: torch.Tensor, saes: tuple[LoadedSae, LoadedSae]) -> None:
    """The encoders' matrix products, nothing else."""
    for block in acts.split(2048):
        for sae in saes:
            block @ sae.module.W_enc


def matmul_peak() -> float:
    """float32 operations a second of a large square product."""
    one, other = torch.randn(MATMUL, MATMUL), torch.randn(MATMUL, MATMUL)
    return 2 * MATMUL**3 / seconds(lambda: one @ other, 5)


def measure(bundled: Bundled, repeats: int) -> dict[str, float]:
    """All stages, in seconds for both SAEs and all tokens."""
    saes = bundled.saes
    say(f"model forward, {bundled.stream.rows.n_kept:,} tokens, {repeats} times")
    acts = torch.cat([batch.acts for batch in bundled.stream.batches(0, min(64, len(bundled.stream.rows)))])
    scale = bundled.stream.rows.n_kept / len(acts)
    times = {
        "model forward": seconds(lambda: forward_alone(bundled), repeats),
        "encoder matmuls": scale * seconds(lambda: matmuls_alone(acts, saes), repeats),
    }
    say("encoding")
    encoding = scale * seconds(lambda: [encode(sae, block) for block in acts.split(2048) for sae in saes], repeats)
    times["encoding beyond its matmuls"] = encoding - times["encoder matmuls"]
    say("shards, then each statistic alone")
    with tempfile.TemporaryDirectory() as folder:
        store = ShardStore(Path(folder), bundled.stream.key)
        run_shards(bundled.stream, saes, store, bundled.shards)
        times.update(statistics_alone(store, bundled))
    times.update(whole(bundled))
    return times


def statistics_alone(store: ShardStore, bundled: Bundled) -> dict[str, float]:
    """Each statistic over all shards, both SAEs; contexts pay for the sorting of a shard, the others share it."""
    pairs = list(ShardReader(store, bundled.shards, *bundled.saes).read(silent, ""))
    with tempfile.TemporaryDirectory() as folder:
        copy = ShardStore(Path(folder), "copy")

        def write() -> None:
            for shard, pair in zip(bundled.shards, pairs, strict=True):
                copy.write_acts(shard, "narrow", pair.narrow, pair.narrow_residual)
                copy.write_acts(shard, "reference", pair.reference, pair.reference_residual)

        times = {"shard write": seconds(write, 1)}
    sides = [[pair.narrow for pair in pairs], [pair.reference for pair in pairs]]

    def over(make: Callable[[int], Any], side: int) -> Any:
        accumulator = make(bundled.saes[side].d_sae)
        for acts in sides[side]:
            accumulator.update(acts)
        return accumulator.finalize()

    def timed(make: Callable[[int], Any]) -> tuple[float, list[Any]]:
        started = time.perf_counter()
        found = [over(make, 0), over(make, 1)]
        return time.perf_counter() - started, found

    times["strongest contexts"], top = timed(TopContexts)
    times["firing counts"], _ = timed(FiringCounts)
    times["histograms"], histograms = timed(ActivationHistograms)
    started = time.perf_counter()
    for side in (0, 1):
        bands = histograms[side].bands(5)
        over(lambda _n, bands=bands, side=side: BandContexts(bands, top[side]), side)  # type: ignore[misc]
    times["contexts of every strength"] = time.perf_counter() - started
    started = time.perf_counter()
    co_firing = CoFiring(bundled.saes[0].d_sae, bundled.saes[1].d_sae)
    for pair in pairs:
        co_firing.update(pair.narrow, pair.reference)
    co_firing.finalize()
    times["co-firing"] = time.perf_counter() - started
    return times


def whole(bundled: Bundled) -> dict[str, float]:
    """From SAE folders to a stored comparison, the model loaded already; and its stages."""
    begun: list[tuple[str, float]] = []

    def progress(stage: str, _total: int, _unit: str) -> Callable[[int], None]:
        say(f"whole pass: {stage}")
        begun.append((stage, time.perf_counter()))
        return lambda _n: None

    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bench.db"
        upgrade(url)
        narrow, reference = map(str, bundled.folders)
        n_tokens = bundled.stream.rows.n_kept
        request = Request(narrow, reference, n_tokens=n_tokens, name="bench", dtype=bundled.dtype)
        started = time.perf_counter()
        run(make_engine(url), Path(folder), request, progress, bundled.models)
        end = time.perf_counter()
    ends = [*(at for _, at in begun[1:]), end]
    times = {"whole: reading": begun[0][1] - started}
    for (stage, at), until in zip(begun, ends, strict=True):
        times[f"whole: {stage}"] = times.get(f"whole: {stage}", 0.0) + until - at
    return {**times, "whole pass": end - started}


def report(bundled: Bundled, times: dict[str, float]) -> dict[str, Any]:
    """Figures, ratios and what they were measured on."""
    n_tokens = bundled.stream.rows.n_kept
    limit = times["model forward"] + times["encoder matmuls"]
    return {
        "tokens": n_tokens,
        "dtype": bundled.dtype,
        "limit_is": LIMIT,
        "limit_seconds": limit,
        "matmul_peak_gflops": matmul_peak() / 1e9,
        "stages": {
            stage: {
                "seconds": value,
                "tokens_per_second": n_tokens / value if value > 0 else None,
                "share_of_limit": value / limit,
                "allowed_share": SHARES.get(stage),
                "over": stage in SHARES and value / limit > SHARES[stage],
            }
            for stage, value in times.items()
        },
        "peak_memory_mib": process.getrusage(process.RUSAGE_SELF).ru_maxrss / 1024,
        **facts(),
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        f"{figures['tokens']:,} tokens, both bundled SAEs, model in {figures['dtype']}; {figures['machine']}, "
        f"{figures['threads']} threads; commit {figures['commit']}, {figures['date']}; matmul peak "
        f"{figures['matmul_peak_gflops']:,.0f} GFlop/s; peak memory {figures['peak_memory_mib']:,.0f} MiB.",
        "",
        f"| stage | seconds | tokens/s | share of {figures['limit_is']} | allowed | |",
        "|---|---|---|---|---|---|",
    ]
    for stage, found in figures["stages"].items():
        speed = "–" if found["tokens_per_second"] is None else f"{found['tokens_per_second']:,.0f}"
        allowed = "" if found["allowed_share"] is None else f"{found['allowed_share']:.3g}"
        lines.append(
            f"| {stage} | {found['seconds']:.2f} | {speed} | {found['share_of_limit']:.3f} | {allowed} | "
            f"{'**over**' if found['over'] else ''} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=65_536)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--repeats", type=int, default=2)
    arguments = parser.parse_args()
    bundled = open_bundled(arguments.tokens, arguments.dtype)
    figures = report(bundled, measure(bundled, arguments.repeats))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"pass-{arguments.dtype}.json").write_text(json.dumps(figures, indent=1) + "\n")
    (RESULTS / f"pass-{arguments.dtype}.md").write_text(table(figures))
    print(table(figures))


if __name__ == "__main__":
    main()
