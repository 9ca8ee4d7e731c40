"""The hedging degree against known truth: does a latent's degree tell how impure the latent is?

    python -m bench.degree_truth

Trains the narrow SAE of each world that `hedgescope validate` tests on, extends it by as many new latents, or by a
share of that, and ranks its latents by their degree. The hedging score's figures on the same latents are in
`docs/data/validation.json`. Writes `bench/results/degree-truth-SHARE.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from scipy.stats import spearmanr

from app.activations.cache import CachedActivations
from app.lab.metrics import auroc
from app.lab.trained import BATCH_SIZE, N_TRAIN, impurity_of, train_narrow
from app.lab.validation import IMPURE, specs
from app.lab.worlds import FAMILIES, World, WorldSpec
from app.scores.degree import hedging_degree
from app.training.extend import ExtensionPlan, extend
from app.training.start import load_start
from bench.machine import RESULTS, facts

N_STEPS = 1000
N_MEAN = 20_000
"""Tokens that mean activations are taken from."""


def of_world(spec: WorldSpec, share: float) -> dict[str, Any]:
    """One world: per latent of its narrow SAE the impurity, the degree and the mean activation."""
    torch.set_num_threads(1)
    world = World(spec)
    acts = world.sample(N_TRAIN, seed=spec.seed)
    inputs = (acts @ torch.from_numpy(world.features)).contiguous()
    with tempfile.TemporaryDirectory() as name, Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
        folder = Path(name)
        train_narrow(spec, acts, inputs, folder / "narrow")
        save_file({"activations": inputs}, folder / "inputs.safetensors")
        start = load_start(str(folder / "narrow"))
        plan = ExtensionPlan(
            n_tokens=N_STEPS * BATCH_SIZE,
            batch_size=BATCH_SIZE,
            lr=3e-3,
            warm_up=0.05,
            decay=0.33,
            dead_after_tokens=N_STEPS * BATCH_SIZE // 20,
            seed=spec.seed,
            n_new=max(1, round(share * spec.narrow)),
        )
        cached = CachedActivations(folder / "inputs.safetensors", batch_size=BATCH_SIZE, seed=spec.seed)
        pair = extend(start, plan, cached)
        rows = [trained.sae.W_dec.detach().numpy() for trained in (pair.control, pair.extended)]
        degree = hedging_degree(*rows)
        impurity = impurity_of(folder / "narrow", world.features).tolist()
        mean = _mean_activations(start.loaded.module, inputs[:N_MEAN])
    return {
        "world": spec.name,
        "family": spec.family,
        "impurity": impurity,
        "degree": [latent.degree for latent in degree.latents],
        "mean_activation": mean.tolist(),
    }


def _mean_activations(module: Any, inputs: torch.Tensor) -> NDArray[np.float64]:
    """`[n]` mean over the tokens on which a latent fires; NaN for one that never does."""
    with torch.inference_mode():
        acts = module.encode(inputs).double().numpy()
    fires = acts > 0
    mean: NDArray[np.float64] = acts.sum(axis=0) / np.where(fires.any(axis=0), fires.sum(axis=0), np.nan)
    return mean


def summarise(worlds: list[dict[str, Any]]) -> dict[str, Any]:
    """AUROC and rank correlations, by family and pooled; a degree that is undefined is left out."""
    groups = {family: [each for each in worlds if each["family"] == family] for family in FAMILIES}
    return {name: _figures(group) for name, group in (*groups.items(), ("all", worlds)) if group}


def _figures(group: list[dict[str, Any]]) -> dict[str, float | int | None]:
    impurity, degree, activation = (
        np.array([value for each in group for value in each[name]], dtype=np.float64)
        for name in ("impurity", "degree", "mean_activation")
    )
    known = ~np.isnan(degree) & ~np.isnan(activation)
    impurity, degree, activation = impurity[known], degree[known], activation[known]
    impure = impurity > IMPURE
    return {
        "n": len(degree),
        "n_impure": int(impure.sum()),
        "auroc": auroc(degree, impure) if 0 < impure.sum() < len(impure) else None,
        "spearman_impurity": float(spearmanr(degree, impurity).statistic),
        "spearman_mean_activation": float(spearmanr(degree, activation).statistic),
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        "| worlds | latents (impure) | AUROC of the degree | Spearman with impurity | with mean activation |",
        "|---|---|---|---|---|",
    ]
    for name, row in figures["families"].items():
        area = "–" if row["auroc"] is None else f"{row['auroc']:.3f}"
        lines.append(
            f"| {name} | {row['n']} ({row['n_impure']}) | {area} | {row['spearman_impurity']:+.2f} "
            f"| {row['spearman_mean_activation']:+.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--share", type=float, default=1.0, help="New latents, as a share of those that are there.")
    arguments = parser.parse_args()
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as pool:
        worlds = list(pool.map(partial(of_world, share=arguments.share), specs("test")))
    figures = {"share": arguments.share, "families": summarise(worlds), "worlds": worlds, **facts()}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"degree-truth-{arguments.share:g}.json").write_text(json.dumps(figures, indent=1) + "\n")
    print(table(figures))


if __name__ == "__main__":
    main()
