"""The intervention against known truth: does what a latent lets go of say how impure it is?

    python -m bench.intervention --seeds 401,402

For each seed one world of each family of `app/lab/worlds.py`, of another size than those that anything was tuned on.
The narrow SAE is intervened on with the world's Matryoshka SAE as its reference: every reference latent that fires and
has no near twin is a candidate. Impurity is 1 - max cos² of a narrow decoder row with a true feature. Writes
`bench/results/intervention-worlds.json`.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from app.activations.cache import CachedActivations
from app.arrays import Flags, Float64s, Int64s
from app.lab.metrics import auroc
from app.lab.trained import BATCH_SIZE, impurity_of, quietly, train_in, train_narrow
from app.lab.validation import IMPURE
from app.lab.worlds import FAMILIES, Family, World, WorldSpec
from app.sae.load import LoadedSae, load_sae
from app.scores.degree import hedging_degree
from app.scores.rank_correlation import spearman
from app.scores.release import Block, ReleaseEstimator, choose_candidates, distance_moved, draw_splits, turn
from app.training.extend import activation_scale
from app.training.intervention import Arm, Bench, Outcome, run_arm
from app.training.schedule import Schedule
from app.training.start import start_of
from bench.machine import facts
from bench.output import command_line, page, table, write_results

N_TRAIN, N_STEPS = 120_000, 1400
"""Samples that a world's SAEs are trained on, and their steps."""

N_INTERVENTION = 32_768
"""Other samples, that the intervention trains on."""

SIZES = ((64, 84, 40), (52, 72, 32), (68, 90, 42))
"""Features, dimensions, and dimensions of the superposed family, by the seed."""

TWIN = 0.7
SMALL = 0.02
"""A latent of an independent world should move by less."""


def world_spec(family: Family, seed: int) -> WorldSpec:
    """A world that nothing was tuned on; its size differs with the seed."""
    n_features, d_in, d_superposed = SIZES[(seed - 401) % len(SIZES)]
    narrow = n_features // 3 if family == "independent" else n_features // 4
    widest = int(n_features * (0.7 if family == "lacking" else 1.15))
    widths = widest // 6, widest // 3, 2 * widest // 3, widest
    return WorldSpec(
        family, seed, n_features, d_superposed if family == "superposed" else d_in, narrow, widths, N_STEPS
    )


@dataclass(frozen=True)
class Method:
    """How the intervention is done.

    Attributes:
        n_blocks: pairs of runs; n_all: runs that add all candidates.
        grow: whether k grows with what is added.
    """

    n_blocks: int = 3
    n_all: int = 2
    n_steps: int = 800
    lr: float = 1e-3
    grow: bool = True


def make_world(spec: WorldSpec, folder: Path) -> None:
    """Sample a world, train its narrow and Matryoshka SAE, and keep other samples to intervene on."""
    world = World(spec)
    features = torch.from_numpy(world.features)
    acts = world.sample(N_TRAIN, seed=spec.seed)
    inputs = acts @ features
    folder.mkdir(parents=True, exist_ok=True)
    train_narrow(spec, acts, inputs, folder / "narrow")
    k = float((acts > 0).float().mean(dim=0).sum())
    train_in("matryoshka-batchtopk", spec, inputs, k, folder / "matryoshka")
    others = world.sample(N_INTERVENTION, seed=spec.seed + 1) @ features
    save_file({"activations": others.contiguous()}, folder / "activations.safetensors")
    np.save(folder / "impurity.npy", impurity_of(folder / "narrow", world.features))


def of_world(spec: WorldSpec, method: Method, kept: Path | None = None) -> dict[str, Any]:
    """One world: per latent of its narrow SAE the impurity and what the intervention says of it.

    Args:
        kept: folder to find the world's SAEs and figures in, or to leave them in.
    """
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name, quietly():
        folder = (kept or Path(name)) / spec.name.replace(" ", "-")
        digest = hashlib.sha256(repr(method).encode()).hexdigest()[:8]
        path = folder / f"measured-{digest}.json"
        if not path.exists():
            begun = time.monotonic()
            if not (folder / "impurity.npy").exists():
                make_world(spec, folder)
            impurity = np.load(folder / "impurity.npy").tolist()
            found = {"world": spec.name, "family": spec.family, "impurity": impurity}
            found |= measure(folder, method, spec.seed)
            path.write_text(json.dumps({**found, "seconds": time.monotonic() - begun}))
        world: dict[str, Any] = json.loads(path.read_text())
        return world


def measure(folder: Path, method: Method, seed: int) -> dict[str, Any]:
    """The intervention on a world's narrow SAE."""
    narrow, reference = load_sae(str(folder / "narrow")), load_sae(str(folder / "matryoshka"))
    schedule = Schedule(
        n_tokens=method.n_steps * BATCH_SIZE,
        batch_size=BATCH_SIZE,
        lr=method.lr,
        warm_up=0.05,
        decay=0.25,
        dead_after_tokens=method.n_steps * BATCH_SIZE // 20,
        seed=seed,
    )
    batches = CachedActivations(folder / "activations.safetensors", batch_size=BATCH_SIZE, seed=seed)
    start = start_of(narrow, str(folder))
    bench = Bench(start, reference, schedule, batches, activation_scale(batches))
    density = firing_shares(reference, batches)
    best = (narrow.unit_decoder @ reference.unit_decoder.T).max(axis=0).astype(np.float64)
    fires = (density * batches.n_tokens).astype(np.int64)
    chosen = choose_candidates(np.zeros(len(best)), fires, best, n=len(best), twin=TWIN)
    return {
        "n_candidates": len(chosen),
        "one_minus_cos2": (1 - (narrow.unit_decoder @ reference.unit_decoder.T).clip(0).max(axis=1) ** 2).tolist(),
        **estimates(bench, method, chosen, density),
    }


def firing_shares(sae: LoadedSae, batches: CachedActivations) -> Float64s:
    """`[d_sae]` share of tokens on which each latent fires."""
    batches.restart()
    n = batches.n_tokens // BATCH_SIZE
    with torch.inference_mode():
        shares = sum((sae.module.encode(next(batches)) > 0).double().mean(dim=0) for _ in range(n))
    assert isinstance(shares, torch.Tensor)
    return np.asarray(shares.numpy() / n)


def estimates(bench: Bench, method: Method, chosen: Int64s, density: Float64s) -> dict[str, Any]:
    """Summed release, distance moved and hedging degree of every narrow latent."""

    def train(added: Flags, seed: int) -> Outcome:
        indices = chosen[added]
        k = bench.start.k + (float(density[indices].sum()) if method.grow else 0.0)
        return run_arm(bench, Arm(tuple(indices.tolist()), k, seed))

    directions = bench.reference.unit_decoder[chosen]
    estimator = ReleaseEstimator(bench.start.loaded.unit_decoder, directions)
    splits = draw_splits(len(chosen), 2 * method.n_blocks, bench.schedule.seed)
    nothing, everything = np.zeros(len(chosen), dtype=np.bool_), np.ones(len(chosen), dtype=np.bool_)
    turns, degrees = [], []
    for block in range(method.n_blocks):
        seed = bench.schedule.seed + block
        added = splits[2 * block : 2 * block + 2]
        control = train(nothing, seed)
        first, second = (train(split, seed) for split in added)
        estimator.update(Block(control.decoder, first.decoder, second.decoder), added)
        degrees.append(hedging_degree(control.decoder, np.concatenate([first.decoder, first.new])))
        if block < method.n_all:
            turns.append(turn(train(everything, seed).decoder, control.decoder))
    found = estimator.result()
    named = [[latent.degree for latent in degree.latents] for degree in degrees]
    return {
        "summed_release": found.summed.tolist(),
        "summed_release_se": [None if np.isnan(value) else value for value in found.summed_se.tolist()],
        "moved": distance_moved(turns).tolist(),
        "degree": np.array(named, dtype=np.float64).mean(axis=0).tolist(),
    }


SCORES = ("moved", "summed_release", "degree", "one_minus_cos2")
SMALL_SHARES = "small_in_independent"


def summarise(worlds: list[dict[str, Any]]) -> dict[str, Any]:
    """AUROC for impurity above 0.1 by family and pooled, and the share of small values on independent worlds."""
    groups = {family: [each for each in worlds if each["family"] == family] for family in FAMILIES}
    found = {name: _figures(group) for name, group in (*groups.items(), ("all", worlds)) if group}
    independent = groups["independent"]
    if independent:
        found[SMALL_SHARES] = {
            score: float(np.mean([value <= SMALL for each in independent for value in each[score]])) for score in SCORES
        }
    return found


def _figures(group: list[dict[str, Any]]) -> dict[str, Any]:
    impurity = np.array([value for each in group for value in each["impurity"]])
    impure = impurity > IMPURE
    figures: dict[str, Any] = {"n": len(impurity), "n_impure": int(impure.sum())}
    for score in SCORES:
        values = np.array([value for each in group for value in each[score]], dtype=np.float64)
        both = 0 < impure.sum() < len(impure)
        figures[f"auroc_{score}"] = auroc(values, impure) if both else None
        figures[f"spearman_{score}"] = spearman(values.tolist(), impurity.tolist()).rho
    return figures


def markdown(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    head = ("worlds", "latents (impure)", "distance moved", "summed release", "hedging degree", "1 − cos²")
    rows = [_row(name, found) for name, found in figures.items() if name != SMALL_SHARES]
    small = figures.get(SMALL_SHARES)
    if small is None:
        return page(table(head, rows))
    shares = ", ".join(f"{score} {share:.3f}" for score, share in small.items())
    return page(table(head, rows), f"Latents of independent worlds at most {SMALL}: {shares}.")


def _row(name: str, found: dict[str, Any]) -> tuple[str, ...]:
    areas = (found[f"auroc_{score}"] for score in SCORES)
    return name, f"{found['n']} ({found['n_impure']})", *("–" if area is None else f"{area:.3f}" for area in areas)


def main() -> None:
    """Measure, print, write."""
    parser = command_line(__doc__)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--seeds", default="401,402", help="Of the worlds, with commas.")
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--steps", type=int, default=Method.n_steps)
    parser.add_argument("--lr", type=float, default=Method.lr)
    parser.add_argument("--blocks", type=int, default=Method.n_blocks)
    parser.add_argument("--hold-budget", action="store_true")
    parser.add_argument("--keep", type=Path, help="Folder to keep SAEs and figures in, and to find them again.")
    arguments = parser.parse_args()
    method = Method(arguments.blocks, 2, arguments.steps, arguments.lr, not arguments.hold_budget)
    specs = [
        world_spec(family, int(seed))
        for seed in arguments.seeds.split(",")
        for family in FAMILIES
        if family in arguments.families.split(",")
    ]
    worlds = []
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as pool:
        for world in pool.map(partial(of_world, method=method, kept=arguments.keep), specs):
            worlds.append(world)
            print(world["world"], round(world["seconds"]), "s", flush=True)
    found = summarise(worlds)
    figures = {"method": asdict(method), "twin": TWIN, "families": found, "worlds": worlds, **facts()}
    write_results(f"intervention-worlds{'-held' if arguments.hold_budget else ''}", figures, markdown(found))


if __name__ == "__main__":
    main()
