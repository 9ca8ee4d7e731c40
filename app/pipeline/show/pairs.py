"""What the page of a partner pair shows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from app.arrays import Int64s
from app.pipeline.show.activations import ShownActivations
from app.pipeline.show.rounding import shown_activations
from app.records import PairContext, PairDetail
from app.stats.partner_counts import PartnerCounts

PAIRS_AT_ONCE = 256


def pair_details(counts: PartnerCounts, shown: ShownActivations) -> Iterator[PairDetail]:
    """What each partner pair's page shows."""
    for start in range(0, len(counts.pairs), PAIRS_AT_ONCE):
        yield from _some(counts, shown, np.arange(start, min(start + PAIRS_AT_ONCE, len(counts.pairs))))


def _some(counts: PartnerCounts, shown: ShownActivations, pairs: Int64s) -> Iterator[PairDetail]:
    """The details of consecutive pairs."""
    narrow, reference = counts.pairs.narrow[pairs], counts.pairs.reference[pairs]
    bounds = np.searchsorted(counts.pair_rows.pair, [*pairs, pairs[-1] + 1])
    contexts = _contexts(counts, shown, slice(bounds[0], bounds[-1]))
    details = zip(
        narrow.tolist(),
        reference.tolist(),
        counts.edges.narrow[narrow].tolist(),
        counts.edges.reference[reference].tolist(),
        counts.joint[pairs].tolist(),
        pairwise((bounds - bounds[0]).tolist()),
        strict=True,
    )
    for i, j, narrow_edges, reference_edges, joint, (first, last) in details:
        yield PairDetail(
            narrow_index=i,
            reference_index=j,
            narrow_edges=tuple(narrow_edges),
            reference_edges=tuple(reference_edges),
            joint_counts=tuple(map(tuple, joint)),
            contexts=tuple(contexts[first:last]),
        )


def _contexts(counts: PartnerCounts, shown: ShownActivations, entries: slice) -> list[PairContext]:
    found = counts.pair_rows
    columns = zip(
        found.row[entries].tolist(),
        found.position[entries].tolist(),
        shown.pair_start[entries].tolist(),
        shown_activations(shown.pairs.narrow, entries),
        shown_activations(shown.pairs.reference, entries),
        strict=True,
    )
    return [PairContext(*values) for values in columns]
