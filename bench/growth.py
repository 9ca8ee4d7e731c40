"""How cost grows with tokens, latents, L0 and d_in: times at several sizes and the exponent of a power law.

    python -m bench.growth                      about 15 minutes on two cores
    python -m bench.growth --scale 0.1          a tenth of the tokens, to try it out

Each figure is varied alone around one point (a 2,048 narrow and an 8,192 reference SAE, d_in 512, L0 32). Encoding is
measured with a random JumpReLU SAE of SAELens whose thresholds give the L0; the rest from synthetic shards.
Writes `bench/results/growth.json`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.sae.load import LoadedSae
from app.sparse.encode import encode
from bench.large import Size, Work, synthetic_sae
from bench.machine import RESULTS, facts, say

BASE = Size(n_tokens=65_536, narrow=2048, reference=8192, d_in=512, l0=32)
FACTORS = (0.5, 1, 2, 4)
ENCODED_TOKENS = 4096
STAGES = ("encode", "co-firing", "contexts", "geometry")


@dataclass(frozen=True)
class Axis:
    """A figure that is varied; `applies` are the stages whose cost can depend on it."""

    name: str
    applies: tuple[str, ...]

    def at(self, base: Size, factor: float) -> Size:
        """The base size with this figure scaled."""
        if self.name == "latents":
            return replace(base, narrow=int(base.narrow * factor), reference=int(base.reference * factor))
        return replace(base, **{self.name: int(getattr(base, self.name) * factor)})


AXES = (
    Axis("n_tokens", ("encode", "co-firing", "contexts")),
    Axis("latents", STAGES),
    Axis("l0", ("encode", "co-firing", "contexts")),
    Axis("d_in", ("encode", "geometry")),
)


def encoder(size: Size) -> LoadedSae:
    """A random JumpReLU SAE on which standard normal activations have about `size.l0` active latents."""
    from sae_lens.saes.jumprelu_sae import JumpReLUSAE, JumpReLUSAEConfig

    loaded = synthetic_sae("encoder", size.reference, size.d_in, 3)
    module = JumpReLUSAE(JumpReLUSAEConfig(d_in=size.d_in, d_sae=size.reference))
    with torch.no_grad():
        decoder = torch.from_numpy(loaded.unit_decoder)
        module.W_dec.copy_(decoder)
        module.W_enc.copy_(decoder.T)
        # Products of unit rows with standard normal activations are standard normal themselves.
        share = torch.tensor(1 - size.l0 / size.reference)
        module.threshold.fill_(float(torch.distributions.Normal(0.0, 1.0).icdf(share)))
    module.eval().requires_grad_(False)
    return replace(loaded, module=module)


def encode_seconds(size: Size) -> float:
    """Encoding with the reference SAE."""
    sae = encoder(size)
    acts = torch.randn(ENCODED_TOKENS, size.d_in)
    encode(sae, acts[:256])
    n_blocks = max(1, size.n_tokens // ENCODED_TOKENS)
    started = time.perf_counter()
    for _ in range(n_blocks):
        encode(sae, acts)
    return time.perf_counter() - started


def measure(size: Size, stages: tuple[str, ...]) -> dict[str, float]:
    """Seconds of each stage at one size."""
    say(str(size))
    found = {"encode": encode_seconds(size)} if "encode" in stages else {}
    with tempfile.TemporaryDirectory() as folder:
        work = Work(size, Path(folder))
        work.shards_written()
        for stage, method in (("co-firing", work.co_firing), ("contexts", work.contexts), ("geometry", work.geometry)):
            if stage in stages:
                started = time.perf_counter()
                method()
                found[stage] = time.perf_counter() - started
    return found


def exponent(values: list[float], seconds: list[float]) -> float:
    """Slope of a straight line through the logarithms: 1 is proportional, 2 quadratic, 0 constant."""
    return float(np.polyfit(np.log(values), np.log(seconds), 1)[0])


def grow(base: Size) -> list[dict[str, Any]]:
    """Every axis: sizes, seconds and exponents."""
    found = []
    for axis in AXES:
        sizes = [axis.at(base, factor) for factor in FACTORS]
        times = [measure(size, axis.applies) for size in sizes]
        for stage in axis.applies:
            seconds = [time_[stage] for time_ in times]
            figure = "reference" if axis.name == "latents" else axis.name
            values = [getattr(size, figure) for size in sizes]
            found.append(
                {"axis": axis.name, "stage": stage, "values": values, "seconds": seconds}
                | {"exponent": exponent(values, seconds)}
            )
            print(json.dumps(found[-1]), flush=True)
    return found


def main() -> None:
    """Measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of tokens")
    arguments = parser.parse_args()
    base = replace(BASE, n_tokens=int(BASE.n_tokens * arguments.scale))
    figures = {"base": asdict(base), "axes": grow(base), **facts()}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "growth.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
