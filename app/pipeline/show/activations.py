"""The third pass over the shards: activations on all stretches of text that pages show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from app.activations.batch import TokenRows
from app.arrays import Int64s
from app.executor.local import LocalExecutor
from app.parallel import together
from app.pipeline.passes import AddActs
from app.pipeline.results import Results
from app.pipeline.show.cells import CellGather, CellTable
from app.pipeline.show.contexts import ContextTable, context_stretches
from app.pipeline.show.windows import windows
from app.progress import Progress
from app.records import BySide, Side, other_side
from app.sparse.csr import SparseActs
from app.sparse.read import ShardReader
from app.stats.stretches import ActivationGather, SparseGather, StretchActivations, Stretches


@dataclass(frozen=True)
class ShownActivations:
    """Results of the third pass.

    Attributes:
        contexts: of both SAEs' latents.
        cells: of narrow latents and their partners.
        pair_start: `[n]` first place of each context of a pair in its row; pairs: activations there.
    """

    contexts: BySide[ContextTable]
    cells: CellTable
    pair_start: Int64s
    pairs: BySide[StretchActivations]


@dataclass(frozen=True)
class Lookups:
    """Several lookups that are done shard by shard, each by the side whose activations it looks up."""

    each: Sequence[BySide[ActivationGather] | BySide[SparseGather]]

    def update(self, acts: BySide[SparseActs]) -> None:
        """Look up in a shard."""
        together(*(partial(one[side].update, own) for one in self.each for side, own in acts.items()))


def read_activations(reader: ShardReader, rows: TokenRows, results: Results, progress: Progress) -> ShownActivations:
    """Third pass.

    Args:
        rows: all rows of the text.
    """
    n_latents, counts = reader.shape.n_latents, results.scored.counts
    found, main_partners = counts.pair_rows, results.scored.scores.partners.main_partners(n_latents.reference)
    stretches = BySide.of(lambda side: context_stretches(rows, counts.contexts[side], main_partners[side]))
    start, stop = windows(rows, found.row, found.position)
    latents = BySide(counts.pairs.narrow, counts.pairs.reference)
    own = BySide.of(lambda side: ActivationGather(stretches[side].own, n_latents[side]))
    partner = BySide.of(lambda side: ActivationGather(stretches[side].partner, n_latents[other_side(side)]))
    pairs = BySide.of(
        lambda side: ActivationGather(Stretches(latents[side][found.pair], found.row, start, stop), n_latents[side])
    )
    advance = progress("activations in context", reader.shape.n_tokens, "tokens")
    # Each by the side whose activations it looks up.
    cells = CellGather(rows, counts.cells, stretches.narrow.own, reader.shape)
    lookups = Lookups((own, partner.swapped(), pairs, cells.lookups))
    LocalExecutor().fold(lookups, AddActs(reader), reader.shards, progress=advance)

    def table(side: Side) -> ContextTable:
        return ContextTable(counts.contexts[side], stretches[side], own[side].finalize(), partner[side].finalize())

    return ShownActivations(BySide.of(table), cells.finalize(), start, pairs.map(ActivationGather.finalize))
