"""Partners, scores and diagnoses equal the dense computation."""

from __future__ import annotations

import numpy as np
import pytest

from app.records import LatentScores, Partner
from app.scores.partner_evidence import MIN_FIRINGS
from app.store import read
from tests.pipeline.dense_cases import Case, rich_only

pytestmark = pytest.mark.slow


def test_partners(case: Case) -> None:
    dense = case.dense
    for i, latent in enumerate(case.latents("narrow")):
        expected, left = dense.partners[i], dense.decompose(i)[1]
        stored = [partner for partner in partners_of(case, i) if partner.rank < len(expected)]
        assert [partner.index for partner in stored] == [partner.index for partner in expected]
        assert latent.decomposition_residual == (pytest.approx(left, abs=1e-5) if expected else None)
        assert latent.main_partner == (expected[0].index if expected else None)
        assert latent.decoder_hedging == (pytest.approx(1 - expected[0].share, abs=1e-5) if expected else None)
        for partner, other in zip(stored, expected, strict=True):
            j = partner.index
            assert partner.weight == pytest.approx(other.weight, abs=1e-5)
            assert partner.share == pytest.approx(other.share, abs=1e-5)
            assert partner.decoder_cosine == pytest.approx(dense.cosines[i, j], abs=1e-6)
            assert partner.level == dense.reference.level(j)
            counts = (dense.both[i][j], dense.narrow.n[i], dense.reference.n[j])
            assert (partner.n_both, partner.n_narrow, partner.n_reference) == counts
            assert partner.jaccard == pytest.approx(dense.jaccard(i, j))
            if np.isnan(dense.correlation(i, j)):
                assert (partner.phi, partner.z) == (None, None)
            else:
                assert partner.phi == pytest.approx(dense.correlation(i, j), abs=1e-9)
                assert partner.z == pytest.approx(dense.z(i, j, dense.every), abs=1e-6)
    for j, latent in enumerate(case.latents("reference")):
        assert latent.main_partner == dense.main_partner_of_reference(j)


@pytest.mark.slow
def test_scores(case: Case) -> None:
    for i, latent in enumerate(case.latents("narrow")):
        if case.dense.narrow.n[i] < MIN_FIRINGS:
            assert latent.hedging_score is None
            assert latent.activation_hedging is None
            continue
        check_activation_shares(case, i, latent)
        assert latent.hedging_score == pytest.approx(case.dense.mixing.scores[i], abs=2e-3)


@rich_only
def test_masses_of_named_partners(case: Case) -> None:
    n_named = 0
    for i, evidence in enumerate(case.dense.mixing.evidence):
        named = {p.index: p.mixed_mass for p in partners_of(case, i) if p.mixed_mass is not None}
        n_named += len(named)
        if evidence is None:
            assert named == {}
            continue
        mass = dict(zip(evidence.used, evidence.mass.tolist(), strict=True))
        assert named == pytest.approx({j: mass[j] for j in named}, abs=1e-3)
    assert n_named


def partners_of(case: Case, i: int) -> list[Partner]:
    return read.partners_of_narrow(case.engine, case.summary.slug, i)


def check_activation_shares(case: Case, i: int, latent: LatentScores) -> None:
    partners = partners_of(case, i)[: len(case.dense.partners[i])]
    if not case.dense.partners[i]:
        assert latent.activation_hedging is None
        return
    shares = case.dense.activation_shares(i, case.dense.every)
    assert [partner.activation_share for partner in partners] == pytest.approx(shares.tolist(), abs=1e-4)
    assert latent.activation_hedging == pytest.approx(shares[1:].sum(), abs=1e-4)


def test_roles_of_partners(case: Case) -> None:
    dense = case.dense
    for i in range(case.summary.narrow.sae.d_sae):
        for partner in partners_of(case, i):
            main = dense.reference.unit[dense.partners[i][0].index]
            if partner.rank == 0:
                expected = "main"
            elif partner.index == case.latents("narrow")[i].absorbed_by:
                expected = "absorbed"
            elif partner.mixed_mass is not None:
                expected = "hedged"
            elif float(main @ dense.reference.unit[partner.index]) >= 0.8:
                expected = "split"
            else:
                expected = "unexplained"
            assert partner.diagnosis == expected


def test_diagnoses(case: Case) -> None:
    for latent in case.latents("narrow"):
        assert latent.max_decoder_cosine_percentile is not None
        terms = [p.mixed_mass for p in partners_of(case, latent.index) if p.mixed_mass is not None]
        if not latent.n_firings:
            expected = "dead"
        elif latent.max_decoder_cosine_percentile < 0.95:
            expected = "novel"
        elif latent.hedging_score is not None:
            expected = called(latent) if latent.absorbed_by is None else "absorbed"
        else:
            expected = None
        assert latent.diagnosis == expected
        assert latent.n_hedged_partners == (None if latent.hedging_score is None else len(terms))
        if latent.hedging_score is not None:
            assert latent.hedging_score == pytest.approx(min(sum(terms), 1))


def called(latent: LatentScores) -> str:
    """By the interval and the chance level."""
    numbers = latent.hedging_score_low, latent.hedging_score_high, latent.hedging_chance
    low, high, chance = (value or 0.0 for value in numbers)
    if low > max(0.05, chance):
        return "hedged"
    return "uncertain" if high > max(0.05, chance) else "clean"


def test_pairs(case: Case) -> None:
    dense = case.dense
    for i, partners in enumerate(dense.partners):
        for partner in partners:
            j = partner.index
            stored = read.get_pair_detail(case.engine, case.summary.slug, i, j)
            assert stored is not None
            assert stored.narrow_edges == pytest.approx(dense.narrow.bands(i, 8))
            assert stored.reference_edges == pytest.approx(dense.reference.bands(j, 8))
            assert [list(line) for line in stored.joint_counts] == dense.joint(i, j)
            assert sum(map(sum, stored.joint_counts)) == dense.both[i][j]
            assert [(each.row, each.position) for each in stored.contexts] == dense.shared(i, j)
            for each in stored.contexts:
                start, stop = dense.narrow.window(each.position, each.row)
                assert each.start == start
                expected = dense.narrow.stretch(i, each.row, start, stop)
                assert each.narrow_activations == pytest.approx(expected, rel=1e-3)
                expected = dense.reference.stretch(j, each.row, start, stop)
                assert each.reference_activations == pytest.approx(expected, rel=1e-3)


@rich_only
def test_only_partners_have_a_joint_histogram(case: Case) -> None:
    partners = {partner.index for partner in partners_of(case, 0)}
    other = next(j for j in range(len(case.dense.reference.n)) if j not in partners)
    assert read.get_pair_detail(case.engine, case.summary.slug, 0, other) is None
