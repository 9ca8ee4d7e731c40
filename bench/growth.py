"""How cost grows with tokens, latents, L0 and d_in: times at several sizes and the exponent of a power law.

    python -m bench.growth                      about 15 minutes on two cores
    python -m bench.growth --scale 0.1          a tenth of the tokens, to try it out

Each figure is varied alone around one point (a 2,048 narrow and an 8,192 reference SAE, d_in 512, L0 32). Encoding is
measured with a random JumpReLU SAE of SAELens whose thresholds give the L0; the rest from synthetic shards.
Writes `bench/results/growth.json`.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.sae.load import LoadedSae
from app.sparse.encode import encode
from bench.large import Synthetic
from bench.machine import facts, measured_on, say, seconds
from bench.output import command_line, page, table, write_results
from bench.synthetic import Size, jumprelu, loaded, unit_rows

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
    decoder = unit_rows(size.reference, size.d_in, 3)
    module = jumprelu(torch.from_numpy(decoder))
    # Products of unit rows with standard normal activations are standard normal themselves.
    share = torch.tensor(1 - size.l0 / size.reference)
    module.threshold.fill_(float(torch.distributions.Normal(0.0, 1.0).icdf(share)))
    return loaded("encoder", module, decoder, f"{3:064x}")


def encode_seconds(size: Size) -> float:
    """Encoding with the reference SAE."""
    sae = encoder(size)
    acts = torch.randn(ENCODED_TOKENS, size.d_in)
    encode(sae, acts[:256])
    n_blocks = max(1, size.n_tokens // ENCODED_TOKENS)
    return seconds(lambda: [encode(sae, acts) for _ in range(n_blocks)], 1)


def measure(size: Size, stages: tuple[str, ...]) -> dict[str, float]:
    """Seconds of each stage at one size."""
    say(str(size))
    found = {"encode": encode_seconds(size)} if "encode" in stages else {}
    with tempfile.TemporaryDirectory() as folder:
        synthetic = Synthetic(size, Path(folder))
        synthetic.shards_written()
        methods = {"co-firing": synthetic.co_firing, "contexts": synthetic.contexts, "geometry": synthetic.geometry}
        found |= {stage: seconds(method, 1) for stage, method in methods.items() if stage in stages}
    return found


def exponent(values: list[float], times: list[float]) -> float:
    """Slope of a straight line through the logarithms: 1 is proportional, 2 quadratic, 0 constant."""
    return float(np.polyfit(np.log(values), np.log(times), 1)[0])


def grow(base: Size) -> list[dict[str, Any]]:
    """Every axis: sizes, seconds and exponents."""
    found = []
    for axis in AXES:
        sizes = [axis.at(base, factor) for factor in FACTORS]
        measured = [measure(size, axis.applies) for size in sizes]
        figure = "reference" if axis.name == "latents" else axis.name
        values = [getattr(size, figure) for size in sizes]
        for stage in axis.applies:
            times = [each[stage] for each in measured]
            sizes_and_times = {"axis": axis.name, "stage": stage, "values": values, "seconds": times}
            found.append({**sizes_and_times, "exponent": exponent(values, times)})
            print(json.dumps(found[-1]), flush=True)
    return found


def markdown(figures: dict[str, Any]) -> str:
    """One row a stage, one column an axis."""
    axes = list(dict.fromkeys(each["axis"] for each in figures["axes"]))
    stages = list(dict.fromkeys(each["stage"] for each in figures["axes"]))
    found = {(each["stage"], each["axis"]): f"{each['exponent']:.2f}" for each in figures["axes"]}
    rows = [(stage, *(found.get((stage, axis), "") for axis in axes)) for stage in stages]
    return page(measured_on(figures), table(("stage", *axes), rows))


def main() -> None:
    """Measure, write."""
    parser = command_line(__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of tokens")
    given = parser.parse_args()
    base = replace(BASE, n_tokens=int(BASE.n_tokens * given.scale))
    write_results("growth", {"base": asdict(base), "axes": grow(base), **facts()})


if __name__ == "__main__":
    main()
