from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.errors import ScoringError
from app.stats import partner_products
from app.stats.density import FiringCounts
from app.stats.joint_firings import joint_firings
from app.stats.pairs import LatentPairs, PairSums
from app.stats.partner_products import PartnerProducts
from tests.stats.dense_text import RICH_PLAN, RICH_TEXT, DenseText, Plan, make_text, one_row_each, plans, texts

Lists = tuple[NDArray[np.int64], NDArray[np.bool_]]


def random_lists(n_reference: int, seed: int) -> Lists:
    """Seven lists of unequal length, one empty; a latent may be twice in one."""
    rng = np.random.default_rng(seed)
    length = np.array([0, 1, 4, 2, 3, 4, 1])
    return rng.integers(0, n_reference, (7, 4)), np.arange(4) < length[:, None]


def by_looping(text: DenseText, lists: Lists) -> NDArray[np.float64]:
    """The sums, one cell at a time."""
    latents, valid = lists
    grams = np.zeros((*latents.shape, latents.shape[1]))
    acts = text.reference.astype(np.float64)
    for n in range(len(latents)):
        for k in np.flatnonzero(valid[n]):
            for other in np.flatnonzero(valid[n]):
                grams[n, k, other] = acts[:, latents[n, k]] @ acts[:, latents[n, other]]
    return grams


def test_hand_worked() -> None:
    grams = PartnerProducts(np.array([[2, 0], [1, 0]]), np.array([[True, True], [True, False]]), 3)
    grams.update(one_row_each([[0, 9, 3], [4, 9, 5], [6, 0, 1]]))
    assert grams.finalize().tolist() == [[[35, 26], [26, 52]], [[162, 0], [0, 0]]]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(text=texts(), plan=plans, seed=st.integers(0, 99))
@example(text=RICH_TEXT, plan=RICH_PLAN, seed=1)
def test_equals_dense_under_any_split(text: DenseText, plan: Plan, seed: int) -> None:
    n_reference = text.reference.shape[1]
    lists = random_lists(n_reference, seed)
    found = plan.run(lambda: PartnerProducts(*lists, n_reference), text, lambda grams, _, acts: grams.update(acts))
    np.testing.assert_array_equal(found, by_looping(text, lists))


@pytest.mark.parametrize("entries", [1, 60])
def test_multiplying_in_several_parts_changes_nothing(entries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partner_products, "BUFFER_ENTRIES", entries)
    text, lists = make_text(seed=21), random_lists(11, seed=1)
    grams = PartnerProducts(*lists, 11)
    for _, reference in text.shards([1, 3, 4]):
        grams.update(reference)
    np.testing.assert_array_equal(grams.finalize(), by_looping(text, lists))


def test_the_sums_give_the_regression_that_dense_activations_give() -> None:
    text = make_text(seed=22, n_rows=40, n_reference=4, active=0.8)
    shards = text.whole()
    grams = PartnerProducts(np.arange(4)[None], np.ones((1, 4), dtype=np.bool_), 4)
    pairs = LatentPairs(np.zeros(4, dtype=np.int64), np.arange(4))
    sums, narrow, reference = PairSums(pairs), FiringCounts(text.narrow.shape[1]), FiringCounts(4)
    grams.update(shards[1])
    sums.update(joint_firings(*shards, pairs))
    narrow.update(shards[0])
    reference.update(shards[1])
    n, mean = reference.n_tokens, reference.sum_activation / reference.n_tokens
    centred = grams.finalize()[0] - n * np.outer(mean, mean)
    covariance = sums.finalize().sum_products - narrow.sum_activation[0] * mean
    fires = text.reference.any(axis=0)
    solved = np.linalg.solve(centred[np.ix_(fires, fires)], covariance[fires])
    design = np.column_stack([text.reference[:, fires], np.ones(n)]).astype(np.float64)
    expected = np.linalg.lstsq(design, text.narrow[:, 0].astype(np.float64))[0][:-1]
    assert fires.sum() >= 2
    np.testing.assert_allclose(solved, expected, rtol=1e-9, atol=1e-12)


def test_without_lists_there_is_nothing_to_sum() -> None:
    grams = PartnerProducts(np.zeros((0, 1), dtype=np.int64), np.zeros((0, 1), dtype=np.bool_), 11)
    grams.update(make_text(seed=23).whole()[1])
    assert grams.finalize().shape == (0, 1, 1)


def test_another_width_is_refused() -> None:
    grams = PartnerProducts(np.zeros((1, 1), dtype=np.int64), np.ones((1, 1), dtype=np.bool_), 10)
    with pytest.raises(ScoringError, match="shard of 11 latents, expected 10"):
        grams.update(make_text(seed=14).whole()[1])
