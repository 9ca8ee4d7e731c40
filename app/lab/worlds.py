"""Worlds whose true features are known, to measure the scores against.

An input is a sum of features: unit directions times magnitudes, of which few fire at a time. Firing
frequencies fall as in Zipf's law, magnitudes have spread. SAELens' synthetic module samples them
(Gaussian copula for correlations, trees for hierarchies). The families differ in what fires with what:

    independent      nothing: a narrow SAE recovers its features there, so false alarms show
    correlated       rare features tend to come with a frequent one each
    anti-correlated  groups of frequent features of which one fires at a time
    hierarchical     a child fires only where its parent does
    mixed            a third of the features each: independent, correlated, hierarchical
    superposed       correlated, and more features than dimensions
    lacking          correlated, and a reference too narrow for all features
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

Family = Literal["independent", "correlated", "anti-correlated", "hierarchical", "mixed", "superposed", "lacking"]
FAMILIES: tuple[Family, ...] = get_args(Family)

CORRELATION = 0.5, 0.95
"""Of the Gaussian copula that couples a rare feature to a frequent one: smallest, largest."""

CHILD = 0.15, 0.5
"""Probability of a child where its parent fires: smallest, largest."""

GROUP = 4
"""Features of a group of which at most one fires."""


@dataclass(frozen=True)
class WorldSpec:
    """One world and the SAEs trained on it.

    Attributes:
        n_features, d_in: true features, dimensions.
        narrow: latents of the narrow SAE; widths: prefix widths of the Matryoshka references.
        n_steps: training steps of each SAE.
    """

    family: Family
    seed: int
    n_features: int
    d_in: int
    narrow: int
    widths: tuple[int, ...]
    n_steps: int = 2000

    @property
    def name(self) -> str:
        """For people, and unique in a set."""
        return f"{self.family} {self.seed}"


@dataclass
class _Structure:
    """What fires with what: probabilities, copula correlations, and trees as SAELens' nodes take them."""

    probability: NDArray[np.float64]
    correlations: dict[tuple[int, int], float] = field(default_factory=dict)
    trees: list[dict[str, Any]] = field(default_factory=list)


class World:
    """A world that can be sampled.

    Attributes:
        features: `[n_features, d_in]` unit directions, float32.
    """

    def __init__(self, spec: WorldSpec) -> None:
        from sae_lens.synthetic import FeatureDictionary, orthogonal_initializer

        rng = np.random.default_rng(spec.seed)
        self.spec = spec
        dictionary = FeatureDictionary(spec.n_features, spec.d_in, initializer=orthogonal_initializer(), seed=spec.seed)
        directions = dictionary.feature_vectors.detach()
        self.features: NDArray[np.float32] = (directions / directions.norm(dim=1, keepdim=True)).numpy()
        self._generator = _generator(_structure(spec, rng), rng)

    def sample(self, n_tokens: int, seed: int) -> torch.Tensor:
        """`[n_tokens, n_features]` activations of the true features."""
        torch.manual_seed(seed)
        parts = [self._generator.sample(min(8192, n_tokens - start)) for start in range(0, n_tokens, 8192)]
        return torch.cat(parts)


def _generator(structure: _Structure, rng: np.random.Generator) -> Any:
    from sae_lens.synthetic import ActivationGenerator, HierarchyNode, hierarchy_modifier
    from sae_lens.synthetic.correlation import create_correlation_matrix_from_correlations

    n = len(structure.probability)
    mean = torch.tensor(rng.uniform(0.8, 1.5, n), dtype=torch.float32)
    nodes = [HierarchyNode.from_dict(tree) for tree in structure.trees]
    return ActivationGenerator(
        n,
        torch.tensor(structure.probability, dtype=torch.float32),
        mean_firing_magnitudes=mean,
        std_firing_magnitudes=0.15 * mean,
        correlation_matrix=create_correlation_matrix_from_correlations(n, structure.correlations)
        if structure.correlations
        else None,
        modify_activations=hierarchy_modifier(nodes) if nodes else None,
    )


def _structure(spec: WorldSpec, rng: np.random.Generator) -> _Structure:
    n = spec.n_features
    # Zipf with exponent 0.7, from 0.3 down to 0.01 at least.
    structure = _Structure(np.maximum(0.3 * np.arange(1, n + 1) ** -0.7, 0.01))
    every = np.arange(n)
    if spec.family in ("correlated", "superposed", "lacking"):
        _correlate(structure, every, rng)
    elif spec.family == "anti-correlated":
        _exclude(structure, n, rng)
    elif spec.family == "hierarchical":
        _grow(structure, every, rng)
    elif spec.family == "mixed":
        _correlate(structure, every[1::3], rng)
        _grow(structure, every[2::3], rng)
    return structure


def _followers(features: NDArray[np.int64], rng: np.random.Generator) -> dict[int, list[int]]:
    """The more frequent third of some features, each with its share of the others."""
    third = len(features) // 3
    heads = [int(head) for head in features[:third]]
    groups: dict[int, list[int]] = {head: [] for head in heads}
    for place, other in enumerate(rng.permutation(features[third:])):
        groups[heads[place % third]].append(int(other))
    return groups


def _correlate(structure: _Structure, features: NDArray[np.int64], rng: np.random.Generator) -> None:
    for head, others in _followers(features, rng).items():
        for other in others:
            structure.correlations[min(head, other), max(head, other)] = float(rng.uniform(*CORRELATION))


def _grow(structure: _Structure, features: NDArray[np.int64], rng: np.random.Generator) -> None:
    for parent, children in _followers(features, rng).items():
        structure.probability[children] = rng.uniform(*CHILD, len(children))
        structure.trees.append(_tree(parent, children, exclusive=bool(rng.random() < 0.4)))


def _exclude(structure: _Structure, n: int, rng: np.random.Generator) -> None:
    half = n // 2
    structure.probability[:half] = rng.uniform(0.1, 0.4, half)
    structure.probability[half:] = np.linspace(0.15, 0.03, n - half)
    order = rng.permutation(half)
    for start in range(0, half, GROUP):
        structure.trees.append(_tree(None, order[start : start + GROUP].tolist(), exclusive=True))


def _tree(parent: int | None, children: Sequence[int], *, exclusive: bool) -> dict[str, Any]:
    return {
        "feature_index": parent,
        "children": [{"feature_index": child} for child in children],
        "mutually_exclusive_children": exclusive,
    }
