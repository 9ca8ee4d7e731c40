"""What the page of a partner pair shows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from app.pipeline.show.activations import ShownActivations
from app.pipeline.show.rounding import shown_activations
from app.records import PairContext, PairDetail
from app.stats.partner_counts import PartnerCounts


def pair_details(counts: PartnerCounts, shown: ShownActivations) -> Iterator[PairDetail]:
    """What each partner pair's page shows."""
    pairs, found = counts.pairs, counts.pair_rows
    bounds = np.searchsorted(found.pair, np.arange(len(pairs) + 1)).tolist()
    for pair in range(len(pairs)):
        i, j = int(pairs.narrow[pair]), int(pairs.reference[pair])
        entries = slice(bounds[pair], bounds[pair + 1])
        contexts = zip(
            found.row[entries].tolist(),
            found.position[entries].tolist(),
            shown.pair_start[entries].tolist(),
            shown_activations(shown.pairs.narrow, entries),
            shown_activations(shown.pairs.reference, entries),
            strict=True,
        )
        yield PairDetail(
            narrow_index=i,
            reference_index=j,
            narrow_edges=tuple(counts.edges.narrow[i].tolist()),
            reference_edges=tuple(counts.edges.reference[j].tolist()),
            joint_counts=tuple(tuple(line) for line in counts.joint[pair].tolist()),
            contexts=tuple(PairContext(*context) for context in contexts),
        )
