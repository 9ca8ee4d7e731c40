"""A parent and a child between two Matryoshka levels of one SAE."""

from __future__ import annotations

from dataclasses import dataclass

from app.records.sides import Side


@dataclass(frozen=True)
class LevelLink:
    """A latent of an inner level that fires where a latent of an outer level does, in a similar direction.

    Attributes:
        sae: whose latents both are.
        child: index of the outer latent.
        parent: index of the inner latent.
        rank: 0 for the child's first parent.
        child_level, parent_level: Matryoshka levels, the parent's smaller.
        n_both: tokens on which both fire.
        n_child, n_parent: on which each fires.
        p_parent_given_child: share of the child's tokens on which the parent fires.
        p_child_given_parent: share of the parent's tokens on which the child fires: what this child explains of it.
        decoder_cosine: of the two decoder rows.
        explained: share of the parent's tokens on which at least one of its children fires.
    """

    sae: Side
    child: int
    parent: int
    rank: int
    child_level: int
    parent_level: int
    n_both: int
    n_child: int
    n_parent: int
    p_parent_given_child: float
    p_child_given_parent: float
    decoder_cosine: float
    explained: float
