"""The entry to scoring, from arrays alone: three features, each with a reference latent, and two narrow latents."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.stats

from app.arrays import Float32s, Float64s, Int64s
from app.errors import ScoringError
from app.parallel import BoundedQueue
from app.records import BySide
from app.scores.compare import score_comparison
from app.scores.latent_records import ScoreRecords, score_records
from app.scores.partners import PartnerLists
from app.scores.scored import Scored
from app.scores.weights import ComparedWeights, Weights
from app.stats.cells import CellCounter
from app.stats.co_firing import CoFiringTable
from app.stats.collect import SideStatistics, Statistics
from app.stats.contexts import TopContexts
from app.stats.density import FiringCounts
from app.stats.histograms import ActivationHistograms
from app.stats.input_sample import N_GROUPS, Sample
from app.stats.pairs import LatentPairs
from app.stats.partner_counts import PartnerCounter, PartnerCounts
from app.stats.reconstruction import ExplainedVariance
from tests.stats.dense_text import to_shard

N_TOKENS, D_IN = 6000, 16
MIXED, PURE = 0, 1
"""Narrow latents: one is the first feature with a part of the second, which often comes with it; one is the third."""


def activations() -> tuple[Float32s, Float32s]:
    """(narrow, reference); the last reference latent never fires."""
    rng = np.random.default_rng(0)
    first, third = rng.random(N_TOKENS) < 0.2, rng.random(N_TOKENS) < 0.1
    second = first & (rng.random(N_TOKENS) < 0.4)
    fires = np.stack([first, second, third, np.zeros_like(first)], axis=1)
    reference = (fires * np.maximum(1 + 0.2 * rng.standard_normal(fires.shape), 0.1)).astype(np.float32)
    narrow = np.stack([reference[:, 0] + 0.5 * reference[:, 1], reference[:, 2]], axis=1)
    return narrow, reference


def side_statistics(acts: Float32s) -> SideStatistics:
    shard = to_shard(acts, np.arange(len(acts)), np.zeros(len(acts), dtype=np.int32))
    firing, histograms, top = (
        FiringCounts(acts.shape[1]),
        ActivationHistograms(acts.shape[1]),
        TopContexts(acts.shape[1]),
    )
    for accumulator in (firing, histograms, top):
        accumulator.update(shard)
    explained = ExplainedVariance(len(acts), (None,), "not needed here")
    return SideStatistics(firing.finalize(), histograms.finalize(), explained, top.finalize())


def compared(turn: Float64s) -> tuple[ComparedWeights, Statistics]:
    """Weights and statistics, in a basis of the input space."""
    narrow, reference = activations()
    features = np.eye(D_IN)[:4] @ turn
    rows = np.stack([features[0] + 0.5 * features[1], features[2]])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    noise = 0.01 * np.random.default_rng(1).standard_normal((N_TOKENS, D_IN))
    inputs = (reference @ features + noise @ turn).astype(np.float32)
    bounds = np.linspace(0, N_TOKENS, N_GROUPS + 1).astype(np.int64)
    n_both = sp.csr_array((narrow > 0).T.astype(np.int64) @ (reference > 0).astype(np.int64))
    decoders = BySide(rows.astype(np.float32), features.astype(np.float32))
    weights = decoders.map(lambda decoder: Weights("sae", decoder, decoder, np.zeros(len(decoder), dtype=np.int64)))
    statistics = Statistics(
        BySide(side_statistics(narrow), side_statistics(reference)),
        CoFiringTable(N_TOKENS, n_both),
        Sample(
            inputs,
            sp.csc_array(narrow),
            sp.csc_array(reference),
            bounds,
            np.arange(N_TOKENS),
            np.zeros(N_TOKENS, dtype=np.int32),
        ),
    )
    return ComparedWeights(weights.narrow, weights.reference, is_prefix=False), statistics


def counted(statistics: Statistics, pairs: LatentPairs, lists: PartnerLists, split_by: Int64s) -> PartnerCounts:
    """The second pass, on the whole text as one shard."""
    position = np.zeros(N_TOKENS, dtype=np.int32)
    acts = BySide(*(to_shard(each, np.arange(N_TOKENS), position) for each in activations()))
    with BoundedQueue() as queue:
        cells = CellCounter(pairs, split_by)
        counter = PartnerCounter(statistics, pairs, lists.partners, lists.valid, cells=cells, queue=queue)
        counter.update(acts)
    return counter.finalize()


def score(turn: Float64s) -> Scored:
    weights, statistics = compared(turn)
    return score_comparison(weights, statistics, partial(counted, statistics)).scores


@pytest.fixture(scope="module")
def scored() -> Scored:
    return score(np.eye(D_IN))


@pytest.fixture(scope="module")
def records(scored: Scored) -> ScoreRecords:
    return score_records(scored, BySide(["mixed", "pure"], ["a", "b", "c", "d"]))


def test_a_mixed_latent_is_hedged_and_a_pure_one_is_clean(records: ScoreRecords) -> None:
    mixed, pure = records.latents.narrow
    assert (mixed.diagnosis, pure.diagnosis) == ("hedged", "clean")
    assert mixed.hedging_score == pytest.approx(0.2, abs=0.05)
    assert pure.hedging_score == pytest.approx(0, abs=0.01)


def test_partners_are_the_features_that_were_mixed(scored: Scored, records: ScoreRecords) -> None:
    assert scored.partners.of(MIXED).tolist() == [0, 1]
    assert scored.partners.of(PURE).tolist() == [2]
    np.testing.assert_allclose(scored.partners.shares[MIXED], [0.8, 0.2], atol=1e-6)
    main, hedged = records.partners[MIXED]
    assert (main.diagnosis, main.mixed_mass) == ("main", None)
    assert hedged.diagnosis == "hedged"
    assert hedged.mixed_mass == records.latents.narrow[MIXED].hedging_score
    assert records.partners[MIXED][1].n_both == int((activations()[1][:, 1] > 0).sum())


def test_the_reference_looks_the_other_way(records: ScoreRecords) -> None:
    assert [latent.main_partner for latent in records.latents.reference] == [MIXED, MIXED, PURE, None]
    assert [latent.diagnosis for latent in records.latents.reference] == [None, None, None, "dead"]
    assert [latent.label for latent in records.latents.reference] == ["a", "b", "c", "d"]


def test_rotation_of_the_input_space_changes_nothing(scored: Scored) -> None:
    turned = score(scipy.stats.ortho_group.rvs(D_IN, random_state=3))
    np.testing.assert_allclose(turned.mixing.score, scored.mixing.score, atol=5e-3)
    np.testing.assert_array_equal(turned.partners.partners, scored.partners.partners)
    np.testing.assert_allclose(turned.cosines.to_narrow, scored.cosines.to_narrow, atol=1e-6)


def test_a_reference_that_never_fires_is_refused() -> None:
    weights, statistics = compared(np.eye(D_IN))
    silent = side_statistics(np.zeros((N_TOKENS, 4), dtype=np.float32))
    nothing = Statistics(BySide(statistics.narrow, silent), statistics.co_firing, statistics.sample)
    with pytest.raises(ScoringError, match="no latent fires on the 6,000 scored tokens"):
        score_comparison(weights, nothing, partial(counted, nothing))
