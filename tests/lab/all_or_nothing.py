"""The closed form for latents that fire with one value: what trained toys are held against."""

from __future__ import annotations

import numpy as np

from app.arrays import Float64s
from app.lab.toy_worlds import ToyWorld, mean


def all_or_nothing(world: ToyWorld, feature: int = 0) -> Float64s:
    """`[n_features]` unit decoder of a latent that fires with one value exactly where a feature does.

    Least squares then gives it each other feature j with the weight P(j | feature) − P(j | not
    feature): 0 for independent features, the child's probability for a parent, negative for
    features that exclude each other.
    """
    on = world.patterns[:, feature] == 1
    given, otherwise = (
        mean(world.patterns[part], world.probabilities[part] / world.probabilities[part].sum()) for part in (on, ~on)
    )
    weights: Float64s = (given - otherwise) / np.linalg.norm(given - otherwise)
    return weights
