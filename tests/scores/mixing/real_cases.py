"""Narrow SAEs with known truth on the tokens of a sample, made of the latents of its reference."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from app.lab.grafts import Grafts, choose_copies, make_grafts
from app.records import BySide
from app.scores.mixing.mixing import mixing
from app.scores.mixing.results import Mixing
from app.stats.input_sample import Sample


@dataclass(frozen=True)
class ScoredGrafts:
    """Grafts and their scores."""

    made: Grafts
    found: Mixing

    def named(self, i: int) -> set[int]:
        """The named partners of a graft."""
        partners = self.found.partners
        return set(partners.reference[partners.narrow == i].tolist())


def copies(sample: Sample, n: int, seed: int) -> tuple[Sample, NDArray[np.int64]]:
    """(the tokens with n reference latents as the narrow SAE, which)."""
    chosen = choose_copies(sample.reference, n, seed)
    return replace_narrow(sample, sample.reference[:, chosen]), chosen


def replace_narrow(sample: Sample, narrow: sp.csc_array) -> Sample:
    """The same tokens with another narrow SAE."""
    return replace(sample, narrow=narrow)


def score_grafts(
    sample: Sample, rows: NDArray[np.float32], n: int, seed: int, *, with_encoder: bool = False
) -> ScoredGrafts:
    """Make grafts and score them.

    Args:
        rows: `[m, d]` unit rows of the reference.
        with_encoder: whether a latent fires on what is added to it, too.
    """
    made = make_grafts(sample.reference, rows, n, seed)
    acts = sample.reference[:, made.chosen].tolil()
    if with_encoder:
        for k in np.flatnonzero(made.each > 0):
            more = sp.csc_array(sample.reference[:, made.partners[k]].sum(axis=1)[:, None])
            acts[:, [k]] = sample.reference[:, [made.chosen[k]]] + made.each[k] * more
    return ScoredGrafts(made, scored(replace_narrow(sample, acts.tocsc()), made.rows, rows))


def scored(sample: Sample, narrow: NDArray[np.float32], reference: NDArray[np.float32]) -> Mixing:
    """The score; reference latents that fire are counted."""
    return mixing(sample, BySide(narrow, reference), np.diff(sample.reference.indptr) > 0)
