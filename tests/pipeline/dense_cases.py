"""Stored comparisons and the dense computation of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.pipeline.run import run
from app.progress import silent
from app.records import ComparisonSummary, LatentScores
from app.store import read
from tests.pipeline.dense_comparison import DensePair
from tests.pipeline.odd_sizes import Odd
from tests.pipeline.workplace import open_workplace

RICH = ("two SAEs", "a prefix against its own SAE")

WIDTH = 12
"""Of the prefix that is compared with its own SAE."""


@dataclass(frozen=True)
class Case:
    """A stored comparison and its oracle."""

    engine: Engine
    summary: ComparisonSummary
    dense: DensePair

    def latents(self, side: str) -> list[LatentScores]:
        width = getattr(self.summary, side).sae.d_sae
        return [read.get_latent(self.engine, self.summary.slug, side, i) for i in range(width)]  # type: ignore[arg-type]


def odd_case(odd: Odd, folder: Path) -> Case:
    compared, dense = odd.make(folder)
    place = open_workplace(folder)
    return Case(place.engine, run(place.engine, place.data_dir, compared, silent), dense)


rich_only = pytest.mark.parametrize("case", RICH, indirect=True, scope="session")
