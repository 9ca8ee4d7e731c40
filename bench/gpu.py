"""How much encoding and writing cost beside a large language model, and whether a GPU counts as a processor does.

    python -m bench.gpu                     on the first GPU: Gemma-2-2B's shape, 16k + 65k latents
    python -m bench.gpu --tiny --device cpu  a small model and small SAEs, to see that it runs

The model is made up at random, in the shape of Gemma-2-2B up to layer 12: speed hangs on shapes, not on
weights. The limit is its forward pass up to the hook plus the two bare encoder products, in the same run.
Then the bundled SAEs are compared on the bundled text on processor and GPU. Writes
`bench/results/gpu.json` and `bench/results/gpu.md`.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.activations.batch import ActivationBatch, TokenRows
from app.activations.device import MOST_ROWS, choose_device, free_memory, rows_that_fit, size_of
from app.activations.language_model import LanguageModel, ModelShelf, activations_of, model_batches
from app.activations.stream import stream_key
from app.executor.device import Device
from app.executor.local import LocalExecutor, run_shards
from app.paths import resource
from app.pipeline.identity import versions
from app.pipeline.open import Resources
from app.pipeline.progress import silent
from app.pipeline.run import run
from app.pipeline.source import Request
from app.records import SaeRecord
from app.sae.load import LoadedSae
from app.settings import load_settings
from app.sparse.on_device import DeviceEncoder, no_tf32, product_in_float32
from app.sparse.shards import ShardStore, plan_shards
from app.store.read import get_latent
from app.store.session import make_engine, upgrade

RESULTS = Path(__file__).parent / "results"
VOCABULARY = 4096
TOKENS_A_PRODUCT = 4096


@dataclass(frozen=True)
class Shape:
    """What is measured.

    Attributes:
        d_model, d_mlp, n_heads, n_kv_heads, d_head: of the model; layer: of the hook.
        widths: latents of the SAEs; l0: active latents a token.
        row_length, n_rows: of the text.
    """

    d_model: int
    d_mlp: int
    n_heads: int
    n_kv_heads: int
    d_head: int
    layer: int
    widths: tuple[int, int]
    l0: int
    row_length: int
    n_rows: int


GEMMA_2_2B = Shape(2304, 9216, 8, 4, 256, 12, (16_384, 65_536), 100, 1024, 512)
TINY = Shape(64, 128, 2, 1, 32, 2, (128, 512), 8, 128, 64)


def random_model(shape: Shape, device: torch.device, dtype: torch.dtype) -> LanguageModel:
    """A model of this shape up to the hook's layer, with random weights."""
    from transformers import AutoModelForCausalLM, Gemma2Config

    config = Gemma2Config(
        vocab_size=VOCABULARY,
        hidden_size=shape.d_model,
        intermediate_size=shape.d_mlp,
        num_attention_heads=shape.n_heads,
        num_key_value_heads=shape.n_kv_heads,
        head_dim=shape.d_head,
        num_hidden_layers=shape.layer + 1,
        attn_implementation="eager" if device.type == "cpu" else "sdpa",
    )
    torch.manual_seed(0)
    with device:
        model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    model.eval().requires_grad_(False)
    return LanguageModel("random", "0" * 64, model, None, shape.d_model)


class RandomStream:
    """A text of random tokens through the model; see `ActivationStream`."""

    def __init__(self, language_model: LanguageModel, shape: Shape, rows_per_forward: int) -> None:
        ids = np.random.default_rng(0).integers(10, VOCABULARY, (shape.n_rows, shape.row_length)).astype(np.int32)
        keep = np.ones(ids.shape, dtype=np.bool_)
        keep[:, 0] = False
        self.rows, self.d_in = TokenRows(ids, keep), shape.d_model
        self.hook_name = f"model.layers.{shape.layer}"
        self.description: Mapping[str, Any] = {"model": "random", "shape": str(shape)}
        self.key = stream_key(self.description)
        self.language_model, self.rows_per_forward = language_model, rows_per_forward

    def batches(self, start: int, stop: int) -> Iterator[ActivationBatch]:
        """One batch a forward pass."""
        rows = self.rows.slice(start, stop)
        return model_batches(
            self.language_model, rows, self.hook_name, first_row=start, rows_per_forward=self.rows_per_forward
        )


def random_sae(name: str, d_sae: int, l0: int, sample: torch.Tensor) -> LoadedSae:
    """A JumpReLU SAE with random weights whose thresholds let about `l0` latents fire on the sample.

    Args:
        sample: `[n, d_in]` activations.
    """
    from sae_lens.registry import get_sae_class

    d_in = sample.shape[1]
    sae_class, config_class = get_sae_class("jumprelu")
    module = sae_class(config_class(d_in=d_in, d_sae=d_sae))
    generator = torch.Generator().manual_seed(d_sae)
    with torch.no_grad():
        module.W_dec.copy_(torch.nn.functional.normalize(torch.randn(d_sae, d_in, generator=generator), dim=1))
        module.W_enc.copy_(module.W_dec.T)
        pre_acts = sample.float().cpu() @ module.W_enc
        module.threshold.fill_(max(1e-3, float(pre_acts.flatten().kthvalue(pre_acts.numel() - l0 * len(sample))[0])))
    module.eval().requires_grad_(False)
    nothing: Any = None
    record = SaeRecord(
        name=name,
        checksum=f"{d_sae:064x}",
        source=name,
        architecture="jumprelu",
        training_architecture=None,
        d_in=d_in,
        d_sae=d_sae,
        dtype="float32",
        model_name=nothing,
        hook_name=nothing,
        matryoshka_widths=nothing,
        widths_source=nothing,
        explained_variance=nothing,
        l0=nothing,
        notes=(),
        config_checksum="0" * 64,
    )
    return LoadedSae(record, module, module.W_dec.numpy(), np.ones(d_sae, dtype=np.float32), (d_sae,))


def seconds(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Median wall time, the device's work included; once before, to warm up."""
    work()
    times = []
    for _ in range(repeats):
        wait_for(device)
        started = time.perf_counter()
        work()
        wait_for(device)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def wait_for(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


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


def speed(shape: Shape, device: torch.device, dtype: torch.dtype, repeats: int) -> dict[str, Any]:
    """Seconds of the limit and of the whole way to shards on disk."""
    language_model = random_model(shape, device, dtype)
    size = size_of(language_model.model)
    rows = rows_that_fit(size, shape.row_length, free_memory(device), MOST_ROWS[device.type])
    stream = RandomStream(language_model, shape, rows)
    sample = next(stream.batches(0, 1)).acts
    saes = [
        random_sae(name, width, shape.l0, sample) for name, width in zip(("narrow", "wide"), shape.widths, strict=True)
    ]
    weights = [sae.module.W_enc.to(device, dtype) for sae in saes]
    acts = sample[torch.arange(TOKENS_A_PRODUCT, device=device) % len(sample)].contiguous()
    matmuls = partial(matmuls_alone, stream, weights, acts)
    times = {
        "model forward": seconds(lambda: forward_alone(stream), device, repeats),
        "encoder matmuls": seconds(matmuls, device, repeats),
    }
    encoder = Device(DeviceEncoder(device, dtype), at_once=2 if device.type == "cuda" else 1)
    shards = plan_shards(stream.rows)
    with tempfile.TemporaryDirectory() as folder:
        number = iter(range(1000))

        def whole() -> None:
            store = ShardStore(Path(folder) / str(next(number)), stream.key)
            run_shards(stream, saes, store, shards, device=encoder)
            shutil.rmtree(store.folder)

        times["pass to shards"] = seconds(whole, device, repeats)
    limit = times["model forward"] + times["encoder matmuls"]
    n_tokens = stream.rows.n_kept
    return {
        "shape": asdict(shape),
        "dtype": str(dtype),
        "rows_per_forward": rows,
        "tokens": n_tokens,
        "seconds": times,
        "tokens_per_second": {name: n_tokens / value for name, value in times.items()},
        "share_of_limit": limit / times["pass to shards"],
        "peak_gpu_gib": torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else None,
    }


def agreement(device: torch.device, n_tokens: int) -> dict[str, Any]:
    """The bundled comparison on the processor and on the device: firings and scores held against each other."""
    names = [str(resource("demo") / "saes" / name) for name in ("narrow", "matryoshka")]
    request = Request(*names, n_tokens=n_tokens, name="agreement")
    found = []
    for where in (torch.device("cpu"), device):
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/bench.db"
            upgrade(url)
            engine = make_engine(url)
            models = ModelShelf(load_settings().data_dir / "models", device=where, rows_per_forward=16)
            encoder = Device() if where == torch.device("cpu") and not found else Device(DeviceEncoder(where))
            means = Resources(engine=LocalExecutor(encoder))
            summary = run(engine, Path(folder), request, silent, models, means)
            width = summary.narrow.sae.d_sae
            found.append([get_latent(engine, summary.slug, "narrow", i) for i in range(width)])
            engine.dispose()
    here, there = found
    pairs = list(zip(here, there, strict=True))
    scores = [
        (a.hedging_score, b.hedging_score)
        for a, b in pairs
        if a.hedging_score is not None and b.hedging_score is not None
    ]
    firings = sum(a.n_firings for a in here)
    return {
        "tokens": n_tokens,
        "firings": firings,
        "firings_that_differ": sum(abs(a.n_firings - b.n_firings) for a, b in pairs) / firings,
        "largest_difference_of_a_score": max(abs(a - b) for a, b in scores),
        "mean_difference_of_a_score": statistics.fmean(abs(a - b) for a, b in scores),
        "scores_on_one_side_only": sum((a.hedging_score is None) != (b.hedging_score is None) for a, b in pairs),
        "diagnoses_that_differ": sum(a.diagnosis != b.diagnosis for a, b in pairs),
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [f"{figures['device']}; commit {figures['commit']}.", ""]
    for each in figures["speed"]:
        lines += [
            f"Model of shape {each['shape']['d_model']} × {each['shape']['layer']} layers, {each['dtype']}, SAEs of "
            f"{' + '.join(f'{width:,}' for width in each['shape']['widths'])} latents, {each['tokens']:,} tokens, "
            f"{each['rows_per_forward']} rows of {each['shape']['row_length']} a forward pass:",
            "",
            "| stage | seconds | tokens/s |",
            "|---|---|---|",
        ]
        lines += [
            f"| {name} | {value:.2f} | {each['tokens'] / value:,.0f} |" for name, value in each["seconds"].items()
        ]
        lines += ["", f"The pass reaches {each['share_of_limit']:.2f} of forward + matmuls.", ""]
    if found := figures["agreement"]:
        lines += [f"Processor against {figures['device']}, bundled SAEs, {found['tokens']:,} tokens:", ""]
        lines += [f"- {name.replace('_', ' ')}: {value:.6g}" for name, value in found.items() if name != "tokens"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="a small shape, to see that it runs")
    parser.add_argument("--tokens", type=int, default=65_536, help="of the bundled text, for the agreement; 0 for none")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    device = choose_device(arguments.device)
    no_tf32()
    shape = TINY if arguments.tiny else GEMMA_2_2B
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    figures = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "commit": commit.stdout.strip(),
        "versions": versions(),
        "speed": [speed(shape, device, dtype, arguments.repeats) for dtype in (torch.bfloat16, torch.float32)],
        "agreement": agreement(device, arguments.tokens) if arguments.tokens else None,
    }
    RESULTS.mkdir(exist_ok=True)
    name = "gpu-tiny" if arguments.tiny else "gpu"
    (RESULTS / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n")
    (RESULTS / f"{name}.md").write_text(table(figures))
    print(table(figures))


if __name__ == "__main__":
    main()
