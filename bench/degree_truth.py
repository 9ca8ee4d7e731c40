"""The hedging degree against known truth: does a latent's degree show how impure the latent is?

    python -m bench.degree_truth

Trains the narrow SAE of each world that `hedgescope validate` tests on, extends it by as many new latents, or by a
share of that, and ranks its latents by their degree. The hedging score's figures on the same latents are in
`docs/data/validation/worlds.json`. Writes `bench/results/degree-truth-SHARE.json`.
"""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
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
from app.lab.trained import BATCH_SIZE, N_TRAIN, impurity_of, quietly, train_narrow
from app.lab.validation import IMPURE, specs
from app.lab.worlds import FAMILIES, World, WorldSpec
from app.scores.degree import hedging_degree
from app.training.extend import ExtensionPlan, extend
from app.training.start import load_start
from bench.machine import facts
from bench.output import command_line, page, table, write_results

N_STEPS = 1000
N_MEAN = 20_000
"""Tokens that mean activations are taken from."""


def of_world(spec: WorldSpec, share: float) -> dict[str, Any]:
    """One world: per latent of its narrow SAE the impurity, the degree and the mean activation."""
    torch.set_num_threads(1)
    world = World(spec)
    acts = world.sample(N_TRAIN, seed=spec.seed)
    inputs = (acts @ torch.from_numpy(world.features)).contiguous()
    with tempfile.TemporaryDirectory() as name, quietly():
        folder = Path(name)
        train_narrow(spec, acts, inputs, folder / "narrow")
        save_file({"activations": inputs}, folder / "inputs.safetensors")
        start = load_start(str(folder / "narrow"))
        cached = CachedActivations(folder / "inputs.safetensors", batch_size=BATCH_SIZE, seed=spec.seed)
        pair = extend(start, plan_of(spec, share), cached)
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


def plan_of(spec: WorldSpec, share: float) -> ExtensionPlan:
    """How the pair of a world is trained, with new latents as a share of those that are there."""
    return ExtensionPlan(
        n_tokens=N_STEPS * BATCH_SIZE,
        batch_size=BATCH_SIZE,
        lr=3e-3,
        warm_up=0.05,
        decay=0.33,
        dead_after_tokens=N_STEPS * BATCH_SIZE // 20,
        seed=spec.seed,
        n_new=max(1, round(share * spec.narrow)),
    )


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


def markdown(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    head = ("worlds", "latents (impure)", "AUROC of the degree", "Spearman with impurity", "with mean activation")
    return page(table(head, [_row(name, found) for name, found in figures["families"].items()]))


def _row(name: str, found: dict[str, Any]) -> tuple[str, ...]:
    area = "–" if found["auroc"] is None else f"{found['auroc']:.3f}"
    correlations = (f"{found[key]:+.2f}" for key in ("spearman_impurity", "spearman_mean_activation"))
    return name, f"{found['n']} ({found['n_impure']})", area, *correlations


def main() -> None:
    """Measure, print, write."""
    parser = command_line(__doc__)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--share", type=float, default=1.0, help="New latents, as a share of those that are there.")
    given = parser.parse_args()
    with ProcessPoolExecutor(given.workers, mp_context=get_context("spawn")) as pool:
        worlds = list(pool.map(partial(of_world, share=given.share), specs("test")))
    figures = {"share": given.share, "families": summarise(worlds), "worlds": worlds, **facts()}
    write_results(f"degree-truth-{given.share:g}", figures)
    print(markdown(figures))


if __name__ == "__main__":
    main()
