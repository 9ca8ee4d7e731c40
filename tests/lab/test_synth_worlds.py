"""The worlds of SynthSAEBench: dependent features, and a control in which each fires by itself."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from app.lab.synth_worlds import SMALL, control_of, generator_of, sample

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
