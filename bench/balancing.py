"""What balancing does to the levels of a Matryoshka SAE: multipliers from 0 to 2, on worlds and on the demo's model.

    python -m bench.balancing worlds
    python -m bench.balancing model --activations data/activations/train

The first trains on worlds whose features are known, so it has the truth: how impure the latents of each level are.
The second trains on cached activations of a language model (`hedgescope train --text … --activations …` makes them)
and scores each prefix against the whole SAE on the bundled text. Each writes `bench/results/balancing-….json`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from app.activations.cache import CachedActivations
from app.activations.language_model import ModelShelf
from app.lab.scratch import scratch_database
from app.lab.trained import N_SCORED, N_TRAIN, impurity_of, train_in, train_quietly
from app.lab.validation import specs
from app.lab.worlds import World, WorldSpec
from app.pipeline.run import run_several
from app.progress import silent
from app.records import ComparisonRequest
from app.sae.load import load_sae
from app.sparse.encode import encode
from app.store.read import columns
from app.training.train import TrainingPlan
from bench.bundled import open_bundled
from bench.machine import facts
from bench.output import command_line, page, table, write_results

MULTIPLIERS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
FAMILIES = ("correlated", "hierarchical", "mixed")
MIN_FIRINGS = 30
"""A latent that fires on fewer held-out tokens is left out: a dead one points anywhere."""

MODEL_WIDTHS = (64, 128, 256, 512)
MODEL_K = 32


def of_world(spec: WorldSpec, multiplier: float) -> dict[str, Any]:
    """One SAE of one world: mean impurity, mean score and latents of each level, and how well it reconstructs."""
    torch.set_num_threads(1)
    world = World(spec)
    features = torch.from_numpy(world.features)
    acts = world.sample(N_TRAIN, seed=spec.seed)
    held_out = (world.sample(N_SCORED, seed=spec.seed + 1) @ features).contiguous()
    k = float((acts > 0).float().mean(dim=0).sum())
    with tempfile.TemporaryDirectory() as folder:
        sae = Path(folder) / "sae"
        train_in("balanced-matryoshka", spec, acts @ features, k, sae, multiplier=multiplier)
        found = _levels(sae, held_out, Path(folder))
        found["impurity"] = _by_level(impurity_of(sae, world.features), found.pop("alive"), spec.widths)
    return {"world": spec.name, "family": spec.family, "multiplier": multiplier, **found}


def of_model(
    activations: CachedActivations, held_out: torch.Tensor, n_tokens: int, multiplier: float
) -> dict[str, Any]:
    """One SAE of the demo's model."""
    plan = TrainingPlan(
        architecture="balanced-matryoshka",
        d_sae=MODEL_WIDTHS[-1],
        matryoshka_widths=MODEL_WIDTHS,
        k=MODEL_K,
        n_tokens=n_tokens,
        batch_size=1024,
        lr=6e-4,
        warm_up=0.05,
        decay=0.25,
        aux_loss_coefficient=1.0,
        dead_after_tokens=100_000,
        model_name="none",
        hook_name="none",
        seed=0,
        multiplier=multiplier,
    )
    with tempfile.TemporaryDirectory() as folder:
        train_quietly(plan, activations, Path(folder) / "sae")
        found = _levels(Path(folder) / "sae", held_out, Path(folder))
        found.pop("alive")
    return {"multiplier": multiplier, **found}


def _levels(sae: Path, held_out: torch.Tensor, folder: Path) -> dict[str, Any]:
    """Scores of each prefix against the whole SAE, explained variance of each prefix, and which latents fire."""
    loaded = load_sae(str(sae))
    widths = loaded.whole_levels
    encoded = encode(loaded, held_out)
    n_firings = np.bincount(encoded.latent, minlength=widths[-1])
    total = float((held_out - held_out.mean(dim=0)).square().sum())
    return {
        "alive": n_firings >= MIN_FIRINGS,
        "explained_variance": (1 - encoded.residual / total).tolist(),
        "score": _scores(sae, widths[:-1], held_out, folder),
        "n_alive": [int((n_firings[:width] >= MIN_FIRINGS).sum()) for width in widths],
    }


def _scores(sae: Path, widths: Sequence[int], held_out: torch.Tensor, folder: Path) -> list[dict[str, float]]:
    """Of each prefix as a narrow SAE, as `hedgescope compare --narrow sae@width --reference sae` gives them."""
    file = folder / "held-out.safetensors"
    save_file({"activations": held_out.contiguous()}, file)
    requests = [ComparisonRequest(f"{sae}@{width}", str(sae), activations=str(file)) for width in widths]
    found = []
    with scratch_database(folder) as engine:
        for summary in run_several(engine, folder, requests, silent, models=ModelShelf(folder / "models")):
            scores = columns(engine, summary.slug, "narrow", ["hedging_score"])["hedging_score"]
            known = np.array([each for each in scores if each is not None])
            found.append({"median": float(np.median(known)), "mean": float(known.mean()), "n": len(known)})
    return found


def _by_level(values: NDArray[np.float64], alive: NDArray[np.bool_], widths: Sequence[int]) -> list[float]:
    """Mean over each level's own latents that fire; NaN where none does."""
    levels = [slice(start, stop) for start, stop in pairwise((0, *widths))]
    return [float(values[level][alive[level]].mean()) if alive[level].any() else float("nan") for level in levels]


def worlds(workers: int) -> dict[str, Any]:
    """All worlds and multipliers; a row is the mean over the worlds of a family."""
    chosen = [spec for spec in specs("test") if spec.family in FAMILIES and spec.seed != 101]
    tasks = [(spec, multiplier) for spec in chosen for multiplier in MULTIPLIERS]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        trained = list(pool.map(of_world, *zip(*tasks, strict=True)))
    rows = []
    for family in FAMILIES:
        for multiplier in MULTIPLIERS:
            group = [each for each in trained if each["family"] == family and each["multiplier"] == multiplier]
            rows.append({"family": family, "multiplier": multiplier, **_mean(group)})
    return {"rows": rows, "worlds": [spec.name for spec in chosen], **facts()}


def _mean(group: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "impurity": np.nanmean([each["impurity"] for each in group], axis=0).tolist(),
        "score": np.mean([[level["mean"] for level in each["score"]] for each in group], axis=0).tolist(),
        "explained_variance": np.mean([each["explained_variance"] for each in group], axis=0).tolist(),
    }


def model(folder: Path, n_tokens: int, n_scored: int) -> dict[str, Any]:
    """The demo's model at all multipliers."""
    bundled = open_bundled(n_scored, "float32")
    held_out = bundled.acts()
    cached = partial(CachedActivations, folder, batch_size=1024, seed=0)
    rows = [of_model(cached(), held_out, n_tokens, each) for each in MULTIPLIERS]
    record = bundled.saes[0].record
    return {
        "rows": rows,
        "widths": MODEL_WIDTHS,
        "k": MODEL_K,
        "model": record.model_name,
        "hook": record.hook_name,
        "training_tokens": n_tokens,
        "scored_tokens": len(held_out),
        **facts(),
    }


def worlds_markdown(figures: dict[str, Any]) -> str:
    """Impurity of each level, innermost first, and explained variance of the innermost and of all."""
    head = ("worlds", "multiplier", "impurity of level 1", "2", "3", "4", "score of level 1", "explained by level 1")
    rows = []
    for row in figures["rows"]:
        explained = row["explained_variance"]
        values = *row["impurity"], row["score"][0], explained[0], explained[-1]
        rows.append((row["family"], f"{row['multiplier']:g}", *(f"{value:.3f}" for value in values)))
    return page(table((*head, "by all"), rows))


def model_markdown(figures: dict[str, Any]) -> str:
    """Median score of each prefix, explained variance."""
    widths = figures["widths"]
    medians = (f"median score of the first {width}" for width in widths[:-1])
    head = ("multiplier", *medians, f"explained by {widths[0]}", f"by {widths[-1]}", "latents that fire")
    rows = []
    for row in figures["rows"]:
        explained = row["explained_variance"]
        values = *(each["median"] for each in row["score"]), explained[0], explained[-1]
        rows.append((f"{row['multiplier']:g}", *(f"{value:.3f}" for value in values), str(row["n_alive"][-1])))
    return page(table(head, rows))


def main() -> None:
    """Measure, print, write."""
    parser = command_line(__doc__)
    parser.add_argument("what", choices=("worlds", "model"))
    parser.add_argument("--activations", type=Path, default=Path("data/activations/train"))
    parser.add_argument("--tokens", type=int, default=600_000, help="Training tokens of each SAE of the model.")
    parser.add_argument("--scored", type=int, default=32_768)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    if given.what == "worlds":
        figures = worlds(given.workers)
        markdown = worlds_markdown(figures)
    else:
        figures = model(given.activations, given.tokens, given.scored)
        markdown = model_markdown(figures)
    write_results(f"balancing-{given.what}", figures)
    print(markdown)


if __name__ == "__main__":
    main()
