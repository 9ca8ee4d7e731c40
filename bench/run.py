"""How much the pass and the scores cost compared with the language model itself.

    make bench                       (or: python -m bench.run --tokens 262144 --dtype float32)

Everything is measured in one run, on the bundled SAEs and text, and compared with the limit: the
model's forward pass up to the hook plus the two bare matrix products that encoding needs. Writes
`bench/results/pass-<dtype>.json` and `.md`, and flags a stage that takes more than its share of the limit.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.activations.hooks import activations_of
from app.executor.local import run_shards
from app.lab.scratch import scratch_database
from app.pipeline.run import run
from app.sae.load import LoadedSae
from app.sparse.encode import encode
from app.sparse.shards import ShardStore
from bench.bundled import Bundled, open_bundled
from bench.machine import facts, peak_mib, say, seconds
from bench.output import command_line, page, table, write_results
from bench.stages import StageClock
from bench.statistics_alone import statistics_alone

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
}
"""Stage -> the most it may take of the limit, for 262,144 tokens; with fewer tokens the fixed costs weigh more."""

OF_LATENTS = frozenset(
    f"whole: {stage}"
    for stage in (
        "directions",
        "products of activations",
        "mixture candidates",
        "weights by group",
        "mixed masses",
        "decomposition",
        "storing",
    )
)
"""Stages that cost the same for any number of tokens."""

LIMIT = "model forward + encoder matmuls"
LONG_TEXT = 1 << 17
"""Tokens above which what concerns latents must hardly count any more."""

MATMUL = 2048
BLOCK = 2048
"""Tokens in one matrix product."""


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
    for block in acts.split(BLOCK):
        for sae in saes:
            block @ sae.module.W_enc


def matmul_peak() -> float:
    """float32 operations a second of a large square product."""
    one, other = torch.randn(MATMUL, MATMUL), torch.randn(MATMUL, MATMUL)
    return 2 * MATMUL**3 / seconds(lambda: one @ other, 5)


def measure(bundled: Bundled, repeats: int) -> dict[str, float]:
    """All stages, in seconds for both SAEs and all tokens."""
    say(f"model forward, {bundled.n_tokens:,} tokens, {repeats} times")
    acts = bundled.acts(64)
    scale = bundled.n_tokens / len(acts)
    times = {
        "model forward": seconds(lambda: forward_alone(bundled), repeats),
        "encoder matmuls": scale * seconds(lambda: matmuls_alone(acts, bundled.saes), repeats),
    }
    say("encoding")
    encoding = scale * seconds(lambda: encode_all(bundled, acts), repeats)
    times["encoding beyond its matmuls"] = encoding - times["encoder matmuls"]
    say("shards, then each statistic alone")
    with tempfile.TemporaryDirectory() as folder:
        store = ShardStore(Path(folder), bundled.stream.key)
        run_shards(bundled.stream, bundled.saes, store, bundled.shards)
        times.update(statistics_alone(store, bundled))
    return {**times, **whole(bundled)}


def encode_all(bundled: Bundled, acts: torch.Tensor) -> None:
    """Both SAEs' active latents."""
    for block in acts.split(BLOCK):
        for sae in bundled.saes:
            encode(sae, block)


def whole(bundled: Bundled) -> dict[str, float]:
    """From SAE folders to a stored comparison, the model loaded already; and its stages."""
    say("whole pass")
    with tempfile.TemporaryDirectory() as name, scratch_database(Path(name)) as engine:
        clock = StageClock()
        run(engine, Path(name), bundled.request("bench"), clock, models=bundled.models)
        end = time.perf_counter()
    times = {f"whole: {stage}": value for stage, value in clock.seconds(end).items()}
    return {"whole: reading": clock.before_first(), **times, "whole pass": end - clock.started}


def allowed(stage: str, bundled: Bundled) -> float | None:
    """The most a stage may take of the limit; None where nothing is said of it."""
    if stage != "whole pass":
        return SHARES.get(stage)
    if bundled.dtype == "bfloat16":
        return 1.35
    return 1.15 if bundled.n_tokens > LONG_TEXT else 1.4


def report(bundled: Bundled, times: dict[str, float]) -> dict[str, Any]:
    """Figures, ratios and what they were measured on."""
    limit = times["model forward"] + times["encoder matmuls"]
    stages = {stage: stage_figures(stage, value, limit, bundled) for stage, value in times.items()}
    return {
        "tokens": bundled.n_tokens,
        "dtype": bundled.dtype,
        "limit_is": LIMIT,
        "limit_seconds": limit,
        "matmul_peak_gflops": matmul_peak() / 1e9,
        "stages": stages,
        "peak_memory_mib": peak_mib(),
        **facts(),
    }


def stage_figures(stage: str, value: float, limit: float, bundled: Bundled) -> dict[str, Any]:
    """One stage against the limit; both in seconds."""
    share, most = value / limit, allowed(stage, bundled)
    n_latents = sum(sae.d_sae for sae in bundled.saes)
    return {
        "seconds": value,
        "tokens_per_second": bundled.n_tokens / value if value > 0 else None,
        "us_per_token": None if stage in OF_LATENTS else 1e6 * value / bundled.n_tokens,
        "ms_per_latent": 1e3 * value / n_latents if stage in OF_LATENTS else None,
        "share_of_limit": share,
        "allowed_share": most,
        "over": most is not None and share > most,
    }


def markdown(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    head = ("stage", "seconds", "tokens/s", "cost", f"share of {figures['limit_is']}", "allowed", "")
    return page(
        f"{figures['tokens']:,} tokens, both bundled SAEs, model in {figures['dtype']}; {figures['machine']}, "
        f"{figures['threads']} threads; commit {figures['commit']}, {figures['date']}; matmul peak "
        f"{figures['matmul_peak_gflops']:,.0f} GFlop/s; peak memory {figures['peak_memory_mib']:,.0f} MiB.",
        table(head, [stage_row(stage, found) for stage, found in figures["stages"].items()]),
    )


def stage_row(stage: str, found: dict[str, Any]) -> tuple[str, ...]:
    """One line of the table."""
    speed = "–" if found["tokens_per_second"] is None else f"{found['tokens_per_second']:,.0f}"
    most = "" if found["allowed_share"] is None else f"{found['allowed_share']:.3g}"
    over = "**over**" if found["over"] else ""
    return stage, f"{found['seconds']:.2f}", speed, cost(found), f"{found['share_of_limit']:.3f}", most, over


def cost(found: dict[str, Any]) -> str:
    """µs a token, or ms a latent of both SAEs; empty where it was measured before these were noted."""
    if found.get("ms_per_latent") is not None:
        return f"{found['ms_per_latent']:.2f} ms a latent"
    return "" if found.get("us_per_token") is None else f"{found['us_per_token']:.1f} µs a token"


def main() -> None:
    """Measure, print, write."""
    parser = command_line(__doc__)
    parser.add_argument("--tokens", type=int, default=65_536)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--repeats", type=int, default=2)
    given = parser.parse_args()
    bundled = open_bundled(given.tokens, given.dtype)
    figures = report(bundled, measure(bundled, given.repeats))
    write_results(f"pass-{given.dtype}", figures, markdown(figures))


if __name__ == "__main__":
    main()
