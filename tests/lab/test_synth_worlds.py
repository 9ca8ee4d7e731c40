"""The worlds of SynthSAEBench: dependent features, and a control in which each fires by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from app.lab.checks.scope import Scope, Store
from app.lab.checks.synth_bench import PERFECT, TRAINED, score_world
from app.lab.synth_worlds import SMALL, SynthWorld, control_of, generator_of, sample
from app.lab.threshold_sae import ThresholdSae
from app.progress import silent
from tests.scores.mixing.known_world import KnownWorld

N_TOKENS = 40_000


@pytest.fixture(scope="module")
def model() -> Any:
    return generator_of(SMALL, seed=7)


def phi_of(acts: torch.Tensor) -> torch.Tensor:
    """`[m, m]` correlations of firing of features that fire often enough, 0 on the diagonal."""
    fires = (acts > 0).float()
    often = fires[:, fires.sum(dim=0) > 200]
    return torch.corrcoef(often.T).fill_diagonal_(0)


def test_the_control_fires_as_often_and_each_feature_by_itself(model: Any) -> None:
    control = control_of(model, seed=7)
    world, alone = sample(model, N_TOKENS, seed=1), sample(control, N_TOKENS, seed=1)
    assert torch.equal(control.feature_dict.feature_vectors, model.feature_dict.feature_vectors)
    expected, found = ((acts > 0).float().mean(dim=0) for acts in (world, alone))
    # Five standard errors of either share.
    spread = (expected * (1 - expected) * 2 / N_TOKENS).sqrt()
    assert ((found - expected).abs() <= 5 * spread + 1e-3).all()
    assert phi_of(alone).abs().max() < 0.05
    assert phi_of(world).max() > 0.3


def test_children_fire_with_their_parents_only(model: Any) -> None:
    fires = sample(model, N_TOKENS, seed=2) > 0
    roots = model.hierarchy.roots
    assert len(roots) == SMALL.n_roots
    for root in roots:
        children = [child.feature_index for child in root.children]
        assert children
        assert not (fires[:, children] & ~fires[:, [root.feature_index]]).any()


def test_samples_repeat(model: Any) -> None:
    assert torch.equal(sample(model, 5000, seed=3), sample(model, 5000, seed=3))
    assert not torch.equal(sample(model, 5000, seed=3), sample(model, 5000, seed=4))


def merging_world(folder: Path) -> SynthWorld:
    """Orthonormal features; the narrow SAE fires on feature 6 and, half as much, on 26, which excludes it."""
    known = KnownWorld.make()
    features, inputs = known.features, known.acts @ known.features
    rows = features[:20].copy()
    rows[6] = (features[6] + 0.5 * features[26]) / np.sqrt(1.25)
    for name, of in (("narrow", rows), ("reference", features)):
        none = np.zeros(len(of), dtype=np.float32)
        own = np.ones(len(of), dtype=np.float32)
        # Above what rounding leaves of an orthogonal feature.
        threshold = np.full(len(of), 0.05, dtype=np.float32)
        ThresholdSae(of.T.copy(), none, threshold, of, own, inputs[0] * 0).save(folder / name)
    save_file({"activations": torch.from_numpy(inputs)}, folder / "activations.safetensors")
    reference, file = folder / "reference", folder / "activations.safetensors"
    return SynthWorld(
        folder / "narrow", reference, reference, file, features, known.acts, float((known.acts > 0).sum())
    )


def test_rows_are_attributed_on_the_tokens_that_they_fired_on(tmp_path: Path) -> None:
    """The sample sorts tokens by group of rows; on the tokens of the file nothing would count as merged."""
    world = merging_world(tmp_path)
    found = score_world(world, Scope(tmp_path, silent, no_store, "demo"), "control")
    assert found.masses.own.tolist() == list(range(20))
    assert found.masses.merged[6] == pytest.approx(0.2, abs=0.01)
    assert np.delete(found.masses.merged, 6).max() < 0.01
    for label in (TRAINED, PERFECT):
        case = found.cases[label]
        inputs = world.firings[case.tokens] @ world.features
        # Shards keep inputs in half precision.
        assert case.sample.inputs == pytest.approx(inputs, abs=2e-3)
        assert (np.diff(case.tokens) < 0).any()


def no_store() -> Store:
    """A check on worlds opens no store."""
    raise AssertionError
