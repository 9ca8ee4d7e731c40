"""A made-up intervention on a made-up comparison."""

from __future__ import annotations

import hashlib

from app.records import (
    Candidate,
    ComparisonSummary,
    FallSummary,
    InterventionRecord,
    InterventionRun,
    InterventionSettings,
    InterventionSummary,
    LatentRelease,
    PairRelease,
    RankFigure,
)
from tests.builders.saes import CREATED_AT


def make_intervention(comparison: ComparisonSummary, *, seed: int = 0) -> InterventionRecord:
    """An intervention on a made-up comparison: four candidates, two runs; named pairs release what is predicted."""
    candidates = tuple(Candidate(j, 0.2, 0.1, 0.5) for j in (0, 1, 2, 3))
    pairs = tuple(_pair_release(i, j, named=(i + j) % 2 == 0) for i in (0, 1, 2) for j in (0, 1, 2, 3))
    latents = tuple(
        LatentRelease(
            index=i, mass=0.2, summed=0.02 * i, summed_se=0.01, moved=None if i == 1 else 0.03, control_moved=0.1
        )
        for i in range(comparison.narrow.sae.d_sae)
    )
    falling, other = FallSummary(12, 0.9, 0.02, 0.5), FallSummary(12, 0.5, 0.0, None)
    summary = InterventionSummary(
        content_hash=hashlib.sha256(f"{comparison.slug} {seed}".encode()).hexdigest(),
        comparison=comparison.slug,
        settings=InterventionSettings(2, 2, "grown", 0.7, 1, 4096, 512, 3e-4, 0.05, 0.25, 204, seed),
        activations="activations.safetensors",
        activations_checksum="a" * 64,
        n_distinct_tokens=4096,
        k=3.5,
        candidates=candidates,
        runs=(_run(0, (0, 1)), _run(1, (2, 3))),
        named_added=falling,
        named_not_added=other,
        other_added=other,
        other_not_added=other,
        n_named=6,
        n_above_zero=5,
        n_below_zero=0,
        mass_and_release=RankFigure(12, 0.5, 0.1, 0.8, None),
        mass_and_summed=RankFigure(3, None, None, None, "too few"),
        degree=0.05,
        first_degree=0.05,
        other_degree=0.07,
        device="cpu",
        seconds=12.5,
        peak_bytes=1 << 30,
        command=f"hedgescope intervene --comparison {comparison.slug} --runs 2",
        versions={"hedgescope": "0.1.0"},
        created_at=CREATED_AT,
    )
    return InterventionRecord(summary, pairs, latents)


def _run(number: int, added: tuple[int, ...]) -> InterventionRun:
    return InterventionRun(number, 0, added, 3.7, 0.8, 3.6, 0.75, 3.5, 0, 0.05, None)


def _pair_release(i: int, j: int, *, named: bool) -> PairRelease:
    release = 0.05 + 0.01 * i if named else 0.001 * j
    return PairRelease(
        narrow_index=i,
        reference_index=j,
        named=named,
        mass=0.1 if named else 0.0,
        decoder_cosine=0.3,
        release=release,
        release_se=0.005,
        release_low=release - 0.02,
        release_high=release + 0.02,
        fall_added=release - 0.01,
        fall_not_added=-0.01,
        control_fall=0.002,
    )
