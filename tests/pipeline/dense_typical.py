"""The typical hedging of one latent, from activations and weights alone: the second implementation of it.

Loops over tokens and points, and a full eigendecomposition; no code of the program is used here.
"""

from __future__ import annotations

import math
from statistics import median

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Point = list[float]

MOST_TOKENS, MOST_STARTS, FEWEST, FEWEST_IN_PART = 1200, 300, 30, 7
RELATIVE_WIDTH, STEPS = 0.15, 30


def typical(inputs: Floats, acts: Floats, unit: Floats, i: int, row: NDArray[np.int64]) -> float | None:
    """`1 - cos²` of latent i's decoder row and of the input on its typical token; None where it fires too rarely.

    Args:
        inputs: `[n_tokens, d_in]`; acts: `[n_tokens, d_sae]`; unit: `[d_sae, d_in]`.
        row: `[n_tokens]` row of text of each token.
    """
    return with_groups_left_out(inputs, acts, unit, i, row)[0]


def with_groups_left_out(
    inputs: Floats, acts: Floats, unit: Floats, i: int, row: NDArray[np.int64]
) -> list[float | None]:
    """The same from all tokens, then without the rows of each of the four groups."""
    firing = sorted(np.flatnonzero(acts[:, i] > 0).tolist(), key=lambda token: (row[token] % 4, token))
    if len(firing) < FEWEST:
        return [None] * 5
    tokens = spread_evenly(firing)
    points = places(inputs, acts, unit, i, tokens)
    groups = [int(row[token] % 4) for token in tokens]
    found: list[float | None] = []
    for first, second in (((0, 1), (2, 3)), ((1,), (2, 3)), ((0,), (2, 3)), ((0, 1), (3,)), ((0, 1), (2,))):
        halves = [[p for p, g in zip(points, groups, strict=True) if g in half] for half in (first, second)]
        if min(map(len, halves)) < FEWEST_IN_PART:
            found.append(None)
            continue
        one, other = map(densest_place, halves)
        squared = max(0.0, sum(a * b for a, b in zip(one, other, strict=True)))
        found.append(squared / (1 + squared))
    return found


def spread_evenly(tokens: list[int]) -> list[int]:
    """At most so many of them, the first and the last among these."""
    n, kept = len(tokens), min(len(tokens), MOST_TOKENS)
    return [tokens[k * (n - 1) // (kept - 1)] for k in range(kept)]


def places(inputs: Floats, acts: Floats, unit: Floats, i: int, tokens: list[int]) -> list[Point]:
    """Where each token lies, per activation, in two directions at right angles to the decoder row."""
    residual = inputs.copy()
    for code, direction in zip(acts.T, unit, strict=True):
        residual -= np.outer(code, direction)
    residual -= residual.mean(axis=0)
    beside = complement(unit[i])
    here = [beside.T @ residual[token] for token in tokens]
    then = sum(np.outer(r, r) for r in here) / len(here)
    always = sum(np.outer(r, r) for r in residual @ beside) / len(residual)
    _, vectors = np.linalg.eigh(then - always)
    axes = vectors[:, ::-1][:, :2]
    return [[float(c) / float(acts[token, i]) for c in axes.T @ r] for r, token in zip(here, tokens, strict=True)]


def complement(direction: Floats) -> Floats:
    """`[d_in, d_in - 1]` orthonormal basis of what is at right angles to a direction."""
    return np.linalg.svd(direction[None])[2][1:].T


def densest_place(points: list[Point]) -> Point:
    """Mean shift with a Gaussian kernel, from the point in whose neighbourhood most others are."""
    middle = [median(values) for values in zip(*points, strict=True)]
    width = RELATIVE_WIDTH * max(median(math.dist(p, middle) for p in points), 1e-6)

    def near(p: Point, q: Point) -> float:
        return math.exp(-(math.dist(p, q) ** 2) / (2 * width**2))

    starts = points[:: max(1, len(points) // MOST_STARTS)]
    place = max(starts, key=lambda p: sum(near(p, q) for q in starts))
    for _ in range(STEPS):
        weights = [near(place, q) for q in points]
        moved = [
            sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)
            for values in zip(*points, strict=True)
        ]
        if max((abs(a - b) for a, b in zip(moved, place, strict=True)), default=0.0) < 1e-4 * width:
            break
        place = moved
    return place
