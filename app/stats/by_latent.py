"""A shard seen from its latents: which tokens a latent fires on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.sparse.csr import SparseActs
from app.sparse.latent_major import LatentMajor

__all__ = ["LatentMajor", "by_latent", "expand"]


def by_latent(acts: SparseActs) -> LatentMajor:
    """A shard's entries sorted by latent, then token; sorted once, however many statistics ask."""
    return acts.by_latent


def expand(starts: NDArray[np.int64], stops: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Write out ranges of indices one after the other.

    Args:
        starts, stops: `[n]`, stop not below start.

    Returns:
        (`[total]` which range, `[total]` index in it).
    """
    length = stops - starts
    owner = np.repeat(np.arange(len(starts)), length)
    before = np.cumsum(length) - length
    return owner, np.arange(len(owner)) + (starts - before)[owner]
