"""Comparisons, from two SAEs and a text to the store: open, encode, score, store.

Read from the top: `run_several` is the whole way, `compute` its part from shards on disk to results.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from app.activations.language_model import ModelShelf
from app.errors import NotFoundError
from app.executor.base import Executor, ShardWork
from app.executor.local import LocalExecutor
from app.pipeline.bundle import bundle_of
from app.pipeline.inputs import ComparisonInputs, open_inputs
from app.pipeline.level_links import level_links
from app.pipeline.open import OpenFiles, Resources, remote_opener
from app.pipeline.passes import collect_statistics, count_partners
from app.pipeline.results import Results
from app.pipeline.show.activations import read_activations
from app.pipeline.show.text import shown_text
from app.pipeline.summary import summarize
from app.progress import Progress
from app.records import BySide, ComparisonRequest, ComparisonSummary
from app.scores.compare import score_comparison
from app.scores.corrected import corrected_rows
from app.scores.labels import latent_labels
from app.scores.latent_records import score_records
from app.scores.pair_profiles import pair_profiles
from app.sparse.memory import memory_explained
from app.store.read import get_comparison
from app.store.write import Within, write_comparison

ENCODING = "model and SAEs"
"""The one slow stage: what the model and the SAEs compute, shard by shard."""


def run(
    engine: sa.Engine,
    data_dir: Path,
    request: ComparisonRequest,
    progress: Progress,
    *,
    models: ModelShelf | None = None,
    resources: Resources | None = None,
) -> ComparisonSummary:
    """Score a comparison and store it, or return it where it is stored already.

    Args:
        data_dir: folder for shards and converted models.
        models: language models of this process, where some are loaded already.
        resources: what it is computed with; this process and the data folder, if None.

    Raises:
        HedgescopeError: something can't be used; nothing is stored then.
    """
    return next(run_several(engine, data_dir, [request], progress, models=models, resources=resources))


def run_several(
    engine: sa.Engine,
    data_dir: Path,
    requests: Sequence[ComparisonRequest],
    progress: Progress,
    *,
    models: ModelShelf | None = None,
    resources: Resources | None = None,
) -> Iterator[ComparisonSummary]:
    """Score several comparisons, each as if it were alone; those that read one hook share one model pass.

    Everything is checked before the first pass starts.

    Args:
        requests: at least one.

    Raises:
        HedgescopeError: something can't be used; what was yielded before is stored.
    """
    files = OpenFiles(engine, models or ModelShelf(data_dir / "models"))
    resources = resources or Resources()
    comparisons = [open_inputs(files, data_dir, request, resources) for request in requests]
    encode([each for each in comparisons if find(engine, each.slug) is None], files.models, resources, progress)
    for each in comparisons:
        yield find(engine, each.slug) or score_and_store(engine, each, progress, executor=resources.executor)


def encode(
    comparisons: Sequence[ComparisonInputs], models: ModelShelf, resources: Resources, progress: Progress
) -> None:
    """Make sure that all shards are on disk: one model pass for all comparisons that read the same activations."""
    executor = resources.executor or LocalExecutor()
    groups: dict[tuple[str, int], list[ComparisonInputs]] = {}
    for each in comparisons:
        groups.setdefault((each.source.stream.key, each.n_tokens), []).append(each)
    for group in groups.values():
        first = group[0]
        saes = list({sae.shard_key: sae for each in group for sae in each.saes}.values())
        opener = remote_opener(first.request, first.saes.narrow.record, saes, models, resources.device)
        advance = progress(ENCODING, first.n_tokens, "tokens")
        executor.run_shards(ShardWork(first.source.stream, saes, opener), first.store, first.shards, progress=advance)


def score_and_store(
    engine: sa.Engine,
    inputs: ComparisonInputs,
    progress: Progress,
    *,
    within: Within | None = None,
    executor: Executor | None = None,
) -> ComparisonSummary:
    """From shards that are all on disk to a stored comparison.

    Args:
        within: called in the transaction that stores the comparison, before it is written.
        executor: adds up the shards; this process, if None.

    Raises:
        HedgescopeError: a shard can't be read, or the comparison can't be stored.
    """
    with memory_explained(f"scoring {inputs.n_tokens:,} tokens"):
        results = compute(inputs, progress, executor)
        summary = summarize(inputs, results)
        shown = read_activations(inputs.reader, inputs.source.stream.rows, results, progress)
        links = level_links(inputs.reader, results, progress)
        bundle = bundle_of(results, summary, shown, links, progress)
        write_comparison(engine, bundle, within=within)
    return summary


def compute(inputs: ComparisonInputs, progress: Progress, executor: Executor | None = None) -> Results:
    """From shards on disk to scores: a pass for statistics, a pass for the partners, then all records."""
    reader, weights = inputs.reader, inputs.weights
    statistics = collect_statistics(reader, progress, executor)
    count = partial(count_partners, reader, statistics, progress)
    scored = score_comparison(weights, statistics, count, progress)
    main = scored.counts.cells.partners[:, 0]
    corrected = corrected_rows(weights.map(lambda side: side.decoder), main, scored.scores.mixing.partners)
    text = shown_text(inputs.source, scored.counts, weights, corrected)
    contexts = scored.counts.contexts
    labels = BySide.of(lambda side: latent_labels(contexts[side], text.tokens, len(weights[side].decoder)))
    return Results(
        weights=weights,
        statistics=statistics,
        scored=scored,
        corrected=corrected,
        text=text,
        records=score_records(scored.scores, labels),
        profiles=pair_profiles(weights, statistics.co_firing.n_both, scored.geometry, scored.scores.pairs.pairs),
    )


def find(engine: sa.Engine, slug: str) -> ComparisonSummary | None:
    """A stored comparison, or None."""
    try:
        return get_comparison(engine, slug)
    except NotFoundError:
        return None
