"""Which toys there are, and what each one shows."""

from __future__ import annotations

from app.lab.toy_worlds import ToyWorld, best_single_latent, family_world, pair_world
from app.lab.toys import Toy

P1, P2 = 0.3, 0.2
"""Firing probabilities of two features."""

CHILD = 0.2
"""Probability of a child where its parent fires."""

CORRELATION = 0.5
ANTI_CORRELATION = -0.3
"""Features that fire with probability 0.3 and 0.2 can't be more opposed than -0.33."""

PARENT = 0.5
"""Firing probability of the parent of three children."""

SCARCE = 0.8
"""Of the active latents that the four features would need: scarcity is what absorption saves on."""

BALANCE = 0.25
"""Weight of the inner level's loss in the balanced SAE: two levels need more of it than four do."""

PAIR = ("feature 1", "feature 2")
FAMILY = ("parent", "child")
FAMILY_OF_FOUR = ("parent", "child 1", "child 2", "child 3")


def _one(name: str, title: str, text: str, world: ToyWorld, features: tuple[str, ...] = PAIR) -> Toy:
    """One latent for two features; it may fire as often as the first of them does."""
    best = best_single_latent(world, world.patterns[:, 0] == 1)
    return Toy(
        name,
        title,
        text,
        world,
        features,
        d_sae=1,
        k=P1,
        expected=(tuple(best.decoder.tolist()),),
        expected_b_dec=tuple(best.b_dec.tolist()),
    )


def _two(name: str, title: str, text: str, world: ToyWorld, features: tuple[str, ...] = PAIR) -> Toy:
    """A latent for each feature: nothing is left out, so nothing is mixed."""
    expected = ((1.0, 0.0), (0.0, 1.0))
    k = float(world.firing.sum())
    return Toy(name, title, text, world, features, d_sae=2, k=k, expected=expected, expected_b_dec=(0.0, 0.0))


def _four(name: str, title: str, text: str, inner: float | None) -> Toy:
    """Four latents for a parent and three children.

    Args:
        inner: weight of the loss of the inner level, which holds one latent; None for a plain SAE.
    """
    world = family_world(PARENT, (CHILD,) * 3)
    best = best_single_latent(world, world.patterns[:, 0] == 1)
    return Toy(
        name,
        title,
        text,
        world,
        FAMILY_OF_FOUR,
        d_sae=4,
        k=SCARCE * float(world.firing.sum()),
        widths=() if inner is None else (1, 4),
        multipliers=() if inner is None else (inner, 1.0),
        expected=() if inner is None else (tuple(best.decoder.tolist()),),
    )


TOYS: tuple[Toy, ...] = (
    _one(
        "one-independent",
        "One latent, independent features",
        "Nothing to hedge: the latent is feature 1 alone, and the decoder bias holds the mean of feature 2.",
        pair_world(P1, P2),
    ),
    _one(
        "one-child",
        "One latent, a parent and its child",
        "The child fires with probability 0.2 where the parent fires, and never elsewhere, so it is mixed in.",
        family_world(P1, (CHILD,)),
        FAMILY,
    ),
    _one(
        "one-correlated",
        "One latent, positively correlated features",
        "Feature 2 is mixed in with a positive sign.",
        pair_world(P1, P2, CORRELATION),
    ),
    _one(
        "one-anti-correlated",
        "One latent, anti-correlated features",
        "Feature 2 is mixed in with a negative sign.",
        pair_world(P1, P2, ANTI_CORRELATION),
    ),
    _two(
        "two-child",
        "Two latents, a parent and its child",
        "With a latent for each feature, nothing is mixed in.",
        family_world(P1, (CHILD,)),
        FAMILY,
    ),
    _two(
        "two-correlated",
        "Two latents, positively correlated features",
        "Correlation alone doesn't harm an SAE that is wide enough.",
        pair_world(P1, P2, CORRELATION),
    ),
    _two(
        "two-anti-correlated",
        "Two latents, anti-correlated features",
        "Nor does anti-correlation.",
        pair_world(P1, P2, ANTI_CORRELATION),
    ),
    _four(
        "four-plain",
        "Four latents, a parent and three children, plain SAE",
        "Absorption: the parent's encoder turns away from the children, which carry part of the parent instead. "
        "Its decoder stays clean.",
        inner=None,
    ),
    _four(
        "four-matryoshka",
        "The same, Matryoshka SAE",
        "Hedging: the one latent of the inner level is a narrow SAE and mixes the children in; the theory for a "
        "single latent applies.",
        inner=1.0,
    ),
    _four(
        "four-balanced",
        "The same, balanced Matryoshka SAE",
        "With the inner level's loss weighted by 0.25, the inner latent's encoder lies between those of the other two.",
        inner=BALANCE,
    ),
)
