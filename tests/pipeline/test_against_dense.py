"""Every stored number of a comparison equals the dense computation from weights and activations alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from app.records import LatentScores, SideSummary
from app.scores.partner_evidence import MIN_FIRINGS
from app.store import read
from tests.pipeline.dense_cases import Case, rich_only
from tests.pipeline.dense_comparison import DensePair
from tests.pipeline.dense_sae import Dense
from tests.pipeline.world import DEAD_NARROW, DEAD_REFERENCE, N_NARROW, RARE_NARROW

pytestmark = pytest.mark.slow


@rich_only
def test_the_world_has_what_the_tests_need(case: Case) -> None:
    if case.summary.narrow.sae.d_sae == N_NARROW:
        assert case.dense.narrow.n[DEAD_NARROW] == 0
        assert 0 < case.dense.narrow.n[RARE_NARROW] < MIN_FIRINGS
        diagnoses = {latent.diagnosis for latent in case.latents("narrow")}
        assert {"novel", "dead"} <= diagnoses
    assert case.dense.reference.n[DEAD_REFERENCE] == 0


def test_the_summary(case: Case) -> None:
    assert case.summary.n_tokens == case.dense.n_tokens
    levels = case.dense.reference.levels
    assert case.summary.reference.sae.matryoshka_widths == (levels if len(levels) > 1 else None)
    for side, dense in ((case.summary.narrow, case.dense.narrow), (case.summary.reference, case.dense.reference)):
        check_side(side, dense)
    scores = [latent.hedging_score for latent in case.latents("narrow") if latent.hedging_score is not None]
    assert case.summary.n_scored == len(scores)
    assert bool(case.summary.score_quantiles) == bool(scores)
    for quantile, value in case.summary.score_quantiles.items():
        assert value == pytest.approx(np.quantile(scores, float(quantile)))
    expected = [sum(min(int(score * 20), 19) == k for score in scores) for k in range(20)]
    assert list(case.summary.score_histogram) == expected
    assert case.summary.n_hedged == sum(latent.diagnosis == "hedged" for latent in case.latents("narrow"))


def check_side(side: SideSummary, dense: Dense) -> None:
    assert side.l0 == pytest.approx(sum(dense.n) / len(dense.acts))
    assert side.n_dead == dense.n.count(0)
    assert side.explained_variance == pytest.approx(dense.explained[-1], abs=1e-5)
    inner = 0
    for level, width, explained, found in zip(
        range(len(dense.levels)), dense.levels, dense.explained, side.levels, strict=True
    ):
        group = dense.n[inner:width]
        assert (found.level, found.width, found.n_latents) == (level, width, len(group))
        assert found.n_dead == group.count(0)
        assert found.l0 == pytest.approx(sum(group) / len(dense.acts))
        assert found.explained_variance == pytest.approx(explained, abs=1e-5)
        inner = width


def test_the_null(case: Case) -> None:
    """Against fresh random directions; 2,000 of them know a mean to 0.005 and a percentile to 0.02."""
    directions = np.random.default_rng(99).normal(size=(4000, case.dense.reference.unit.shape[1]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    best = (directions @ case.dense.reference.unit[list(case.dense.possible)].T).max(axis=1)
    null = case.summary.null
    assert null.n_latents == len(case.dense.possible)
    assert null.mean == pytest.approx(best.mean(), abs=0.02)
    assert null.sd == pytest.approx(best.std(), abs=0.02)
    assert null.q95 == pytest.approx(np.quantile(best, 0.95), abs=0.03)
    for latent in case.latents("narrow"):
        assert latent.max_decoder_cosine is not None
        expected = float((best < latent.max_decoder_cosine).mean())
        assert latent.max_decoder_cosine_percentile == pytest.approx(expected, abs=0.05)


def test_what_each_latent_fires_on(case: Case) -> None:
    for side, dense in (("narrow", case.dense.narrow), ("reference", case.dense.reference)):
        for latent in case.latents(side):
            i, n = latent.index, dense.n[latent.index]
            assert latent.n_firings == n
            assert latent.density == pytest.approx(n / len(dense.acts))
            assert latent.level == dense.level(i)
            if not n:
                assert (latent.max_activation, latent.mean_activation, latent.diagnosis) == (None, None, "dead")
                continue
            active = dense.acts[:, i][dense.fires[:, i]]
            assert latent.max_activation == pytest.approx(active.max(), rel=1e-6)
            assert latent.mean_activation == pytest.approx(active.mean(), rel=1e-6)


def nearest(cosines: Sequence[float], possible: Sequence[int], itself: int | None) -> list[int]:
    return sorted((j for j in possible if j != itself), key=lambda j: (-cosines[j], j))[:10]


def test_neighbours_and_the_nearest_latent(case: Case) -> None:
    dense, own = case.dense, case.summary.narrow.sae.checksum == case.summary.reference.sae.checksum
    alive = [i for i, n in enumerate(dense.narrow.n) if n], [j for j, n in enumerate(dense.reference.n) if n]
    for i, latent in enumerate(case.latents("narrow")):
        detail = read.get_detail(case.engine, case.summary.slug, "narrow", i)
        others = nearest(dense.cosines[i].tolist(), dense.possible, None)
        same = (dense.narrow.unit @ dense.narrow.unit[i]).tolist()
        assert [each.index for each in detail.other_sae] == others
        assert [each.index for each in detail.same_sae] == nearest(same, alive[0], i)
        for each in detail.other_sae:
            assert each.decoder_cosine == pytest.approx(dense.cosines[i, each.index], abs=1e-6)
        assert latent.max_decoder_cosine_index == others[0]
        assert latent.max_decoder_cosine == pytest.approx(dense.cosines[i].max(initial=-1, where=mask(dense)), abs=1e-6)
        back = nearest(dense.cosines[:, others[0]].tolist(), alive[0], others[0] if own else None)[0]
        assert latent.mutual_best == (back == i)
    for j, latent in enumerate(case.latents("reference")):
        detail = read.get_detail(case.engine, case.summary.slug, "reference", j)
        others = nearest(dense.cosines[:, j].tolist(), alive[0], j if own else None)
        same = (dense.reference.unit @ dense.reference.unit[j]).tolist()
        assert [each.index for each in detail.other_sae] == others
        assert [each.index for each in detail.same_sae] == nearest(same, alive[1], j)
        assert latent.max_decoder_cosine == pytest.approx(dense.cosines[others[0], j], abs=1e-6)


def mask(dense: DensePair) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    possible = np.zeros(len(dense.reference.n), dtype=np.bool_)
    possible[list(dense.possible)] = True
    return possible


def test_c_dec(case: Case) -> None:
    for side, dense in (("narrow", case.dense.narrow), ("reference", case.dense.reference)):
        for latent in case.latents(side):
            cosines = [abs(float(dense.unit[latent.index] @ row)) for row in dense.unit]
            if len(cosines) == 1:
                assert latent.c_dec is None
                continue
            expected = (sum(cosines) - cosines[latent.index]) / (len(cosines) - 1)
            assert latent.c_dec == pytest.approx(expected, abs=1e-6)


def test_activation_overlap(case: Case) -> None:
    dense = case.dense
    own = case.summary.narrow.sae.checksum == case.summary.reference.sae.checksum
    for i, latent in enumerate(case.latents("narrow")):
        check_overlap(latent, {j: dense.jaccard(i, j) for j in dense.possible if dense.both[i][j]}, dense.narrow.n[i])
    for j, latent in enumerate(case.latents("reference")):
        meeting = [i for i in range(len(dense.narrow.n)) if dense.both[i][j] and not (own and i == j)]
        check_overlap(latent, {i: dense.jaccard(i, j) for i in meeting}, dense.reference.n[j])


def check_overlap(latent: LatentScores, jaccard: dict[int, float], n_firings: int) -> None:
    if not n_firings:
        assert latent.max_jaccard is None
        return
    best = max(jaccard, key=lambda other: (jaccard[other], -other)) if jaccard else None
    assert latent.max_jaccard_index == best
    assert latent.max_jaccard == pytest.approx(0 if best is None else jaccard[best])


def test_co_firing_and_cosines_of_all_pairs(case: Case) -> None:
    for i in range(case.summary.narrow.sae.d_sae):
        profile = read.get_profile(case.engine, case.summary.slug, i)
        assert profile.complete
        assert list(profile.indices) == list(range(len(case.dense.reference.n)))
        assert list(profile.n_both) == case.dense.both[i]
        np.testing.assert_allclose(profile.decoder_cosine, case.dense.cosines[i], atol=1e-6)


def test_every_none_has_a_reason(case: Case) -> None:
    for side in ("narrow", "reference"):
        for latent in case.latents(side):
            undefined = {name for name, value in vars(latent).items() if value is None}
            assert set(latent.reasons) == undefined
