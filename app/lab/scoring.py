"""Any two SAEs on a file of activations, scored as every comparison is, with the plainer measures next to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.activations.language_model import ModelShelf
from app.activations.tokenize import ROW_LENGTH
from app.arrays import Flags, Float32s, Float64s, Int64s
from app.lab.meta_sae import MetaSae
from app.lab.scratch import scratch_database
from app.lab.version3 import version_3
from app.pipeline.inputs import ComparisonInputs, open_inputs
from app.pipeline.open import OpenFiles, Resources
from app.pipeline.run import compute, encode
from app.progress import Progress, silent
from app.records import BySide, ComparisonRequest, LatentScores
from app.scores.mixing.results import Mixing
from app.stats.input_sample import Sample

SCORE = "hedging_score"
TITLES = {
    SCORE: "hedging score",
    "decoder_hedging": "decoder hedging",
    "activation_hedging": "activation hedging",
    "1 - best cosine": "1 − best decoder cosine",
    "1 - best Jaccard": "1 − best Jaccard",
    "c_dec": "c_dec",
    "s_n_dec": "s_n^dec",
    "meta-SAE": "meta-SAE share",
    "version 3": "score version 3",
}
"""The measures of every table, each larger for a less pure latent, and how tables call them."""

MEASURES = tuple(TITLES)
RIVALS = MEASURES[1:]

SLOW = ("meta-SAE", "version 3")

PROJECTION_QUANTILE = 0.75
"""s_n^dec of *Sparse but Wrong* (arXiv 2508.16560, A.9), of one latent's own projections, with n a quarter of the
latents: the paper takes any n up to half of them."""

PROJECTED_TOKENS = 8192


@dataclass(frozen=True)
class CaseScores:
    """The narrow latents of one case.

    Attributes:
        measures: name -> `[n]`, NaN where undefined.
        latents: their records, as the pages show them.
        mixing: terms of the hedging score; sample: that it was made of.
        decoders: unit decoder rows.
        counted: `[n_reference]` reference latents that can be a match.
    """

    measures: dict[str, Float64s]
    latents: list[LatentScores]
    mixing: Mixing
    sample: Sample
    decoders: BySide[Float32s]
    counted: Flags

    @property
    def scored(self) -> Flags:
        """`[n]` latents that have a hedging score."""
        return ~np.isnan(self.measures[SCORE])

    @property
    def hedged(self) -> Flags:
        """`[n]` latents called hedged."""
        return np.array([latent.diagnosis == "hedged" for latent in self.latents])

    @property
    def tokens(self) -> Int64s:
        """`[m]` where each token of the sample is in the file of activations: a sample is sorted by group of rows."""
        return self.sample.row * ROW_LENGTH + self.sample.position

    def named(self, i: int, *, mass: float = 0.0, q: float = 1.0) -> set[int]:
        """Named partners of a latent, of at least this mass and at most this false discovery rate."""
        partners = self.mixing.partners
        kept = (partners.narrow == i) & (partners.mass >= mass) & (partners.q <= q)
        return set(partners.reference[kept].tolist())


@dataclass(frozen=True)
class Case:
    """SAEs and activations to score.

    Attributes:
        narrow, reference: folders of the SAEs.
        activations: safetensors file of their inputs, `[n_tokens, d_in]`.
    """

    narrow: Path
    reference: Path
    activations: Path


def score_case(
    case: Case, folder: Path, *, meta: MetaSae | None = None, progress: Progress = silent, slow: bool = True
) -> CaseScores:
    """Score a case.

    Args:
        folder: for shards, which cases of the same reference and activations share.
        meta: a meta-SAE of the reference's rows, where one was trained already.
        slow: whether to measure what takes longer than the scores: `SLOW`.
    """
    with encoded(case, folder, progress) as inputs:
        return scores_of(inputs, meta=meta, progress=progress, slow=slow)


@contextmanager
def encoded(case: Case, folder: Path, progress: Progress) -> Iterator[ComparisonInputs]:
    """A case with its shards in a folder, as every comparison has them, and a database that is thrown away."""
    folder.mkdir(parents=True, exist_ok=True)
    request = ComparisonRequest(str(case.narrow), str(case.reference), activations=str(case.activations))
    with scratch_database(folder) as engine:
        models, resources = ModelShelf(folder / "models"), Resources()
        inputs = open_inputs(OpenFiles(engine, models), folder, request, resources)
        encode([inputs], models, resources, progress)
        yield inputs


def scores_of(
    inputs: ComparisonInputs, *, meta: MetaSae | None = None, progress: Progress = silent, slow: bool = True
) -> CaseScores:
    """Score what is encoded already; arguments as of `score_case`."""
    found = compute(inputs, progress)
    sample, mixing = found.statistics.sample, found.scored.scores.mixing
    counted = found.scored.geometry.reference.matchable
    latents, decoders = found.records.latents.narrow, inputs.weights.map(lambda side: side.decoder)
    fields = {name: _numbers(latents, name) for name in ("decoder_hedging", "activation_hedging", "c_dec")}
    measures = {
        SCORE: mixing.score,
        "1 - best cosine": 1 - _numbers(latents, "max_decoder_cosine"),
        "1 - best Jaccard": 1 - _numbers(latents, "max_jaccard"),
        "s_n_dec": _projections(sample.inputs - inputs.saes.narrow.module.b_dec.detach().numpy(), decoders.narrow),
        **dict.fromkeys(SLOW, np.full(len(latents), np.nan)),
        **fields,
    }
    if slow:
        measures["meta-SAE"] = (meta or MetaSae.of(decoders.reference[counted])).share_of_others(decoders.narrow)
        measures["version 3"] = version_3(sample, decoders.narrow, counted)
    return CaseScores({name: measures[name] for name in MEASURES}, latents, mixing, sample, decoders, counted)


def _numbers(latents: list[LatentScores], name: str) -> Float64s:
    """`[n]` a field of the latents, NaN where it is undefined."""
    return np.array([getattr(latent, name) for latent in latents], dtype=np.float64)


def _projections(inputs: Float32s, decoder: Float32s) -> Float64s:
    """`[n]` upper quartile of the inputs' projections on each decoder row."""
    some = inputs[:: max(1, len(inputs) // PROJECTED_TOKENS)]
    blocks = [some @ decoder[start : start + 256].T for start in range(0, len(decoder), 256)]
    return np.concatenate([np.quantile(block, PROJECTION_QUANTILE, axis=0) for block in blocks]).astype(np.float64)
