"""Parents and children between levels, against every pair counted one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp

from app.scores import level_tree
from app.scores.level_tree import level_pairs


def oracle(fires: np.ndarray, decoder: np.ndarray, level: np.ndarray) -> set[tuple[int, int, int, int]]:
    """(child, parent, rank, tokens) of every link, from the definition."""
    found = set()
    for child in range(fires.shape[1]):
        own = fires[:, child]
        candidates = []
        for parent in range(fires.shape[1]):
            both = int((own & fires[:, parent]).sum())
            if level[parent] >= level[child] or own.sum() < level_tree.LEAST_FIRINGS or not both:
                continue
            share = both / own.sum()
            cosine = float(decoder[child].astype(np.float64) @ decoder[parent].astype(np.float64))
            is_lifted = share >= level_tree.LEAST_LIFT * fires[:, parent].mean()
            if (
                share >= level_tree.LEAST_SHARE
                and is_lifted
                and cosine >= level_tree.LEAST_SDS / math.sqrt(decoder.shape[1])
            ):
                candidates.append((-share, -cosine, parent, both))
        for rank, (_, _, parent, both) in enumerate(sorted(candidates)[: level_tree.MOST_PARENTS]):
            found.add((child, parent, rank, both))
    return found


def world(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Firings `[500, 30]`, decoder rows and levels, in which outer latents fire mostly within some inner ones."""
    rng = np.random.default_rng(seed)
    level = np.repeat([0, 1, 2], [6, 8, 16])
    fires = rng.random((500, 30)) < 0.2
    decoder = rng.normal(size=(30, 64))
    for child in range(6, 30):
        inner = np.flatnonzero(level < level[child])
        for parent in rng.choice(inner, size=2 if child % 5 == 0 else 1, replace=False):
            fires[:, child] &= fires[:, parent] | (rng.random(500) < 0.1)
            decoder[child] += decoder[parent]
    fires[:, 29] = False
    fires[:3, 28] = True
    return fires, (decoder / np.linalg.norm(decoder, axis=1)[:, None]).astype(np.float32), level


def test_equals_the_definition() -> None:
    n_links = 0
    for seed in range(12):
        fires, decoder, level = world(seed)
        n_inner = int((level < 2).sum())
        n_both = sp.csr_array(fires.T.astype(np.int64) @ fires[:, :n_inner].astype(np.int64))
        found = level_pairs(n_both, fires.sum(0), len(fires), decoder, level)
        links = set(zip(*(x.tolist() for x in (found.child, found.parent, found.rank, found.n_both)), strict=True))
        assert links == oracle(fires, decoder, level)
        expected = np.einsum("nd,nd->n", decoder[found.child], decoder[found.parent], dtype=np.float64)
        np.testing.assert_array_equal(found.cosine, expected)
        n_links += len(links)
    assert n_links > 50


def test_a_child_has_a_few_parents_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six equal parents: the first four, in the order of their direction."""
    decoder = np.zeros((7, 2), dtype=np.float32)
    for parent in range(6):
        angle = 0.1 * (6 - parent)
        decoder[parent] = math.cos(angle), math.sin(angle)
    decoder[6] = 1, 0
    level = np.array([0] * 6 + [1])
    n_firings = np.full(7, 20)
    n_both = sp.csr_array(np.vstack([np.zeros((6, 6), dtype=np.int64), np.full((1, 6), 20)]))
    monkeypatch.setattr(level_tree, "LEAST_SDS", 0.5)
    found = level_pairs(n_both, n_firings, 1000, decoder, level)
    assert found.parent.tolist() == [5, 4, 3, 2]
    assert found.rank.tolist() == [0, 1, 2, 3]


def test_an_sae_without_links_has_none() -> None:
    empty = sp.csr_array((4, 2), dtype=np.int64)
    found = level_pairs(empty, np.zeros(4, dtype=np.int64), 10, np.eye(4, dtype=np.float32), np.array([0, 0, 1, 1]))
    assert [len(x) for x in (found.child, found.parent, found.rank, found.n_both, found.cosine)] == [0] * 5
