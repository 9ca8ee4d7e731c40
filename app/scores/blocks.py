"""Narrow latents in blocks, where a table of all of them with all reference latents would be too large."""

from __future__ import annotations

from collections.abc import Iterator

LATENTS_PER_BLOCK = 64
"""64 × 65,536 float64 numbers are 34 MB."""


def blocks(n_latents: int) -> Iterator[slice]:
    """All latents, a block at a time."""
    for start in range(0, n_latents, LATENTS_PER_BLOCK):
        yield slice(start, min(start + LATENTS_PER_BLOCK, n_latents))
