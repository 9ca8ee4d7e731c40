"""A hedging degree."""

from __future__ import annotations

from itertools import cycle, islice

from app.records import DegreeRecord, LatentDegree
from tests.builders.saes import CREATED_AT

LATENTS = ((0.31, 0.1, 0.2333), (0.05, 0.1, -0.0556), (0.22, 0.1, 0.1333), (0.4, 0.1, 0.3333), (0.14, 0.1, 0.0444))
"""(raw, baseline, degree) of one latent after the other, again and again."""


def make_degree(parent_checksum: str, n_latents: int) -> DegreeRecord:
    """A made-up hedging degree; the last latent has none."""
    latents = [LatentDegree(index, *numbers) for index, numbers in enumerate(islice(cycle(LATENTS), n_latents - 1))]
    return DegreeRecord(
        parent_checksum=parent_checksum,
        control_checksum="c" * 64,
        extended_checksum="e" * 64,
        data_checksum="d" * 64,
        n_latents=n_latents,
        n_new=4,
        rank=4,
        n_tokens=65_536,
        batch_size=512,
        lr=6e-4,
        training_seed=0,
        n_baselines=50,
        seed=0,
        mean_change=0.6,
        raw=0.224,
        baseline_mean=0.1,
        baseline_sd=0.01,
        degree=0.1378,
        reason=None,
        command="hedgescope degree --control pair/control --extended pair/extended",
        versions={"hedgescope": "0.1.0"},
        created_at=CREATED_AT,
        latents=(
            *latents,
            LatentDegree(n_latents - 1, None, None, None, "its decoder row is zero in one of the two SAEs"),
        ),
    )
