"""Every stored number of a comparison equals the dense computation from weights and activations alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine

from app.pipeline.run import run
from app.progress import silent
from app.records import ComparisonSummary, Context, LatentScores, SideSummary
from app.scores.partner_evidence import MIN_FIRINGS
from app.store import read
from tests.pipeline.conftest import Workplace, open_workplace
from tests.pipeline.dense_comparison import EDGES, Dense, DensePair, Spot, compare
from tests.pipeline.odd_sizes import ODD_SIZES, Odd
from tests.pipeline.world import DEAD_NARROW, DEAD_REFERENCE, N_NARROW, RARE_NARROW, World

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


@pytest.fixture(scope="module", params=[*RICH, *ODD_SIZES])
def case(
    request: pytest.FixtureRequest,
    world: World,
    scored: tuple[Workplace, ComparisonSummary],
    tmp_path_factory: pytest.TempPathFactory,
) -> Case:
    if request.param == "two SAEs":
        place, summary = scored
        return Case(place.engine, summary, compare(world.narrow, world.reference, world.acts))
    if request.param in ODD_SIZES:
        return odd_case(ODD_SIZES[request.param], tmp_path_factory.mktemp("odd"))
    place = open_workplace(tmp_path_factory.mktemp("prefix"))
    summary = run(place.engine, place.data_dir, world.request(narrow=f"{world.reference}@{WIDTH}"), silent)
    return Case(place.engine, summary, compare(world.reference, world.reference, world.acts, narrow_width=WIDTH))


def odd_case(odd: Odd, folder: Path) -> Case:
    compared, dense = odd.make(folder)
    place = open_workplace(folder)
    return Case(place.engine, run(place.engine, place.data_dir, compared, silent), dense)


rich_only = pytest.mark.parametrize("case", RICH, indirect=True, scope="module")


@rich_only
def test_the_world_has_what_the_tests_need(case: Case) -> None:
    if case.summary.narrow.sae.d_sae == N_NARROW:
        assert case.dense.narrow.n[DEAD_NARROW] == 0
        assert 0 < case.dense.narrow.n[RARE_NARROW] < MIN_FIRINGS
        diagnoses = {latent.diagnosis for latent in case.latents("narrow")}
        assert {"hedged", "novel", "dead"} <= diagnoses
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


def every(dense: DensePair) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.ones(dense.n_tokens, dtype=np.bool_)


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


def test_partners(case: Case) -> None:
    dense = case.dense
    for i, latent in enumerate(case.latents("narrow")):
        stored = read.partners_of_narrow(case.engine, case.summary.slug, i)
        expected, left = dense.decompose(i)
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
                assert partner.z == pytest.approx(dense.z(i, j, every(dense)), abs=1e-6)
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
        assert latent.typical_hedging == pytest.approx(case.dense.typical(i), abs=1e-3)
        refit = case.dense.refit(i)
        if refit is None or latent.typical_hedging is None:
            assert latent.hedging_score is None
            continue
        assert latent.refit_hedging == pytest.approx(refit[0], abs=0.01)
        assert latent.refit_hedging is not None
        expected = max(latent.typical_hedging, (0.5 if refit[1] >= 0.95 else 1) * latent.refit_hedging)
        assert latent.hedging_score == pytest.approx(expected)


def check_activation_shares(case: Case, i: int, latent: LatentScores) -> None:
    partners = read.partners_of_narrow(case.engine, case.summary.slug, i)
    if not partners:
        assert latent.activation_hedging is None
        return
    shares = case.dense.activation_shares(i, every(case.dense))
    assert [partner.activation_share for partner in partners] == pytest.approx(shares.tolist(), abs=1e-4)
    assert latent.activation_hedging == pytest.approx(shares[1:].sum(), abs=1e-4)


def test_roles_of_partners(case: Case) -> None:
    dense = case.dense
    for i in range(case.summary.narrow.sae.d_sae):
        for partner in read.partners_of_narrow(case.engine, case.summary.slug, i):
            main = dense.reference.unit[dense.partners[i][0].index]
            gate = np.sign(partner.weight) * dense.z(i, partner.index, every(dense)) >= dense.significant
            large = partner.activation_share is not None and partner.share + partner.activation_share >= 0.1
            if partner.rank == 0:
                expected = "main"
            elif partner.index == case.latents("narrow")[i].absorbed_by:
                expected = "absorbed"
            elif float(main @ dense.reference.unit[partner.index]) >= 0.8:
                expected = "split"
            else:
                expected = "hedged" if gate and large else "unexplained"
            assert partner.diagnosis == expected


def test_diagnoses(case: Case) -> None:
    for latent in case.latents("narrow"):
        assert latent.max_decoder_cosine_percentile is not None
        partners = read.partners_of_narrow(case.engine, case.summary.slug, latent.index)
        n_hedged = sum(partner.diagnosis == "hedged" for partner in partners)
        if not latent.n_firings:
            expected = "dead"
        elif latent.max_decoder_cosine_percentile < 0.95:
            expected = "novel"
        elif latent.hedging_score is not None:
            expected = "hedged" if latent.hedging_score >= 0.1 else "clean"
            expected = expected if latent.absorbed_by is None else "absorbed"
        else:
            expected = None
        assert latent.diagnosis == expected
        known = partners and latent.n_firings >= MIN_FIRINGS
        assert latent.n_hedged_partners == (n_hedged if known else None)


def test_histograms(case: Case) -> None:
    for side, dense in (("narrow", case.dense.narrow), ("reference", case.dense.reference)):
        for i, n in enumerate(dense.n):
            found = read.get_detail(case.engine, case.summary.slug, side, i).histogram  # type: ignore[arg-type]
            counts = dense.histogram(i)
            filled = [k for k, count in enumerate(counts) if count]
            if not n:
                assert (found.edges, found.counts) == ((), ())
                continue
            assert list(found.counts) == counts[filled[0] : filled[-1] + 1]
            assert found.edges == pytest.approx(EDGES[filled[0] : filled[-1] + 2])


def test_contexts(case: Case) -> None:
    dense = case.dense
    main = [each[0].index if each else None for each in dense.partners]
    back = [dense.main_partner_of_reference(j) for j in range(len(dense.reference.n))]
    for side, own, other, partners in (
        ("narrow", dense.narrow, dense.reference, main),
        ("reference", dense.reference, dense.narrow, back),
    ):
        for i in range(len(own.n)):
            stored = read.get_detail(case.engine, case.summary.slug, side, i).contexts  # type: ignore[arg-type]
            top, banded = own.top(i), own.of_bands(i)
            assert [context.kind for context in stored] == ["top"] * len(top) + [f"q{number}" for number, _ in banded]
            for context, spot in zip(stored, [*top, *(spot for _, spot in banded)], strict=True):
                check_context(context, spot, own, other, i, partners[i])


def check_context(context: Context, spot: Spot, own: Dense, other: Dense, latent: int, partner: int | None) -> None:
    row, position, activation = spot
    start, stop = own.window(position, row)
    assert (context.row, context.position, context.start) == (row, position, start)
    assert context.activation == pytest.approx(activation, rel=1e-6)
    assert context.activations == pytest.approx(own.stretch(latent, row, start, stop), rel=1e-3)
    if partner is None:
        assert context.partner_activations is None
    else:
        assert context.partner_activations == pytest.approx(other.stretch(partner, row, start, stop), rel=1e-3)


@rich_only
def test_there_are_contexts_of_every_strength(case: Case) -> None:
    kinds = {
        context.kind
        for i in range(case.summary.narrow.sae.d_sae)
        for context in read.get_detail(case.engine, case.summary.slug, "narrow", i).contexts
    }
    assert kinds == {"top", "q1", "q2", "q3", "q4", "q5"}


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
    partners = {partner.index for partner in case.dense.partners[0]}
    other = next(j for j in range(len(case.dense.reference.n)) if j not in partners)
    assert read.get_pair_detail(case.engine, case.summary.slug, 0, other) is None


def test_every_none_has_a_reason(case: Case) -> None:
    for side in ("narrow", "reference"):
        for latent in case.latents(side):
            undefined = {name for name, value in vars(latent).items() if value is None}
            assert set(latent.reasons) == undefined
