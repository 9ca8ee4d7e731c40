"""Records of latents and partners: numbers from the arrays, a reason for every None, NaN nowhere."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.stats
from numpy.typing import NDArray

from app.records import BySide, LatentScores, Partner
from app.scores.cosines import mutual_best, nearest, neighbours
from app.scores.decomposition import decompose
from app.scores.latent_records import reference_latent, score_records
from app.scores.mixing.mixing import mixing
from app.scores.null import null_of
from app.scores.partner_evidence import MIN_FIRINGS, partner_evidence
from app.scores.partner_pairs import pair_cosines, partner_pairs
from app.scores.partners import as_lists
from app.scores.scored import LatentArrays, Scored
from app.scores.weights import ComparedWeights, Weights
from app.stats.best_partners import best_of_rows
from app.stats.density import FiringTotals
from app.stats.input_sample import N_GROUPS, Sample
from tests.scores.dense_moments import Dense, Floats, sparse_acts

N_TOKENS = 1200
SILENT, RARE, ORTHOGONAL, SILENT_ORTHOGONAL, JUST_ENOUGH = range(5)
"""Narrow latents that never fire, fire on too few tokens, have no partner, have none and never fire, and fire on
just enough tokens."""
N_LATENTS, N_REFERENCE, D_IN = 9, 14, 24
DEAD = 5
"""A reference latent that never fires."""


@dataclass(frozen=True)
class Built:
    """Records of a small comparison and what they were made from."""

    narrow: list[LatentScores]
    reference: list[LatentScores]
    partners: list[list[Partner]]
    dense: Dense


def decoders() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Narrow rows mix three reference rows; two are orthogonal to all of them."""
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(N_REFERENCE, D_IN))
    reference[:, 20:] = 0
    narrow = rng.normal(size=(N_LATENTS, 3))[:, :, None] * reference[rng.integers(0, N_REFERENCE, (N_LATENTS, 3))]
    rows = narrow.sum(axis=1)
    rows[[ORTHOGONAL, SILENT_ORTHOGONAL]] = np.eye(D_IN)[[21, 22]]
    scaled = [(each / np.linalg.norm(each, axis=1, keepdims=True)).astype(np.float32) for each in (rows, reference)]
    return scaled[0], scaled[1]


def activations() -> tuple[Floats, Floats]:
    rng = np.random.default_rng(1)
    reference = sparse_acts(rng, N_TOKENS, N_REFERENCE)
    reference[:, DEAD] = 0
    narrow = np.maximum(reference @ rng.random((N_REFERENCE, N_LATENTS)) - 2, 0)
    narrow[:, [SILENT, SILENT_ORTHOGONAL]] = 0
    narrow[MIN_FIRINGS - 1 :, RARE] = 0
    narrow[: MIN_FIRINGS - 1, RARE] += 1
    narrow[np.flatnonzero(narrow[:, JUST_ENOUGH])[MIN_FIRINGS:], JUST_ENOUGH] = 0
    return narrow.astype(np.float32).astype(np.float64), reference


def arrays(acts: Floats, other: Floats, rows: Any, other_rows: Any) -> LatentArrays:
    alive, other_alive = acts.max(axis=0) > 0, other.max(axis=0) > 0
    near = nearest(rows, other_rows, other_alive, 3)
    back = nearest(other_rows, rows, alive, 3)
    n, m = (acts > 0).sum(axis=0), (other > 0).sum(axis=0)
    n_both = sp.csr_array((acts > 0).T.astype(np.int64) @ (other > 0).astype(np.int64))
    sums = acts.sum(axis=0), np.square(acts).sum(axis=0), acts.max(axis=0).astype(np.float32)
    return LatentArrays(
        level=np.arange(len(rows)) // 4,
        firing=FiringTotals(len(acts), n, *sums),
        nearest=near,
        percentile=null_of(other_rows, other_alive, n_directions=50).percentile(near.cosine[:, 0]),
        data_percentile=null_of(
            other_rows, other_alive, inputs=np.eye(other_rows.shape[1], dtype=np.float32), n_directions=50
        ).percentile(near.cosine[:, 0]),
        mutual=mutual_best(near.index[:, 0], back.index[:, 0]),
        overlap=best_of_rows(n_both, n, m),
        c_dec=neighbours(rows, np.ones(len(rows), dtype=np.bool_), 1)[1],
    )


def labels(n: int) -> list[str]:
    return [f"label {index}" for index in range(n)]


def build() -> Built:
    (d, e), (narrow, reference) = decoders(), activations()
    alive = np.flatnonzero(np.asarray(reference.any(axis=0)))
    inputs = (reference @ e + 0.1 * np.random.default_rng(2).standard_normal((N_TOKENS, e.shape[1]))).astype(np.float32)
    bounds = np.linspace(0, N_TOKENS, N_GROUPS + 1).astype(np.int64)
    sparse = BySide(narrow, reference).map(lambda acts: sp.csc_array(acts.astype(np.float32)))
    row, position = np.arange(N_TOKENS), np.zeros(N_TOKENS, dtype=np.int32)
    sample = Sample(inputs, sparse.narrow, sparse.reference, bounds, row, position)
    mixed = mixing(sample, BySide(d, e), np.asarray(reference.any(axis=0)))
    lists = as_lists([decompose(row, e[alive], alive) for row in d], mixed.own)
    pairs = partner_pairs(lists, mixed.partners)
    dense = Dense(narrow, reference, lists.partners, lists.weights, lists.shares, lists.valid)
    latents = BySide(arrays(narrow, reference, d, e), arrays(reference, narrow, e, d))
    no_encoder = np.zeros((0, D_IN), dtype=np.float32)
    weights = BySide.of(lambda side: Weights("", BySide(d, e)[side], no_encoder, latents[side].level))
    scored = Scored(
        latents=latents,
        mixing=mixed,
        partners=lists,
        evidence=partner_evidence(dense.moments(), lists),
        pairs=pairs,
        n_both=((narrow > 0).T.astype(np.int64) @ (reference > 0))[pairs.pairs.narrow, pairs.pairs.reference],
        cosines=pair_cosines(ComparedWeights(weights.narrow, weights.reference, is_prefix=False), lists, pairs.pairs),
        absorbed_by=np.full(N_LATENTS, -1),
    )
    records = score_records(scored, BySide(labels(N_LATENTS), labels(N_REFERENCE)))
    return Built(records.latents.narrow, records.latents.reference, records.partners, dense)


@pytest.fixture(scope="module")
def built() -> Built:
    return build()


def test_every_none_has_a_reason_and_only_they_have(built: Built) -> None:
    for latent in [*built.narrow, *built.reference]:
        undefined = {field.name for field in fields(latent) if getattr(latent, field.name) is None}
        assert set(latent.reasons) == undefined
        assert all(latent.reasons.values())


def test_numbers_are_finite_plain_and_in_range(built: Built) -> None:
    from app.catalogue import LATENT_FIELDS, PARTNER_FIELDS

    records = [(LATENT_FIELDS, record) for record in [*built.narrow, *built.reference]]
    records += [(PARTNER_FIELDS, record) for each in built.partners for record in each]  # type: ignore[misc]
    for specs, record in records:
        for field in fields(record):
            value = getattr(record, field.name)
            assert type(value) in (int, float, bool, str, type(None), dict), field.name
            spec = specs.get(field.name)
            if isinstance(value, float):
                assert isfinite(value), field.name
            if isinstance(value, int | float) and spec is not None:
                assert spec.minimum is None or value >= spec.minimum, field.name
                assert spec.maximum is None or value <= spec.maximum, field.name


def test_a_latent_that_never_fires(built: Built) -> None:
    latent = built.narrow[SILENT]
    assert latent.diagnosis == "dead"
    assert latent.n_firings == latent.density == 0
    for field in ("hedging_score", "hedging_score_low", "hedging_chance", "activation_hedging", "n_hedged_partners"):
        assert "never fires" in latent.reasons[field]
    assert latent.decoder_hedging is not None
    assert latent.main_partner is not None


def test_a_latent_that_fires_on_too_few_tokens(built: Built) -> None:
    latent = built.narrow[RARE]
    assert latent.n_firings == MIN_FIRINGS - 1
    assert latent.hedging_score is None
    assert latent.n_hedged_partners is None
    assert "fires on 29 of 1,200 sampled tokens; at least 30" in latent.reasons["hedging_score"]
    assert "fires on 29 of 1,200 scored tokens; at least 30" in latent.reasons["activation_hedging"]
    assert latent.reasons["n_hedged_partners"] == latent.reasons["hedging_score"]
    assert latent.reasons["hedging_score_low"] == latent.reasons["hedging_score"]


def test_a_latent_without_partners(built: Built) -> None:
    latent = built.narrow[ORTHOGONAL]
    assert all(partner.rank > 0 and partner.share == 0 for partner in built.partners[ORTHOGONAL])
    assert latent.hedging_score is not None
    for field in ("decoder_hedging", "activation_hedging", "decomposition_residual", "main_partner"):
        assert getattr(latent, field) is None
        assert "explains 1 %" in latent.reasons[field]


def test_a_silent_latent_without_partners_says_both(built: Built) -> None:
    latent = built.narrow[SILENT_ORTHOGONAL]
    assert "never fires" in latent.reasons["hedging_score"]
    assert "explains 1 %" in latent.reasons["main_partner"]


def test_what_a_latent_fires_on(built: Built) -> None:
    for latents, acts in ((built.narrow, built.dense.narrow), (built.reference, built.dense.reference)):
        for latent in latents:
            active = acts[:, latent.index][acts[:, latent.index] > 0]
            assert latent.n_firings == len(active)
            assert latent.density == pytest.approx(len(active) / N_TOKENS)
            assert (latent.max_activation is None) == (not len(active))
            if len(active):
                assert latent.max_activation == pytest.approx(active.max())
                assert latent.mean_activation == pytest.approx(active.mean())


def test_most_overlapping_latent(built: Built) -> None:
    cases = (
        (built.narrow, built.dense.narrow, built.dense.reference),
        (built.reference, built.dense.reference, built.dense.narrow),
    )
    for latents, acts, other in cases:
        for latent in latents:
            own = acts[:, latent.index] > 0
            if not own.any():
                assert latent.max_jaccard is None
                assert latent.max_jaccard_index is None
                continue
            jaccard = [(own & (column > 0)).sum() / (own | (column > 0)).sum() for column in other.T]
            assert latent.max_jaccard == pytest.approx(max(jaccard))
            assert latent.max_jaccard_index == int(np.argmax(jaccard))


def test_partners_numbers_from_dense_activations(built: Built) -> None:
    for partner in (partner for each in built.partners for partner in each):
        a = built.dense.narrow[:, partner.narrow_index] > 0
        r = built.dense.reference[:, partner.index] > 0
        assert (partner.n_narrow, partner.n_reference) == (a.sum(), r.sum())
        assert partner.n_both == (a & r).sum()
        assert partner.jaccard == pytest.approx((a & r).sum() / (a | r).sum())
        if not a.any():
            assert partner.p_j_given_i is None
            assert partner.phi is None
            continue
        assert partner.p_j_given_i == pytest.approx(r[a].mean())
        assert partner.p_i_given_j == pytest.approx(a[r].mean())
        assert partner.phi == pytest.approx(np.corrcoef(a, r)[0, 1], abs=1e-9)
        for low, high, k, n in (
            (partner.jaccard_low, partner.jaccard_high, partner.n_both, int((a | r).sum())),
            (partner.p_j_given_i_low, partner.p_j_given_i_high, partner.n_both, partner.n_narrow),
        ):
            expected = scipy.stats.binomtest(k, n).proportion_ci(method="wilson")
            assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_partners_are_ranked_and_match_their_latent(built: Built) -> None:
    for latent, partners in zip(built.narrow, built.partners, strict=True):
        first = int(latent.main_partner is None)
        assert [partner.rank for partner in partners] == list(range(first, first + len(partners)))
        if latent.main_partner is None:
            continue
        assert latent.main_partner == partners[0].index
        assert partners[0].diagnosis == "main"
        assert sum(partner.share for partner in partners) == pytest.approx(1)
        assert latent.decoder_hedging == pytest.approx(1 - partners[0].share)
        terms = [partner.mixed_mass for partner in partners if partner.mixed_mass is not None]
        if latent.hedging_score is not None:
            assert latent.n_hedged_partners == len(terms)
            assert latent.hedging_score == pytest.approx(min(sum(terms), 1))


def test_named_partners_outside_the_decomposition_have_no_share(built: Built) -> None:
    named = [partner for each in built.partners for partner in each if partner.mixed_mass is not None]
    outside = [partner for partner in named if partner.weight == 0]
    assert 0 < len(outside) < len(named)
    assert all((partner.share, partner.activation_share) == (0, None) for partner in outside)
    for partner in named:
        assert partner.composition_mass is not None
        assert partner.residual_mass is not None
        assert partner.q_value is not None
        assert partner.mixed_mass == max(partner.composition_mass, partner.residual_mass) >= 0.005
        assert partner.q_value <= 0.05


def test_the_main_partner_of_a_reference_latent(built: Built) -> None:
    everyone = [partner for each in built.partners for partner in each]
    for latent in built.reference:
        own = [partner for partner in everyone if partner.index == latent.index and partner.share > 0]
        expected = max(own, key=lambda partner: partner.share).narrow_index if own else None
        assert latent.main_partner == expected
    assert built.reference[DEAD].diagnosis == "dead"
    assert built.reference[DEAD].main_partner is None


def test_nothing_alive_on_the_other_side_has_reasons() -> None:
    (d, e), (narrow, reference) = decoders(), activations()
    found = arrays(reference, np.zeros_like(narrow), e, d)
    for j in range(N_REFERENCE):
        latent = reference_latent(found, j, "", -1)
        assert latent.max_decoder_cosine is None
        assert latent.max_decoder_cosine_percentile is None
        assert latent.reasons["mutual_best"] == "the other SAE has no latent that fires"


def test_c_dec_of_a_single_latent_has_a_reason() -> None:
    (d, e), (narrow, reference) = decoders(), activations()
    latent = reference_latent(arrays(reference[:, :1], narrow, e[:1], d), 0, "", -1)
    assert latent.c_dec is None
    assert "no other latent" in latent.reasons["c_dec"]
