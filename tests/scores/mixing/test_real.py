"""What the hedging score has to hold, on the activations of the bundled language model.

Truth is known, since the narrow SAEs are made of latents of the bundled Matryoshka SAE.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from app.activations.language_model import ModelShelf
from app.lab.metrics import auroc
from app.paths import resource
from app.pipeline.inputs import open_inputs
from app.pipeline.open import OpenFiles, Resources
from app.pipeline.passes import collect_statistics
from app.pipeline.run import encode
from app.progress import silent
from app.records import BySide, ComparisonRequest
from app.stats.input_sample import Sample
from app.store.session import make_engine, upgrade
from tests.language_model import CACHE_DIR
from tests.scores.mixing.real_cases import ScoredGrafts, copies, replace_narrow, score_grafts, scored

pytestmark = pytest.mark.slow
N_TOKENS = 16_384
SAES = BySide("narrow", "matryoshka")


@dataclass(frozen=True)
class Real:
    """The bundled SAEs on a part of the bundled text."""

    sample: Sample
    decoders: BySide[NDArray[np.float32]]

    @property
    def rows(self) -> NDArray[np.float32]:
        """Of the reference."""
        return self.decoders.reference


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Real:
    folder = tmp_path_factory.mktemp("real")
    url = f"sqlite:///{folder / 'hedgescope.db'}"
    upgrade(url)
    engine = make_engine(url)
    saes = SAES.map(lambda name: str(resource("demo") / "saes" / name))
    request = ComparisonRequest(saes.narrow, saes.reference, tokens=N_TOKENS, name="real")
    models, resources = ModelShelf(Path(CACHE_DIR)), Resources()
    inputs = open_inputs(OpenFiles(engine, models), folder, request, resources)
    encode([inputs], models, resources, silent)
    sample = collect_statistics(inputs.reader, silent).sample
    engine.dispose()
    return Real(sample, inputs.weights.map(lambda side: side.decoder))


def test_copies_score_0(real: Real) -> None:
    sample, chosen = copies(real.sample, 256, seed=41)
    found = scored(sample, real.rows[chosen], real.rows)
    assert (found.score <= 0.05).mean() >= 0.95
    assert (found.low > np.maximum(found.chance, 0.05)).mean() <= 0.01
    assert (found.own == chosen).mean() >= 0.99


def test_the_whole_reference_against_itself_scores_0(real: Real) -> None:
    found = scored(replace_narrow(real.sample, real.sample.reference), real.rows, real.rows)
    known = ~np.isnan(found.score)
    assert known.sum() > 1500
    assert (found.score[known] <= 0.05).mean() >= 0.95
    assert (found.low[known] > np.maximum(found.chance[known], 0.05)).mean() <= 0.01


@pytest.fixture(scope="module", params=[False, True], ids=["decoder", "decoder and encoder"])
def grafts(real: Real, request: pytest.FixtureRequest) -> ScoredGrafts:
    return score_grafts(real.sample, real.rows, 256, seed=42, with_encoder=request.param)


def test_grafts_are_found_and_named(grafts: ScoredGrafts) -> None:
    made, found = grafts.made, grafts.found
    assert auroc(found.score, made.truth > 0.05) >= 0.95
    assert (found.score[made.alpha == 0] > 0.05).mean() <= 0.03
    assert float(spearmanr(found.score, made.truth).statistic) >= 0.85
    mixed_in = [set(partners.tolist()) for partners in made.partners]
    named = [grafts.named(i) for i in range(len(mixed_in))]
    right = sum(len(one & other) for one, other in zip(named, mixed_in, strict=True))
    assert right / sum(map(len, named)) >= 0.6
    assert right / sum(map(len, mixed_in)) >= 0.6


def test_more_mixed_in_scores_more(grafts: ScoredGrafts) -> None:
    medians = [np.median(grafts.found.score[grafts.made.alpha == alpha]) for alpha in (0.0, 0.25, 0.5, 1.0)]
    assert (np.diff(medians) > 0.02).all()


def test_the_demos_own_narrow_sae_scores_far_above_chance(real: Real) -> None:
    found = scored(real.sample, real.decoders.narrow, real.rows)
    assert np.nanmedian(found.score) > 2 * found.chance_level
    assert found.chance_level < 0.15
