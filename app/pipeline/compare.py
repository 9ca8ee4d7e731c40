"""One comparison, from two SAEs and a text to the store."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from app.activations.language_model import LanguageModel, ModelShelf
from app.activations.logits import logit_weights
from app.activations.show_tokens import TokenShower
from app.catalogue import SCORING_VERSION
from app.engine.local import run_shards
from app.errors import NotFoundError
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
from app.pipeline.passes import ShardReader, Statistics, first_pass
from app.pipeline.progress import Progress
from app.pipeline.register import open_sae
from app.pipeline.score import Geometry, Padded, decompositions_of, geometry_of, padded
from app.pipeline.source import Request, Source, open_source
from app.pipeline.summary import null_summary, score_distribution, side_summary
from app.records import ComparisonBundle, ComparisonSummary, LatentDetail, LogitWeights, TextRow
from app.sae.load import LoadedSae
from app.sparse.shards import ShardStore, plan_shards
from app.sparse.work import check_width
from app.store.read import get_comparison
from app.store.write import write_comparison

Saes = tuple[LoadedSae, LoadedSae]
Logits = tuple[list[LogitWeights] | None, list[LogitWeights] | None]


@dataclass(frozen=True)
class Computed:
    """Everything computed for a comparison, before it is put into records."""

    statistics: Statistics
    geometry: Geometry
    lists: Padded
    shown: Shown
    scored: Scored
    gathered: Gathered
    logits: Logits
    tokens: dict[int, tuple[str, ...]]


def run(
    engine: sa.Engine, data_dir: Path, request: Request, progress: Progress, models: ModelShelf | None = None
) -> ComparisonSummary:
    """Score a comparison and store it, or return it where it is stored already.

    Args:
        data_dir: folder for shards and converted models.
        models: language models of this process, where some are loaded already.

    Raises:
        HedgescopeError: something can't be used; nothing is stored then.
    """
    saes = open_sae(engine, request.narrow), open_sae(engine, request.reference)
    name = checked_name(request.name or default_name(saes[0].record, saes[1].record))
    source = open_source(request, saes[0].record, models or ModelShelf(data_dir / "models"))
    for sae in saes:
        check_width(source.stream, sae)
    shards = plan_shards(source.stream.rows)
    n_tokens = sum(shard.n_tokens for shard in shards)
    hash_ = content_hash(saes[0].record, saes[1].record, source.stream.description, n_tokens)
    stored = find(engine, slug_of(name, hash_))
    if stored is not None:
        return stored
    store = ShardStore(data_dir / "shards", source.stream.key)
    encoding = progress("model and SAEs", n_tokens, "tokens")
    run_shards(source.stream, saes, store, shards, progress=encoding)
    computed = compute(ShardReader(store, shards, *saes), saes, source, progress)
    summary = summarize(saes, source, request, computed, name, hash_)
    storing = progress("storing", 1, "comparisons")
    write_comparison(engine, bundle_of(saes, computed, summary))
    storing(1)
    return summary


def find(engine: sa.Engine, slug: str) -> ComparisonSummary | None:
    """A stored comparison, or None."""
    try:
        return get_comparison(engine, slug)
    except NotFoundError:
        return None


def compute(reader: ShardReader, saes: Saes, source: Source, progress: Progress) -> Computed:
    """From shards on disk to scores and what the pages show."""
    rows = source.stream.rows
    widths = saes[0].d_sae, saes[1].d_sae
    statistics = first_pass(reader, *saes, progress)
    geometry = geometry_of(*saes, statistics)
    decompositions = decompositions_of(*saes, geometry, statistics, progress)
    lists = padded(decompositions)
    shown = second_pass(reader, statistics, lists, *saes, progress)
    shower = TokenShower(source.tokenizer)
    tokens = shown_rows(rows, shower, shown)
    names = labels(tokens, shown.contexts[0], widths[0]), labels(tokens, shown.contexts[1], widths[1])
    scored = score_latents(saes, statistics, geometry, decompositions, lists, shown.sums, names)
    gathered = gather(reader, rows, shown, main_partner_arrays(scored.latents), widths, progress)
    logits = logits_of(source.language_model, saes, shower, progress)
    return Computed(statistics, geometry, lists, shown, scored, gathered, logits, tokens)


def logits_of(language_model: LanguageModel | None, saes: Saes, shower: TokenShower, progress: Progress) -> Logits:
    """Logit weights of both SAEs' latents; None where there is no model."""
    if language_model is None:
        return None, None
    advance = progress("logit weights", saes[0].d_sae + saes[1].d_sae, "latents")
    return (
        logit_weights(language_model, saes[0].unit_decoder, shower, progress=advance),
        logit_weights(language_model, saes[1].unit_decoder, shower, progress=advance),
    )


def summarize(
    saes: Saes, source: Source, request: Request, computed: Computed, name: str, hash_: str
) -> ComparisonSummary:
    """What the comparison says as a whole."""
    statistics, scored = computed.statistics, computed.scored
    quantiles, histogram, n_scored = score_distribution(scored.latents[0])
    language_model = source.language_model
    return ComparisonSummary(
        slug=slug_of(name, hash_),
        name=name,
        content_hash=hash_,
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
        command=shlex.join(replace(request, name=name).command),
        versions=versions(),
    )


def bundle_of(saes: Saes, computed: Computed, summary: ComparisonSummary) -> ComparisonBundle:
    """The records the store takes; made while they are written, so that they are never all in memory."""
    shown, gathered, scored = computed.shown, computed.gathered, computed.scored
    return ComparisonBundle(
        summary=summary,
        latents=(latent for side in scored.latents for latent in side),
        partners=(partner for each in scored.partners for partner in each),
        details=_details(computed),
        pairs=pair_details(shown, gathered),
        profiles=pair_profiles(*saes, computed.statistics, computed.geometry, computed.lists),
        text_rows=(TextRow(row, tokens) for row, tokens in computed.tokens.items()),
    )


def _details(computed: Computed) -> Iterator[LatentDetail]:
    geometry, statistics, gathered = computed.geometry, computed.statistics, computed.gathered
    yield from latent_details(
        "narrow",
        gathered.narrow,
        statistics.narrow.histograms,
        geometry.narrow_own,
        geometry.narrow,
        computed.logits[0],
    )
    yield from latent_details(
        "reference",
        gathered.reference,
        statistics.reference.histograms,
        geometry.reference_own,
        geometry.reference,
        computed.logits[1],
    )
