"""SynthSAEBench (arXiv 2602.14687) made smaller: its worlds of synthetic features, and SAEs trained on them.

The family's full size is 16,384 features in 768 dimensions. A control world has the same features, firing as often, but
each by itself: as much superposition, and nothing to hedge.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from app.arrays import Float32s
from app.lab.trained import BATCH_SIZE, Pool, quietly, save_perfect, train_quietly
from app.training.train import TrainingPlan

SAMPLE_BATCH = 4096
LR = 1e-3


@dataclass(frozen=True)
class SynthSize:
    """How large a world and its SAEs are.

    Attributes:
        n_features, d_in: of the world; n_roots: trees of features, each of 85.
        narrow, reference: latents of the SAEs.
        n_train: samples to train on, gone through several times in n_steps steps of `BATCH_SIZE`.
        n_scored: other samples to score on.
    """

    n_features: int
    d_in: int
    n_roots: int
    narrow: int
    reference: int
    n_train: int
    n_steps: int
    n_scored: int


SIXTEENTH = SynthSize(1024, 192, 8, 256, 1024, n_train=300_000, n_steps=4000, n_scored=49_152)
SMALL = SynthSize(256, 96, 2, 64, 256, n_train=50_000, n_steps=600, n_scored=16_384)


@dataclass(frozen=True)
class SynthWorld:
    """A world's files and truth.

    Attributes:
        narrow, reference, perfect: folders of SAEs; the last one knows the features.
        activations: safetensors file of the inputs to score on.
        features: `[m, d_in]` unit rows; firings: `[n_scored, m]` their activations on those inputs.
        l0: features that fire in a sample.
    """

    narrow: Path
    reference: Path
    perfect: Path
    activations: Path
    features: Float32s
    firings: Float32s
    l0: float


def generator_of(size: SynthSize, seed: int) -> Any:
    """SAELens' generator with the settings published for SynthSAEBench-16k, version 2, but for size and seed."""
    from sae_lens import synthetic

    config = synthetic.SyntheticModelConfig(
        num_features=size.n_features,
        hidden_dim=size.d_in,
        firing_probability=synthetic.ZipfianFiringProbabilityConfig(max_prob=0.4, min_prob=5e-4, exponent=0.5),
        hierarchy=synthetic.HierarchyConfig(
            total_root_nodes=size.n_roots,
            branching_factor=4,
            max_depth=3,
            mutually_exclusive_portion=1.0,
            mutually_exclusive_min_depth=0,
            compensate_probabilities=True,
            scale_children_by_parent=True,
        ),
        mean_firing_magnitudes=synthetic.LinearMagnitudeConfig(start=5.0, end=4.0),
        std_firing_magnitudes=synthetic.FoldedNormalMagnitudeConfig(mean=0.5, std=0.5),
        correlation=synthetic.LowRankCorrelationConfig(correlation_scale=0.1, rank=25),
        orthogonalization=synthetic.OrthogonalizationConfig(num_steps=100, lr=3e-4),
        bias=0.5,
        seed=seed,
    )
    with quietly():
        return synthetic.SyntheticModel(config)


def control_of(model: Any, seed: int) -> Any:
    """The same features with the same magnitudes, each firing as often as in the model, but by itself."""
    from sae_lens import synthetic

    firing = (sample(model, 65_536, seed) > 0).float().mean(dim=0)
    old = model.activation_generator
    alone = synthetic.ActivationGenerator(
        model.cfg.num_features,
        firing,
        std_firing_magnitudes=old.std_firing_magnitudes,
        mean_firing_magnitudes=old.mean_firing_magnitudes,
    )
    config = replace(model.cfg, hierarchy=None, correlation=None, orthogonalization=None)
    return synthetic.SyntheticModel(config, feature_dict=model.feature_dict, activation_generator=alone)


def sample(model: Any, n: int, seed: int) -> torch.Tensor:
    """`[n, n_features]` activations of features."""
    torch.manual_seed(seed)
    sizes = [min(SAMPLE_BATCH, n - start) for start in range(0, n, SAMPLE_BATCH)]
    with torch.no_grad():
        return torch.cat([model.activation_generator.sample(each) for each in sizes])


def make_synth_world(model: Any, size: SynthSize, seed: int, folder: Path) -> SynthWorld:
    """Sample a world, train its SAEs, write everything into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        acts = sample(model, size.n_train, seed + 1)
        inputs = model.feature_dict(acts)
        firing = (acts > 0).float().mean(dim=0)
        strongest = acts.square().mean(dim=0).argsort(descending=True)[: size.narrow]
        scored = sample(model, size.n_scored, seed + 2)
        save_file({"activations": model.feature_dict(scored)}, folder / "activations.safetensors")
    features = model.feature_dict.feature_vectors.detach().numpy().astype(np.float32)
    save_perfect(features, acts, folder / "perfect", b_dec=model.feature_dict.bias.detach())
    del acts
    # It gets as many active latents as the features that it can hold: a smaller L0 would hedge too.
    for name, width, k in (
        ("narrow", size.narrow, float(firing[strongest].sum())),
        ("reference", size.reference, float(firing.sum())),
    ):
        train_quietly(_plan(size, width, k, seed), Pool(inputs, seed), folder / name)
    return SynthWorld(
        folder / "narrow",
        folder / "reference",
        folder / "perfect",
        folder / "activations.safetensors",
        features,
        scored.numpy(),
        float(firing.sum()),
    )


def _plan(size: SynthSize, width: int, k: float, seed: int) -> TrainingPlan:
    return TrainingPlan(
        architecture="batchtopk",
        d_sae=width,
        matryoshka_widths=(),
        k=k,
        n_tokens=size.n_steps * BATCH_SIZE,
        batch_size=BATCH_SIZE,
        lr=LR,
        warm_up=0.05,
        decay=0.33,
        aux_loss_coefficient=1.0,
        dead_after_tokens=200 * BATCH_SIZE,
        model_name="none",
        hook_name="none",
        seed=seed,
    )
