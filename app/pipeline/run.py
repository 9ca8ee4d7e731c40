"""One comparison, from two SAEs and a text to the store."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain, repeat
from pathlib import Path

import sqlalchemy as sa

from app.activations.language_model import ModelShelf
from app.activations.logits import LATENTS_PER_BLOCK, LogitLens, logit_lens, logit_weights
from app.activations.show_tokens import TokenShower
from app.catalogue import SCORING_VERSION
from app.errors import NotFoundError
from app.executor.base import Executor, ShardWork
from app.executor.local import LocalExecutor
from app.pipeline.details import (
    Gathered,
    Shown,
    gather,
    labels,
    latent_details,
    main_partner_arrays,
    pair_details,
    pair_profiles,
    second_pass,
    shown_rows,
)
from app.pipeline.identity import checked_name, content_hash, default_name, slug_of, versions
from app.pipeline.latents import Scored, score_latents
from app.pipeline.open import OpenFiles, Resources, remote_opener
from app.pipeline.parallel import ahead
from app.pipeline.passes import ShardReader, Statistics, first_pass
from app.pipeline.progress import Advance, Progress
from app.pipeline.score import Geometry, Padded, decompositions_of, geometry_of, padded, scores_of
from app.pipeline.source import FindFile, Source, as_given
from app.pipeline.summary import null_summary, score_distribution, side_summary
from app.records import ComparisonBundle, ComparisonRequest, ComparisonSummary, LatentDetail, LogitWeights, TextRow
from app.sae.load import LoadedSae
from app.sparse.memory import memory_explained
from app.sparse.shards import Shard, ShardStore, plan_shards
from app.sparse.work import check_width
from app.store.read import get_comparison
from app.store.write import Within, write_comparison

Saes = tuple[LoadedSae, LoadedSae]
Logits = tuple[Iterator[LogitWeights | None], Iterator[LogitWeights | None]]

ENCODING = "model and SAEs"
"""The one slow stage: what the model and the SAEs compute, shard by shard."""


@dataclass(frozen=True)
class Computed:
    """Everything computed for a comparison, before it is put into records."""

    statistics: Statistics
    geometry: Geometry
    lists: Padded
    shown: Shown
    scored: Scored
    gathered: Gathered
    lens: LogitLens | None
    tokens: dict[int, tuple[str, ...]]


@dataclass(frozen=True)
class Prepared:
    """A comparison whose inputs are read and checked, but not computed yet.

    Attributes:
        saes: narrow and reference.
        source: the activations.
        shards: the pieces of work; store: where their results are kept.
        name: name part of the slug; content_hash: of all that decides the numbers.
    """

    request: ComparisonRequest
    saes: Saes
    source: Source
    shards: list[Shard]
    store: ShardStore
    name: str
    content_hash: str

    @property
    def slug(self) -> str:
        """Where its pages will be."""
        return slug_of(self.name, self.content_hash)

    @property
    def n_tokens(self) -> int:
        """Scored tokens."""
        return sum(shard.n_tokens for shard in self.shards)


def run(
    engine: sa.Engine,
    data_dir: Path,
    request: ComparisonRequest,
    progress: Progress,
    models: ModelShelf | None = None,
    means: Resources | None = None,
) -> ComparisonSummary:
    """Score a comparison and store it, or return it where it is stored already.

    Args:
        data_dir: folder for shards and converted models.
        models: language models of this process, where some are loaded already.
        means: where shards are kept; the data folder, if None.

    Raises:
        HedgescopeError: something can't be used; nothing is stored then.
    """
    return next(run_several(engine, data_dir, [request], progress, models, means))


def run_several(
    engine: sa.Engine,
    data_dir: Path,
    requests: Sequence[ComparisonRequest],
    progress: Progress,
    models: ModelShelf | None = None,
    means: Resources | None = None,
) -> Iterator[ComparisonSummary]:
    """Score several comparisons, each as if it were alone; those that read one hook share one model pass.

    Everything is checked before the first pass starts.

    Args:
        requests: at least one.

    Raises:
        HedgescopeError: something can't be used; what was yielded before is stored.
    """
    opened = OpenFiles(engine, models or ModelShelf(data_dir / "models"))
    means = means or Resources()
    executor: Executor = means.engine or LocalExecutor()
    comparisons = [
        prepare(engine, data_dir, request, opened.models, means=means, opened=opened) for request in requests
    ]
    to_do = [each for each in comparisons if find(engine, each.slug) is None]
    for group in _by_stream(to_do):
        first = group[0]
        unique = {sae.shard_key: sae for each in group for sae in each.saes}
        saes = list(unique.values())
        elsewhere = remote_opener(first.request, first.saes[0].record, saes, opened.models, means.device)
        encoding = progress(ENCODING, first.n_tokens, "tokens")
        executor.run_shards(
            ShardWork(first.source.stream, saes, elsewhere), first.store, first.shards, progress=encoding
        )
    for each in comparisons:
        stored = find(engine, each.slug)
        yield stored if stored is not None else score(engine, each, progress, executor=executor)


def _by_stream(comparisons: Sequence[Prepared]) -> list[list[Prepared]]:
    """Those that read the same activations together."""
    groups: dict[tuple[str, int], list[Prepared]] = {}
    for each in comparisons:
        groups.setdefault((each.source.stream.key, each.n_tokens), []).append(each)
    return list(groups.values())


def prepare(
    engine: sa.Engine,
    data_dir: Path,
    request: ComparisonRequest,
    models: ModelShelf,
    find_file: FindFile = as_given,
    *,
    means: Resources | None = None,
    opened: OpenFiles | None = None,
) -> Prepared:
    """Read and check what a request names, and cut the work into shards.

    Args:
        find_file: where the files that the request names are.
        means: where shards are kept; the data folder, if None.
        opened: what other comparisons of this run have opened.

    Raises:
        HedgescopeError: something can't be used.
    """
    opened = opened or OpenFiles(engine, models, find_file)
    saes = opened.sae(request.narrow), opened.sae(request.reference)
    name = checked_name(request.name or default_name(saes[0].record, saes[1].record))
    source = opened.source(request, saes[0].record)
    for sae in saes:
        check_width(source.stream, sae)
    shards = plan_shards(source.stream.rows)
    n_tokens = sum(shard.n_tokens for shard in shards)
    hash_ = content_hash(saes[0].record, saes[1].record, source.stream.description, n_tokens)
    store = ShardStore((means or Resources()).shards or data_dir / "shards", source.stream.key)
    return Prepared(request, saes, source, shards, store, name, hash_)


def score(
    engine: sa.Engine,
    prepared: Prepared,
    progress: Progress,
    within: Within | None = None,
    executor: Executor | None = None,
) -> ComparisonSummary:
    """From shards that are all on disk to a stored comparison.

    Args:
        within: called in the transaction that stores the comparison, before it is written.
        shards_by: sums up the shards; this process, if None.

    Raises:
        HedgescopeError: a shard can't be read, or the comparison can't be stored.
    """
    reader = ShardReader(prepared.store, prepared.shards, *prepared.saes)
    with memory_explained(f"scoring {prepared.n_tokens:,} tokens"):
        computed = compute(reader, prepared.saes, prepared.source, progress, executor)
        summary = summarize(prepared, computed)
        write_comparison(engine, bundle_of(prepared.saes, computed, summary, progress), within=within)
    return summary


def find(engine: sa.Engine, slug: str) -> ComparisonSummary | None:
    """A stored comparison, or None."""
    try:
        return get_comparison(engine, slug)
    except NotFoundError:
        return None


def compute(
    reader: ShardReader, saes: Saes, source: Source, progress: Progress, executor: Executor | None = None
) -> Computed:
    """From shards on disk to scores and what the pages show."""
    rows = source.stream.rows
    widths = saes[0].d_sae, saes[1].d_sae
    statistics = first_pass(reader, *saes, progress, executor)
    geometry = geometry_of(*saes, statistics)
    decompositions = decompositions_of(*saes, geometry, statistics, progress)
    lists = padded(decompositions)
    shown = second_pass(reader, statistics, lists, *saes, progress)
    shower = TokenShower(source.tokenizer)
    model = source.language_model
    lens = None if model is None else logit_lens(model, saes[0].record.d_in, shower)
    tokens = shown_rows(rows, shower, shown)
    names = labels(tokens, shown.contexts[0], widths[0]), labels(tokens, shown.contexts[1], widths[1])
    scores = scores_of(saes[0], statistics, geometry, progress)
    scored = score_latents(saes, statistics, geometry, decompositions, lists, shown.moments, scores, names)
    gathered = gather(reader, rows, shown, main_partner_arrays(scored.latents), widths, progress)
    return Computed(statistics, geometry, lists, shown, scored, gathered, lens, tokens)


def logits_of(lens: LogitLens | None, sae: LoadedSae) -> Iterator[LogitWeights | None]:
    """Logit weights of each latent in turn, made while those before are stored; None where there is no model."""
    if lens is None:
        return repeat(None, sae.d_sae)
    blocks = (sae.unit_decoder[start : start + LATENTS_PER_BLOCK] for start in range(0, sae.d_sae, LATENTS_PER_BLOCK))
    return chain.from_iterable(ahead(partial(logit_weights, lens), blocks))


def summarize(prepared: Prepared, computed: Computed) -> ComparisonSummary:
    """What the comparison says as a whole."""
    saes, source = prepared.saes, prepared.source
    statistics, scored = computed.statistics, computed.scored
    quantiles, histogram, n_scored = score_distribution(scored.latents[0])
    language_model = source.language_model
    return ComparisonSummary(
        slug=prepared.slug,
        name=prepared.name,
        content_hash=prepared.content_hash,
        scoring_version=SCORING_VERSION,
        created_at=datetime.now(UTC),
        narrow=side_summary(saes[0].record, saes[0].levels, statistics.narrow, scored.latents[0]),
        reference=side_summary(saes[1].record, saes[1].levels, statistics.reference, scored.latents[1]),
        model_name=language_model.name if language_model else None,
        hook_name=saes[0].record.hook_name,
        text_source=source.name,
        text_checksum=source.checksum,
        n_tokens=statistics.co_firing.n_tokens,
        score_quantiles=quantiles,
        score_histogram=histogram,
        n_scored=n_scored,
        n_hedged=sum(latent.diagnosis == "hedged" for latent in scored.latents[0]),
        null=null_summary(computed.geometry.null, int(computed.geometry.reference_alive.sum())),
        command=shlex.join(replace(prepared.request, name=prepared.name).command),
        versions=versions(),
    )


def bundle_of(saes: Saes, computed: Computed, summary: ComparisonSummary, progress: Progress) -> ComparisonBundle:
    """The records the store takes; made while they are written, so that they are never all in memory."""
    shown, gathered, scored = computed.shown, computed.gathered, computed.scored
    logits = logits_of(computed.lens, saes[0]), logits_of(computed.lens, saes[1])
    # Most of the storing is about latents: they tell how far it is.
    advance = progress("storing", saes[0].d_sae + saes[1].d_sae, "latents")
    return ComparisonBundle(
        summary=summary,
        latents=(latent for side in scored.latents for latent in side),
        partners=(partner for each in scored.partners for partner in each),
        details=_details(computed, logits, advance),
        pairs=pair_details(shown, gathered),
        profiles=pair_profiles(*saes, computed.statistics, computed.geometry, computed.lists),
        text_rows=(TextRow(row, tokens) for row, tokens in computed.tokens.items()),
    )


def _details(computed: Computed, logits: Logits, advance: Advance) -> Iterator[LatentDetail]:
    geometry, statistics, gathered = computed.geometry, computed.statistics, computed.gathered
    details = chain(
        latent_details(
            "narrow",
            gathered.narrow,
            statistics.narrow.histograms,
            geometry.narrow_own,
            geometry.narrow,
            logits[0],
        ),
        latent_details(
            "reference",
            gathered.reference,
            statistics.reference.histograms,
            geometry.reference_own,
            geometry.reference,
            logits[1],
        ),
    )
    for detail in details:
        yield detail
        advance(1)
