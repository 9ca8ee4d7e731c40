"""The two SAEs of an intervention, and which latents of the reference are added to the narrow one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from app.activations.hook_names import spelling
from app.arrays import Flags, Float32s, Float64s, Int64s
from app.errors import SaeError
from app.pipeline.register import open_recorded
from app.records import Candidate, ComparisonSummary, Side, SideSummary
from app.records.pair import PartnerDiagnosis
from app.sae.load import LoadedSae, prefix
from app.scores.release import choose_candidates
from app.store.read import columns, partners_among
from app.training.intervention import check_addable
from app.training.start import Start, start_of

TWIN = 0.7
"""A reference latent whose decoder row is this close to a narrow one has a latent of its own already."""

MOST_ADDED = 128
"""Latents that a run adds where nobody says how many, if there are twice as many candidates."""

LATENTS_AT_ONCE = 2000
"""Narrow latents whose partners are read in one transaction; also rows of a product of decoders."""


@dataclass(frozen=True)
class Subjects:
    """The comparison's two SAEs and what it predicts.

    Attributes:
        comparison: that it is about.
        start: the narrow SAE, ready to be trained on.
        reference: whose latents are added.
        alive: `[n]` narrow latents that fire on the comparison's text.
        candidates: `[m]` reference latents, ascending, and as records in `described`.
        mass: `[n, m]` predicted mass.
    """

    comparison: ComparisonSummary
    start: Start
    reference: LoadedSae
    alive: Flags
    candidates: Int64s
    described: tuple[Candidate, ...]
    mass: Float64s

    @property
    def directions(self) -> Float32s:
        """`[m, d_in]` unit decoder rows of the candidates."""
        rows: Float32s = self.reference.unit_decoder[self.candidates]
        return rows


def open_subjects(engine: sa.Engine, comparison: ComparisonSummary, *, n_add: int | None) -> Subjects:
    """The SAEs of a comparison, and the candidates: twice as many as a run adds.

    Args:
        n_add: latents that a run adds; as many as there are up to `MOST_ADDED`, if None.

    Raises:
        SaeError: an SAE can't be loaded, trained on or copied from, or no latents are left to add.
    """
    narrow, reference = (_open(engine, side) for side in (comparison.narrow, comparison.reference))
    _check_fit(narrow, reference)
    # A prefix has no k of its own: what fires in it on the comparison's text stands for it.
    is_prefix = narrow.d_sae < narrow.whole_levels[-1]
    start = start_of(narrow, comparison.narrow.sae.name, k=comparison.narrow.l0 if is_prefix else None)
    check_addable(reference)
    narrow_firings, _ = _firings(engine, comparison.slug, "narrow", narrow.d_sae)
    firings, density = _firings(engine, comparison.slug, "reference", reference.d_sae)
    alive = narrow_firings > 0
    best = _best_cosines(narrow.unit_decoder[alive], reference.unit_decoder)
    rows, places, values = _masses(engine, comparison)
    total = np.bincount(places, weights=values, minlength=reference.d_sae).astype(np.float64)
    chosen = choose_candidates(total, firings, best, n=2 * (n_add or MOST_ADDED), twin=TWIN)
    _check_enough(comparison, chosen, n_add, n_alive=int((firings > 0).sum()))
    mass = np.zeros((narrow.d_sae, len(chosen)))
    kept = np.isin(places, chosen)
    mass[rows[kept], np.searchsorted(chosen, places[kept])] = values[kept]
    described = tuple(Candidate(int(j), float(total[j]), float(density[j]), float(best[j])) for j in chosen)
    return Subjects(comparison, start, reference, alive, chosen, described, mass)


def _open(engine: sa.Engine, side: SideSummary) -> LoadedSae:
    whole = open_recorded(engine, side.sae)
    return whole if side.sae.d_sae == whole.d_sae else prefix(whole, side.sae.d_sae)


def _check_fit(narrow: LoadedSae, reference: LoadedSae) -> None:
    """Refuse a reference that reads other activations than the narrow SAE: its latents can't be added to it."""
    first, second = narrow.record, reference.record
    if first.d_in != second.d_in:
        raise SaeError(f"{second.name} reads activations of width {second.d_in}, {first.name} of {first.d_in}")
    hooks = [None if record.hook_name is None else spelling(record.hook_name) for record in (first, second)]
    if None not in hooks and hooks[0] != hooks[1]:
        raise SaeError(
            f"{second.name} reads {second.hook_name} and {first.name} reads {first.hook_name}: latents of the one "
            "can't be added to the other; expected SAEs of one hook"
        )


def _firings(engine: sa.Engine, slug: str, side: Side, n: int) -> tuple[Int64s, Float64s]:
    """`[n]` tokens on which each latent fires, and their share; 0 for one that the comparison leaves out."""
    stored = columns(engine, slug, side, ["index", "n_firings", "density"])
    firings, density = np.zeros(n, dtype=np.int64), np.zeros(n)
    firings[stored["index"]], density[stored["index"]] = stored["n_firings"], stored["density"]
    return firings, density


def _best_cosines(narrow: Float32s, reference: Float32s) -> Float64s:
    """`[d_sae]` of the reference: largest cosine with any of some narrow rows; a block of rows at a time."""
    best = np.full(len(reference), -1.0)
    for begin in range(0, len(narrow), LATENTS_AT_ONCE):
        np.maximum(best, (narrow[begin : begin + LATENTS_AT_ONCE] @ reference.T).max(axis=0), out=best)
    return best


def _masses(engine: sa.Engine, comparison: ComparisonSummary) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """(narrow latent, reference latent, predicted mass) of all stored partners that have some."""
    n = comparison.narrow.sae.d_sae
    found = [
        (partner.narrow_index, partner.index, mass)
        for begin in range(0, n, LATENTS_AT_ONCE)
        for partner in partners_among(
            engine, comparison.slug, "narrow", range(begin, min(begin + LATENTS_AT_ONCE, n)), get_args(PartnerDiagnosis)
        )
        if (mass := partner.predicted_mass) > 0
    ]
    rows, places, values = zip(*found, strict=True) if found else ((), (), ())
    return np.array(rows, dtype=np.int64), np.array(places, dtype=np.int64), np.array(values, dtype=np.float64)


def _check_enough(comparison: ComparisonSummary, chosen: Int64s, n_add: int | None, *, n_alive: int) -> None:
    if len(chosen) >= 2 * (n_add or 1):
        return
    raise SaeError(
        f"{comparison.slug}: {len(chosen)} of the {n_alive} reference latents that fire have no near twin in the "
        f"narrow SAE (decoder cosine of {TWIN} or more); expected at least {2 * (n_add or 1)}, half of them to add and "
        "half to leave out"
    )
