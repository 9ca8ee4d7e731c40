"""What is stored of narrow latents, for checks that compare distributions or ranks of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from app.arrays import Float32s, Float64s, none_if_nan
from app.lab.checks.scope import Scope
from app.lab.scoring import SCORE, Case, encoded
from app.pipeline.run import compute
from app.progress import silent
from app.store.read import columns, resolve_slug

NUMBERS = {
    SCORE: "hedging score",
    "decoder_hedging": "decoder hedging",
    "activation_hedging": "activation hedging",
    "max_decoder_cosine": "best decoder cosine",
}
"""Fields that are numbers -> what tables call them."""

Fields = Mapping[str, Sequence[float | str | None]]
"""Field of `NUMBERS`, or `diagnosis` -> one value for each narrow latent."""


def scored(case: Case, folder: Path) -> Fields:
    """The narrow latents of a case, scored as every comparison is.

    Args:
        folder: for shards, which cases of the same activations share.
    """
    with encoded(case, folder, silent) as inputs:
        latents = compute(inputs, silent).records.latents.narrow
    return {name: [getattr(latent, name) for latent in latents] for name in (*NUMBERS, "diagnosis")}


def saved_inputs(inputs: Float32s, folder: Path) -> Path:
    """`[n_tokens, d_in]` inputs as a file in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "inputs.safetensors"
    save_file({"activations": torch.from_numpy(inputs)}, path)
    return path


def stored(scope: Scope) -> Fields:
    """The narrow latents of the comparison."""
    engine = scope.open_store().engine
    return columns(engine, resolve_slug(engine, scope.comparison), "narrow", [*NUMBERS, "diagnosis"])


def known(values: Sequence[float | str | None]) -> Float64s:
    """The numbers that are defined."""
    return np.array([value for value in values if value is not None], dtype=np.float64)


def medians(fields: Fields) -> list[float | None]:
    """Of each of `NUMBERS`, over the latents for which it is defined."""
    numbers = [known(fields[name]) for name in NUMBERS]
    return [none_if_nan(np.median(values)) if len(values) else None for values in numbers]


def called_hedged(fields: Fields) -> float | None:
    """Share of the latents that have a score."""
    pairs = zip(fields["diagnosis"], fields[SCORE], strict=True)
    called = [diagnosis == "hedged" for diagnosis, score in pairs if score is not None]
    return float(np.mean(called)) if called else None
