"""How much encoding and writing cost next to a large language model, and whether GPU and processor agree.

    python -m bench.gpu                     on the first GPU: Gemma-2-2B's shape, 16k + 65k latents
    python -m bench.gpu --tiny --device cpu  a small model and small SAEs, to see that it runs

The model is made up at random, in the shape of Gemma-2-2B up to layer 12: speed depends on shapes, not on
weights. The limit is its forward pass up to the hook plus the two bare encoder products, in the same run.
Then the bundled SAEs are compared on the bundled text on processor and GPU. Writes
`bench/results/gpu.json` and `bench/results/gpu.md`.
"""

from __future__ import annotations

import platform
import shutil
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.activations.device import MOST_ROWS, choose_device, free_memory, rows_that_fit, size_of
from app.activations.hooks import activations_of
from app.activations.language_model import ModelShelf
from app.executor.device import Device
from app.executor.local import LocalExecutor, run_shards
from app.lab.scratch import scratch_database
from app.pipeline.open import Resources
from app.pipeline.run import run
from app.progress import silent
from app.records import LatentScores
from app.sparse.on_device import DeviceEncoder, product_in_float32
from app.sparse.shards import ShardStore, plan_shards
from app.store.read import get_latent
from bench.bundled import bundled_request, models_folder
from bench.gpu_model import GEMMA_2_2B, TINY, RandomStream, Shape, random_model, random_sae
from bench.machine import facts, seconds
from bench.output import command_line, page, table, write_results

TOKENS_A_PRODUCT = 4096


def timed(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Median wall time, the device's work included; once before, to warm up."""
    work()
    wait = partial(torch.cuda.synchronize, device) if device.type == "cuda" else None
    return seconds(work, repeats, wait=wait)


def forward_alone(stream: RandomStream) -> None:
    """The model up to the hook, nothing kept."""
    for start in range(0, len(stream.rows), stream.rows_per_forward):
        ids = stream.rows.slice(start, start + stream.rows_per_forward).ids.astype(np.int64)
        activations_of(stream.language_model, torch.from_numpy(ids), stream.hook_name)


@torch.inference_mode()
def matmuls_alone(stream: RandomStream, weights: list[torch.Tensor], acts: torch.Tensor) -> None:
    """The encoders' products for as many tokens as the text has, nothing else."""
    n_tokens = stream.rows.n_kept
    for start in range(0, n_tokens, len(acts)):
        block = acts[: min(len(acts), n_tokens - start)]
        for weight in weights:
            product_in_float32(block, weight)


def open_stream(shape: Shape, device: torch.device, dtype: torch.dtype) -> RandomStream:
    """A random text through a random model, as many rows at a time as fit."""
    language_model = random_model(shape, device, dtype)
    size = size_of(language_model.model)
    rows = rows_that_fit(size, shape.row_length, free_memory(device), MOST_ROWS[device.type])
    return RandomStream(language_model, shape, rows)


def speed(shape: Shape, device: torch.device, dtype: torch.dtype, repeats: int) -> dict[str, Any]:
    """Seconds of the limit and of the whole way to shards on disk."""
    stream = open_stream(shape, device, dtype)
    times = stage_times(stream, shape, DeviceEncoder(device, dtype), repeats)
    limit = times["model forward"] + times["encoder matmuls"]
    n_tokens = stream.rows.n_kept
    return {
        "shape": asdict(shape),
        "dtype": str(dtype),
        "rows_per_forward": stream.rows_per_forward,
        "tokens": n_tokens,
        "seconds": times,
        "tokens_per_second": {name: n_tokens / value for name, value in times.items()},
        "share_of_limit": limit / times["pass to shards"],
        "peak_gpu_gib": torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else None,
    }


def stage_times(stream: RandomStream, shape: Shape, encoder: DeviceEncoder, repeats: int) -> dict[str, float]:
    """Seconds of the model alone, of the encoders' products alone, and of the pass to shards."""
    device, dtype = encoder.device, encoder.dtype
    sample = next(stream.batches(0, 1)).acts
    names = zip(("narrow", "wide"), shape.widths, strict=True)
    saes = [random_sae(name, width, shape.l0, sample) for name, width in names]
    weights = [sae.module.W_enc.to(device, dtype) for sae in saes]
    acts = sample[torch.arange(TOKENS_A_PRODUCT, device=device) % len(sample)].contiguous()
    times = {
        "model forward": timed(partial(forward_alone, stream), device, repeats),
        "encoder matmuls": timed(partial(matmuls_alone, stream, weights, acts), device, repeats),
    }
    at_once = Device(encoder, at_once=2 if device.type == "cuda" else 1)
    shards, numbers = plan_shards(stream.rows), count()
    with tempfile.TemporaryDirectory() as folder:

        def whole() -> None:
            store = ShardStore(Path(folder) / str(next(numbers)), stream.key)
            run_shards(stream, saes, store, shards, device=at_once)
            shutil.rmtree(store.folder)

        return {**times, "pass to shards": timed(whole, device, repeats)}


def agreement(device: torch.device, n_tokens: int) -> dict[str, Any]:
    """The bundled comparison on the processor and on the device: firings and scores compared."""
    here = latents_computed_by(Device(), torch.device("cpu"), n_tokens)
    there = latents_computed_by(Device(DeviceEncoder(device)), device, n_tokens)
    pairs = list(zip(here, there, strict=True))
    scores = [(one.hedging_score, other.hedging_score) for one, other in pairs]
    differences = [abs(one - other) for one, other in scores if one is not None and other is not None]
    firings = sum(latent.n_firings for latent in here)
    return {
        "tokens": n_tokens,
        "firings": firings,
        "firings_that_differ": sum(abs(one.n_firings - other.n_firings) for one, other in pairs) / firings,
        "largest_difference_of_a_score": max(differences),
        "mean_difference_of_a_score": statistics.fmean(differences),
        "scores_on_one_side_only": sum((one is None) != (other is None) for one, other in scores),
        "diagnoses_that_differ": sum(one.diagnosis != other.diagnosis for one, other in pairs),
    }


def latents_computed_by(encoder: Device, model_device: torch.device, n_tokens: int) -> list[LatentScores]:
    """The narrow latents of the bundled comparison."""
    models = ModelShelf(models_folder(), device=model_device, rows_per_forward=16)
    resources = Resources(executor=LocalExecutor(encoder))
    with tempfile.TemporaryDirectory() as name, scratch_database(Path(name)) as engine:
        summary = run(
            engine, Path(name), bundled_request("agreement", n_tokens), silent, models=models, resources=resources
        )
        return [get_latent(engine, summary.slug, "narrow", i) for i in range(summary.narrow.sae.d_sae)]


def markdown(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    blocks: list[str | Sequence[str]] = [f"{figures['device']}; commit {figures['commit']}."]
    for each in figures["speed"]:
        blocks += speed_blocks(each)
    if found := figures["agreement"]:
        blocks.append(f"Processor against {figures['device']}, bundled SAEs, {found['tokens']:,} tokens:")
        blocks.append([f"- {name.replace('_', ' ')}: {value:.6g}" for name, value in found.items() if name != "tokens"])
    return page(*blocks)


def speed_blocks(found: dict[str, Any]) -> list[str | Sequence[str]]:
    """What was measured in one dtype."""
    shape = found["shape"]
    rows = [(name, f"{value:.2f}", f"{found['tokens'] / value:,.0f}") for name, value in found["seconds"].items()]
    return [
        f"Model of shape {shape['d_model']} × {shape['layer']} layers, {found['dtype']}, SAEs of "
        f"{' + '.join(f'{width:,}' for width in shape['widths'])} latents, {found['tokens']:,} tokens, "
        f"{found['rows_per_forward']} rows of {shape['row_length']} a forward pass:",
        table(("stage", "seconds", "tokens/s"), rows),
        f"The pass reaches {found['share_of_limit']:.2f} of forward + matmuls.",
    ]


def main() -> None:
    """Measure, print, write."""
    parser = command_line(__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="a small shape, to see that it runs")
    parser.add_argument("--tokens", type=int, default=65_536, help="of the bundled text, for the agreement; 0 for none")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    device = choose_device(given.device)
    # TF32 would drop 13 bits of each factor.
    torch.set_float32_matmul_precision("highest")
    shape = TINY if given.tiny else GEMMA_2_2B
    figures = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        **facts(),
        "speed": [speed(shape, device, dtype, given.repeats) for dtype in (torch.bfloat16, torch.float32)],
        "agreement": agreement(device, given.tokens) if given.tokens else None,
    }
    write_results("gpu-tiny" if given.tiny else "gpu", figures, markdown(figures))


if __name__ == "__main__":
    main()
