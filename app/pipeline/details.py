"""What the pages of latents and pairs show: contexts, joint histograms, profiles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from app.activations.batch import TokenRows
from app.activations.show_tokens import UNKNOWN_TOKEN, TokenShower
from app.pipeline.parallel import BoundedQueue, together
from app.pipeline.passes import ChosenContexts, ShardReader, Statistics, band_contexts, chosen_contexts
from app.pipeline.progress import Progress
from app.pipeline.score import Geometry, Padded, moments_of
from app.pipeline.windows import windows
from app.records import (
    Context,
    LatentDetail,
    LatentScores,
    LogitWeights,
    Neighbour,
    PairContext,
    PairDetail,
    PairProfile,
    Side,
)
from app.sae.load import LoadedSae
from app.scores.geometry import Nearest, cosines_of_pairs
from app.scores.hedging import PartnerMoments
from app.stats.gather import ActivationGather, StretchActivations, Stretches
from app.stats.histograms import HistogramTable
from app.stats.moments import ListGrams
from app.stats.pairs import JointHistogram, LatentPairs, PairContexts, PairRows, PairSums, joint_firings

N_JOINT_BINS = 8
MAX_PROFILE = 8192
"""Reference latents a profile lists at most: all of them up to this width, else the most co-firing."""

N_MOST = 1024
"""Reference latents listed for firing together most often, where not all are."""

LATENTS_PER_BLOCK = 64
"""Narrow latents whose profiles are made at once: 64 × 65,536 counts are 34 MB."""

POWERS_OF_TEN = np.array([float(f"1e{power}") for power in range(23)])
LABEL_TOKENS = 4
WHITE_SPACE = {"\n": "↵", "\t": "⇥", " ": "␣"}


@dataclass(frozen=True)
class Shown:
    """Results of the second and third pass.

    Attributes:
        moments: of the partners.
        contexts: of (narrow, reference) latents.
        pairs: all partner pairs, by narrow latent; joint: `[n_pairs, bins, bins]`; pair_rows: their contexts.
    """

    moments: PartnerMoments
    contexts: tuple[ChosenContexts, ChosenContexts]
    pairs: LatentPairs
    joint: NDArray[np.int64]
    edges: tuple[NDArray[np.float64], NDArray[np.float64]]
    pair_rows: PairRows


def second_pass(
    reader: ShardReader,
    statistics: Statistics,
    lists: Padded,
    narrow: LoadedSae,
    reference: LoadedSae,
    progress: Progress,
) -> Shown:
    """Moments and joint firings of the partner pairs, and contexts of every strength."""
    grams = ListGrams(lists.partners, lists.valid, reference.d_sae)
    bands = band_contexts(statistics.narrow), band_contexts(statistics.reference)
    pairs = LatentPairs(np.nonzero(lists.valid)[0], lists.partners[lists.valid])
    edges = (
        statistics.narrow.histograms.bands(N_JOINT_BINS),
        statistics.reference.histograms.bands(N_JOINT_BINS),
    )
    sums, joint = PairSums(pairs), JointHistogram(pairs, *edges)
    most = PairContexts(pairs, statistics.narrow.firing.max_activation, statistics.reference.firing.max_activation)

    # The products are made of many shards at a time: they would hold up each shard in which that happens.
    with BoundedQueue() as line:
        for shard in reader.read(progress, "partners and contexts"):
            line.put(partial(grams.update, shard.reference))
            both, *_ = together(
                partial(joint_firings, shard.narrow, shard.reference, pairs),
                partial(bands[0].update, shard.narrow),
                partial(bands[1].update, shard.reference),
            )
            together(
                partial(joint.update, shard.narrow, shard.reference, both),
                partial(most.update, shard.narrow, shard.reference, both),
                partial(sums.update, both),
            )
    contexts = (
        chosen_contexts(statistics.narrow.top, bands[0].finalize()),
        chosen_contexts(statistics.reference.top, bands[1].finalize()),
    )
    moments = moments_of(statistics, lists, sums.finalize(), grams.finalize())
    return Shown(moments, contexts, pairs, joint.finalize(), edges, most.finalize())


@dataclass(frozen=True)
class ContextTable:
    """All contexts of one SAE with the activations on their stretches.

    Attributes:
        chosen: which tokens; start, stop: `[n]` the stretch in its row.
        own: activations of the latent; partner: of its main partner; has_partner: `[n]`.
    """

    chosen: ChosenContexts
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    own: StretchActivations
    partner: StretchActivations
    has_partner: NDArray[np.bool_]

    def by_latent(self, n_latents: int) -> Iterator[tuple[Context, ...]]:
        """Contexts of each latent in turn."""
        bounds = np.searchsorted(self.chosen.latent, np.arange(n_latents + 1))
        for first, last in pairwise(bounds):
            yield self._contexts(slice(first, last))

    def _contexts(self, entries: slice) -> tuple[Context, ...]:
        chosen = self.chosen
        return tuple(
            Context(
                kind="top" if kind == 0 else f"q{kind}",
                row=row,
                position=position,
                start=start,
                activation=activation,
                activations=own,
                partner_activations=partner if has_partner else None,
            )
            for kind, row, position, start, activation, own, partner, has_partner in zip(
                chosen.kind[entries].tolist(),
                chosen.row[entries].tolist(),
                chosen.position[entries].tolist(),
                self.start[entries].tolist(),
                chosen.activation[entries].tolist(),
                _short(self.own, entries),
                _short(self.partner, entries),
                self.has_partner[entries].tolist(),
                strict=True,
            )
        )


def _short(stretches: StretchActivations, entries: slice) -> list[tuple[float, ...]]:
    """Activations on some stretches. Four digits are what a page can show; they keep the stored contexts small."""
    values = four_digits(stretches.values[entries]).tolist()
    return [tuple(row[:length]) for row, length in zip(values, stretches.length[entries].tolist(), strict=True)]


def four_digits(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Non-negative values rounded to four decimal digits, each the float nearest to its decimal number.

    The quotient of a whole number and a power of ten, both exact, is that float: it prints as four digits.
    """
    # Most activations on a stretch are zero: only the others are computed.
    firing = np.nonzero(values)
    positive = values[firing].astype(np.float64)
    # 10^22 is the largest power of ten that a float holds exactly.
    exponent = np.clip(3 - np.floor(np.log10(positive)), -22, 22).astype(np.int64)
    up, down = POWERS_OF_TEN[np.maximum(exponent, 0)], POWERS_OF_TEN[np.maximum(-exponent, 0)]
    rounded = np.zeros(values.shape)
    rounded[firing] = np.rint(positive * up / down) / up * down
    return rounded


@dataclass(frozen=True)
class Gathered:
    """Contexts of both SAEs' latents, and of the pairs, with activations."""

    narrow: ContextTable
    reference: ContextTable
    pair_start: NDArray[np.int64]
    pair_narrow: StretchActivations
    pair_reference: StretchActivations


def gather(
    reader: ShardReader,
    rows: TokenRows,
    shown: Shown,
    main_partners: tuple[NDArray[np.int64], NDArray[np.int64]],
    widths: tuple[int, int],
    progress: Progress,
) -> Gathered:
    """Third pass: activations on all stretches that are shown.

    Args:
        main_partners: of (narrow, reference) latents in the other SAE; -1 for none.
        widths: numbers of latents (narrow, reference).
    """
    stretches = [_context_stretches(rows, shown.contexts[side], main_partners[side]) for side in (0, 1)]
    pair_row, pair_position = shown.pair_rows.row, shown.pair_rows.position
    start, stop = windows(rows, pair_row, pair_position)
    of_pairs = [
        Stretches(latents[shown.pair_rows.pair], pair_row, start, stop)
        for latents in (shown.pairs.narrow, shown.pairs.reference)
    ]
    gathers = [
        ActivationGather(stretches[0][0], widths[0]),
        ActivationGather(stretches[0][1], widths[1]),
        ActivationGather(stretches[1][0], widths[1]),
        ActivationGather(stretches[1][1], widths[0]),
        ActivationGather(of_pairs[0], widths[0]),
        ActivationGather(of_pairs[1], widths[1]),
    ]
    of_narrow = (True, False, False, True, True, False)
    for shard in reader.read(progress, "activations in context"):
        sides = [shard.narrow if is_narrow else shard.reference for is_narrow in of_narrow]
        together(*(partial(each.update, acts) for each, acts in zip(gathers, sides, strict=True)))
    found = [each.finalize() for each in gathers]
    tables = [
        ContextTable(
            shown.contexts[side],
            stretches[side][0].start,
            stretches[side][0].stop,
            found[2 * side],
            found[2 * side + 1],
            main_partners[side][shown.contexts[side].latent] >= 0,
        )
        for side in (0, 1)
    ]
    return Gathered(tables[0], tables[1], start, found[4], found[5])


def _context_stretches(
    rows: TokenRows, chosen: ChosenContexts, main_partner: NDArray[np.int64]
) -> tuple[Stretches, Stretches]:
    """(of the latent itself, of its main partner); latent 0 stands in where there is none."""
    start, stop = windows(rows, chosen.row, chosen.position)
    partner = np.maximum(main_partner[chosen.latent], 0)
    return (
        Stretches(chosen.latent, chosen.row, start, stop),
        Stretches(partner, chosen.row, start, stop),
    )


def shown_rows(rows: TokenRows, shower: TokenShower, shown: Shown) -> dict[int, tuple[str, ...]]:
    """The rows that contexts come from, as they are shown."""
    used = np.concatenate([shown.contexts[0].row, shown.contexts[1].row, shown.pair_rows.row])
    return {int(row): shower.row(rows.ids[row]) for row in np.unique(used)}


def labels(tokens: Mapping[int, tuple[str, ...]], chosen: ChosenContexts, n_latents: int) -> list[str]:
    """The tokens at each latent's strongest contexts, most frequent first."""
    counts: list[Counter[str]] = [Counter() for _ in range(n_latents)]
    top = chosen.kind == 0
    for latent, row, position in zip(chosen.latent[top], chosen.row[top], chosen.position[top], strict=True):
        token = tokens[int(row)][position]
        if token != UNKNOWN_TOKEN:
            counts[latent][_label_token(token)] += 1
    return [" ".join(token for token, _ in counter.most_common(LABEL_TOKENS)) for counter in counts]


def _label_token(token: str) -> str:
    if token.strip():
        return token.strip()
    return "".join(WHITE_SPACE.get(character, "␣") for character in token) or "…"


def latent_details(
    side: Side,
    table: ContextTable,
    histograms: HistogramTable,
    own: Nearest,
    other: Nearest,
    logits: Iterator[LogitWeights | None],
) -> Iterator[LatentDetail]:
    """What each latent's page shows, in order."""
    n_latents = len(own.index)
    for index, (contexts, weights) in enumerate(zip(table.by_latent(n_latents), logits, strict=True)):
        yield LatentDetail(
            sae=side,
            index=index,
            histogram=histograms.trimmed(index),
            same_sae=_neighbours(own, index),
            other_sae=_neighbours(other, index),
            contexts=contexts,
            logit_weights=weights,
        )


def _neighbours(near: Nearest, row: int) -> tuple[Neighbour, ...]:
    return tuple(
        Neighbour(int(index), float(cosine))
        for index, cosine in zip(near.index[row], near.cosine[row], strict=True)
        if index >= 0
    )


def pair_details(shown: Shown, gathered: Gathered) -> Iterator[PairDetail]:
    """What each partner pair's page shows."""
    pairs, found = shown.pairs, shown.pair_rows
    bounds = np.searchsorted(found.pair, np.arange(len(pairs) + 1)).tolist()
    for pair in range(len(pairs)):
        i, j = int(pairs.narrow[pair]), int(pairs.reference[pair])
        entries = slice(bounds[pair], bounds[pair + 1])
        contexts = zip(
            found.row[entries].tolist(),
            found.position[entries].tolist(),
            gathered.pair_start[entries].tolist(),
            _short(gathered.pair_narrow, entries),
            _short(gathered.pair_reference, entries),
            strict=True,
        )
        yield PairDetail(
            narrow_index=i,
            reference_index=j,
            narrow_edges=tuple(shown.edges[0][i].tolist()),
            reference_edges=tuple(shown.edges[1][j].tolist()),
            joint_counts=tuple(tuple(line) for line in shown.joint[pair].tolist()),
            contexts=tuple(PairContext(*context) for context in contexts),
        )


def pair_profiles(
    narrow: LoadedSae, reference: LoadedSae, statistics: Statistics, geometry: Geometry, lists: Padded
) -> Iterator[PairProfile]:
    """Each narrow latent against every reference latent, or the ones that matter most."""
    if reference.d_sae > MAX_PROFILE:
        yield from _short_profiles(narrow, reference, statistics, geometry, lists)
        return
    for start in range(0, narrow.d_sae, LATENTS_PER_BLOCK):
        stop = min(start + LATENTS_PER_BLOCK, narrow.d_sae)
        n_both = statistics.co_firing.n_both[start:stop].toarray()
        cosines = np.clip(narrow.unit_decoder[start:stop] @ reference.unit_decoder.T, -1, 1)
        indices = range(reference.d_sae)
        for i, counts, row in zip(range(start, stop), n_both.tolist(), cosines.tolist(), strict=True):
            yield PairProfile(i, indices, counts, row, True)


def _short_profiles(
    narrow: LoadedSae, reference: LoadedSae, statistics: Statistics, geometry: Geometry, lists: Padded
) -> Iterator[PairProfile]:
    """Of each narrow latent the reference latents that fire with it most often, its partners and its neighbours."""
    n_both = statistics.co_firing.n_both
    for i in range(narrow.d_sae):
        columns = n_both.indices[n_both.indptr[i] : n_both.indptr[i + 1]].astype(np.int64)
        counts = n_both.data[n_both.indptr[i] : n_both.indptr[i + 1]]
        most = columns[np.argsort(-counts, kind="stable")[:N_MOST]]
        near = geometry.narrow.index[i]
        indices = np.unique(np.concatenate([most, lists.partners[i][lists.valid[i]], near[near >= 0]]))
        place = np.minimum(np.searchsorted(columns, indices), max(len(columns) - 1, 0))
        met = columns[place] == indices if len(columns) else np.zeros(len(indices), dtype=np.bool_)
        found = np.where(met, counts[place], 0) if len(columns) else np.zeros(len(indices), dtype=np.int64)
        cosines = cosines_of_pairs(narrow.unit_decoder, reference.unit_decoder, np.full(len(indices), i), indices)
        yield PairProfile(i, indices.tolist(), found.tolist(), cosines.tolist(), False)


def main_partner_arrays(
    latents: tuple[Sequence[LatentScores], Sequence[LatentScores]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`[d_sae]` main partner of (narrow, reference) latents; -1 for none."""
    narrow, reference = (
        np.array([-1 if latent.main_partner is None else latent.main_partner for latent in side]) for side in latents
    )
    return narrow, reference
