"""A stored comparison opened again: its SAEs and activations are what checks on a real model are made of."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from app.arrays import Flags, Int64s
from app.errors import NotFoundError, ScoringError
from app.lab.checks.scope import Scope, Store
from app.lab.meta_sae import MetaSae
from app.lab.scoring import Case, CaseScores, score_case
from app.lab.threshold_sae import ThresholdSae
from app.pipeline.inputs import ComparisonInputs, open_inputs
from app.pipeline.open import OpenFiles, Resources
from app.pipeline.passes import collect_statistics
from app.pipeline.run import encode
from app.pipeline.source import BUNDLED_TEXT
from app.progress import Progress
from app.records import ComparisonRequest, ComparisonSummary, SaeRecord, SideSummary
from app.stats.input_sample import Sample
from app.store.read import get_comparison, get_sae, resolve_slug

QUICK_TOKENS = 24_576
"""Of the sample, where a quick check is enough."""


class Real:
    """The SAEs of a comparison on the tokens whose inputs it kept.

    Attributes:
        inputs: of the comparison, its shards on disk.
        sample: the tokens; all of them, or the first of each group where a quick check is enough.
        reference: its reference SAE.

    Raises:
        HedgescopeError: there is no such comparison, or it can't be opened any more.
    """

    def __init__(self, scope: Scope) -> None:
        store = scope.open_store()
        summary = get_comparison(store.engine, resolve_slug(store.engine, scope.comparison))
        self.inputs = reopened(store, summary, scope.progress)
        self.folder, self._progress = scope.folder, scope.progress
        sample = collect_statistics(self.inputs.reader, scope.progress).sample
        self.sample = _shortened(sample, QUICK_TOKENS) if scope.quick else sample
        self.reference = ThresholdSae.of(self.inputs.saes.reference)

    def activations(self, tokens: Int64s) -> Path:
        """Inputs of some tokens as a file, in the order of the sample: neighbours in the text stay neighbours."""
        path = self.folder / f"activations-{tokens[0]}-{len(tokens)}.safetensors"
        if not path.exists():
            save_file({"activations": torch.from_numpy(self.sample.inputs[tokens])}, path)
        return path

    @cached_property
    def reference_folder(self) -> Path:
        """The reference as a file."""
        self.reference.save(self.folder / "reference")
        return self.folder / "reference"

    @cached_property
    def meta(self) -> MetaSae:
        """Of the reference's rows."""
        return MetaSae.of(self.reference.rows[self.alive])

    @property
    def alive(self) -> Flags:
        """`[n_reference]` latents that fire on the sample."""
        fires: Flags = np.diff(self.sample.reference.indptr) > 0
        return fires

    def score(self, narrow: ThresholdSae, name: str, *, tokens: Int64s | None = None, slow: bool = True) -> CaseScores:
        """The scores of other narrow latents against the comparison's reference.

        Args:
            name: unique.
            tokens: of the sample, in the order of the sample; all, if None.
            slow: as of `score_case`.
        """
        narrow.save(self.folder / name)
        chosen = np.arange(len(self.sample)) if tokens is None else tokens
        case = Case(self.folder / name, self.reference_folder, self.activations(chosen))
        return score_case(case, self.folder / "shards", meta=self.meta, progress=self._progress, slow=slow)

    @property
    def settings(self) -> dict[str, str | int | float]:
        """What the checks were made of."""
        return {"comparison": self.inputs.slug, "tokens": len(self.sample)}


def reopened(store: Store, summary: ComparisonSummary, progress: Progress) -> ComparisonInputs:
    """What a stored comparison was made from, every shard on disk: those that are gone are made again.

    Raises:
        HedgescopeError: it was made from a file, or its files have changed.
    """
    if summary.model_name is None:
        raise ScoringError(
            f"{summary.slug}: was made from a file of activations; expected a comparison of a model and a text"
        )
    files, resources = OpenFiles(store.engine, store.models), Resources()
    inputs = open_inputs(files, store.data_dir, _request(store, summary), resources)
    now = (*(sae.record.checksum for sae in inputs.saes), inputs.source.checksum, inputs.n_tokens)
    then = (summary.narrow.sae.checksum, summary.reference.sae.checksum, summary.text_checksum, summary.n_tokens)
    if now != then:
        raise ScoringError(
            f"{summary.slug}: its SAEs or text have changed since; make it again with `{summary.command}`"
        )
    encode([inputs], store.models, resources, progress)
    return inputs


def _request(store: Store, summary: ComparisonSummary) -> ComparisonRequest:
    rows, own_model = summary.rows, summary.narrow.sae.model_name
    return ComparisonRequest(
        narrow=_name(store, summary.narrow),
        reference=_name(store, summary.reference),
        model=None if summary.model_name == own_model else summary.model_name,
        text=None if summary.text_source == BUNDLED_TEXT else summary.text_source,
        tokens=summary.n_tokens,
        name=summary.name,
        hook=summary.hook_name,
        context_length=None if rows is None else rows.length,
        bos=None if rows is None else rows.bos,
        control_tokens=rows is not None and rows.control_tokens,
    )


def _name(store: Store, side: SideSummary) -> str:
    """What opens an SAE: its registered name while that is of the same files, else where it is."""
    record: SaeRecord = side.sae
    try:
        known = get_sae(store.engine, record.name.partition("@")[0])
    except NotFoundError:
        return record.source
    is_same = (known.checksum, known.config_checksum) == (record.checksum, record.config_checksum)
    return record.name if is_same else record.source


def _shortened(sample: Sample, n_tokens: int) -> Sample:
    """The first tokens of each group."""
    each = min(n_tokens // (len(sample.bounds) - 1), int(np.diff(sample.bounds).min()))
    tokens = np.concatenate([np.arange(start, start + each) for start in sample.bounds[:-1]])
    narrow, reference = sample.narrow_rows[tokens].tocsc(), sample.reference_rows[tokens].tocsc()
    bounds = np.arange(len(sample.bounds)) * each
    return Sample(sample.inputs[tokens], narrow, reference, bounds, sample.row[tokens], sample.position[tokens])
