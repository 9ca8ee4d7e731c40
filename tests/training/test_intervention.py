"""The trainings of an intervention, on worlds whose features are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from app.arrays import Flags, Float32s, Float64s
from app.errors import SaeError, TrainingError
from app.lab.trained import impurity_of, save_perfect
from app.sae.load import LoadedSae, load_sae, prefix
from app.scores.release import Block, ReleaseEstimator, distance_moved, draw_splits, turn
from app.training.extend import activation_scale
from app.training.intervention import Arm, Bench, addition, check_addable, run_arm
from app.training.schedule import Schedule
from app.training.start import start_of, training_sae
from tests.saved_saes import save_matryoshka, save_sae
from tests.training.worlds import (
    BATCH_SIZE,
    D_IN,
    N_PARENTS,
    features_of,
    sample_world,
    save_narrow,
    stream,
    write_acts,
)

HALF_HEDGED = (0.4, 0.4, 0.06, 0.06), (0.0, 0.0, 0.06, 0.06)
"""Children of two parents fire only with them, the other two independently: two of four latents hedge."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Activations, a narrow SAE with a latent a parent, and the SAE that knows all features."""
    folder = tmp_path_factory.mktemp("half-hedged")
    acts = sample_world(*HALF_HEDGED)
    write_acts(folder / "acts.safetensors", acts)
    save_narrow(folder / "narrow", (0.5, 0.5, 0.0, 0.0))
    save_perfect(features_of().numpy(), acts, folder / "reference")
    return folder


def schedule(n_steps: int, lr: float = 3e-3) -> Schedule:
    return Schedule(
        n_tokens=n_steps * BATCH_SIZE,
        batch_size=BATCH_SIZE,
        lr=lr,
        warm_up=0.05,
        decay=0.25,
        dead_after_tokens=20 * BATCH_SIZE,
        seed=0,
    )


def bench(folder: Path, n_steps: int = 4, lr: float = 3e-3) -> Bench:
    batches = stream(folder / "acts.safetensors")
    start = start_of(load_sae(str(folder / "narrow")), "narrow")
    return Bench(start, load_sae(str(folder / "reference")), schedule(n_steps, lr), batches, activation_scale(batches))


def encoded(sae: Any, acts: torch.Tensor, scale: float) -> torch.Tensor:
    """Pre-activations, per unit decoder norm and for unscaled activations."""
    with torch.inference_mode():
        pre = (acts * scale - sae.b_dec) @ sae.W_enc + sae.b_enc
        found: torch.Tensor = pre * sae.W_dec.norm(dim=1) / scale
    return found


def test_added_latents_read_and_write_what_the_reference_s_do(folder: Path) -> None:
    here = bench(folder)
    indices = np.array([5, 2])
    new = addition(here.reference, here.start, indices)
    sae = training_sae(here.start, scale=0.3, added=new, k=1.5)
    acts = next(here.activations)
    module = here.reference.module
    expected = (acts - module.b_dec) @ module.W_enc + module.b_enc
    assert torch.allclose(encoded(sae, acts, 0.3)[:, N_PARENTS:], expected[:, indices], atol=1e-4)
    rows = torch.nn.functional.normalize(sae.W_dec.detach(), dim=1)
    assert torch.allclose(rows[N_PARENTS:], torch.from_numpy(here.reference.unit_decoder[indices]), atol=1e-5)
    assert torch.allclose(rows[:N_PARENTS], torch.from_numpy(here.start.loaded.unit_decoder), atol=1e-5)
    assert (sae.cfg.k, sae.cfg.d_sae) == (1.5, N_PARENTS + 2)


def test_old_latents_are_as_they_were_when_some_are_added(folder: Path) -> None:
    here = bench(folder)
    plain = training_sae(here.start, scale=0.3)
    more = training_sae(here.start, scale=0.3, added=addition(here.reference, here.start, np.array([1])))
    assert torch.equal(plain.W_enc, more.W_enc[:, :N_PARENTS])
    assert torch.equal(plain.W_dec, more.W_dec[:N_PARENTS])
    assert torch.equal(plain.b_enc, more.b_enc[:N_PARENTS])


def test_a_prefix_can_be_trained_on(tmp_path: Path) -> None:
    inner = prefix(load_sae(str(save_matryoshka(tmp_path / "sae", widths=(4, 12, 24)))), 12)
    start = start_of(inner, "sae@12", k=2.5)
    sae = training_sae(start, scale=1.0)
    assert (sae.cfg.d_sae, sae.cfg.matryoshka_widths, sae.cfg.k) == (12, [4, 12], 2.5)
    rows = torch.nn.functional.normalize(sae.W_dec.detach(), dim=1)
    assert torch.allclose(rows, torch.from_numpy(inner.unit_decoder), atol=1e-5)


def test_arms_of_one_seed_see_the_same_batches_and_repeat(folder: Path) -> None:
    here = bench(folder)
    first, again, other = (run_arm(here, Arm((), 0.6, seed)) for seed in (0, 0, 1))
    assert np.array_equal(first.decoder, again.decoder)
    assert not np.array_equal(first.decoder, other.decoder)
    assert np.linalg.norm(first.decoder, axis=1) == pytest.approx(1, abs=1e-5)
    assert first.new.shape == (0, D_IN)
    assert 0.3 < first.explained_variance < 1
    assert first.l0 == pytest.approx(0.6, abs=0.05)


def test_progress_is_in_tokens_and_what_it_raises_ends_the_training(folder: Path) -> None:
    steps: list[int] = []
    run_arm(bench(folder), Arm((), 0.6, 0), steps.append)
    assert steps == [BATCH_SIZE] * 4

    def stop(n: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        run_arm(bench(folder), Arm((), 0.6, 0), stop)


def test_impure_latents_let_go_and_pure_ones_do_not(folder: Path) -> None:
    """Two latents hold a child each. Given a latent for it they let go, and end where the true feature is."""
    impurity = impurity_of(folder / "narrow", features_of().numpy())
    assert sorted(impurity > 0.1) == [False, False, True, True]
    found, moved = intervened(bench(folder, n_steps=200))
    assert found.summed[impurity > 0.1].min() > 0.1
    assert np.abs(found.summed[impurity < 0.1]).max() < 0.04
    assert moved[impurity > 0.1] == pytest.approx(impurity[impurity > 0.1], abs=0.06)
    assert np.abs(moved[impurity < 0.1]).max() < 0.02


def intervened(here: Bench) -> tuple[Any, Float64s]:
    """Releases of two blocks, and the distances moved with all children added."""
    children = np.arange(N_PARENTS, 2 * N_PARENTS)
    density = np.array([0.06, 0.06, 0.06, 0.06])
    directions = here.reference.unit_decoder[children]
    estimator, turns = ReleaseEstimator(here.start.loaded.unit_decoder, directions), []
    splits = draw_splits(N_PARENTS, 4, seed=0)

    def rows(added: Flags, seed: int) -> Float32s:
        arm = Arm(tuple(children[added].tolist()), here.start.k + float(density[added].sum()), seed)
        return run_arm(here, arm).decoder

    for block in range(2):
        added = splits[2 * block : 2 * block + 2]
        control = rows(np.zeros(N_PARENTS, dtype=np.bool_), block)
        estimator.update(Block(control, *(rows(split, block) for split in added)), added)
        turns.append(turn(rows(np.ones(N_PARENTS, dtype=np.bool_), block), control))
    return estimator.result(), distance_moved(turns)


def test_training_that_diverges_is_said_in_one_line(folder: Path) -> None:
    with pytest.raises(TrainingError, match="training diverged; give a smaller --lr"):
        run_arm(bench(folder, n_steps=60, lr=1e30), Arm((), 0.6, 0))


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_memory_that_runs_out_is_said_in_one_line(
    error: Exception, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("app.training.intervention.training_sae", fail)
    with pytest.raises(TrainingError, match="memory ran out on cpu while training an SAE of 4 latents"):
        run_arm(bench(folder), Arm((), 0.6, 0))


def test_other_runtime_errors_are_bugs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("shapes")

    monkeypatch.setattr("app.training.intervention.training_sae", fail)
    with pytest.raises(RuntimeError, match="shapes"):
        run_arm(bench(folder), Arm((), 0.6, 0))


def test_references_whose_latents_cannot_be_copied(tmp_path: Path) -> None:
    with pytest.raises(SaeError, match="latents of a gated SAE can't be added"):
        check_addable(load_sae(str(save_sae(tmp_path / "gated", "gated"))))
    whole = load_sae(str(save_sae(tmp_path / "standard")))
    check_addable(whole)
    with pytest.raises(SaeError, match=r"it normalises activations \(layer_norm\)"):
        check_addable(normalised(whole))


def normalised(sae: LoadedSae) -> LoadedSae:
    sae.module.cfg.normalize_activations = "layer_norm"
    return replace(sae)
