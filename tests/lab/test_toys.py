"""The paper's toy results, trained: each against what theory says of it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from pydantic import TypeAdapter

from app.lab.toy_set import CHILD, TOYS
from app.lab.toys import Toy, TrainedToy, result_of, train_toy
from app.paths import resource
from app.records import ToyLab
from tests.lab.all_or_nothing import all_or_nothing

pytestmark = pytest.mark.slow

BY_NAME: dict[str, Toy] = {toy.name: toy for toy in TOYS}

N_SAMPLES = 1_000_000
"""Half of what the pages show, and settled to CLOSE."""

CLOSE = 0.03


@cache
def trained(name: str) -> TrainedToy:
    return train_toy(BY_NAME[name], n_samples=N_SAMPLES)


SINGLE = ["one-independent", "one-child", "one-correlated", "one-anti-correlated"]


@pytest.mark.parametrize("name", SINGLE)
def test_a_single_latent_learns_what_theory_says(name: str) -> None:
    toy, found = BY_NAME[name], trained(name)
    assert found.decoder[0] == pytest.approx(toy.expected[0], abs=CLOSE)
    assert toy.expected_b_dec is not None
    assert found.b_dec == pytest.approx(toy.expected_b_dec, abs=CLOSE)


def test_independent_features_are_not_mixed() -> None:
    """The decoder is feature 1, and the bias holds how often feature 2 fires."""
    found = trained("one-independent")
    assert found.decoder[0, 0] > 0.999
    assert found.b_dec == pytest.approx([0, 0.2], abs=CLOSE)


def test_a_child_is_mixed_into_its_parent() -> None:
    """Near an all-or-nothing latent's 1/sqrt(1.04), and in the encoder too: that is what tells it from absorption."""
    found = trained("one-child")
    assert all_or_nothing(BY_NAME["one-child"].world)[0] == pytest.approx(1 / np.sqrt(1 + CHILD**2))
    assert found.decoder[0, 0] == pytest.approx(1 / np.sqrt(1 + CHILD**2), abs=0.02)
    assert found.decoder[0, 1] > 0.2
    assert found.encoder[0, 1] > 0.1


def test_the_sign_is_the_correlation_s() -> None:
    for name, sign in (("one-correlated", 1), ("one-anti-correlated", -1)):
        found = trained(name)
        assert sign * found.decoder[0, 1] > 0.2, name
        assert sign * found.encoder[0, 1] > 0.1, name


@pytest.mark.parametrize("name", ["two-child", "two-correlated", "two-anti-correlated"])
def test_a_latent_for_each_feature_mixes_nothing(name: str) -> None:
    found = trained(name)
    assert np.abs(found.decoder).max(axis=0) == pytest.approx([1, 1], abs=0.01)
    # One latent alone would have 0.25, 0.52 and -0.26.
    assert np.abs(found.decoder - np.eye(2)).max() < 0.1


def test_hedging_absorption_and_what_lies_between() -> None:
    """A plain SAE absorbs, the inner latent of a Matryoshka SAE hedges, and balancing lies between.

    What tells them apart is the parent's encoder: absorption turns it away from children, hedging towards them.
    """
    plain, matryoshka, balanced = (trained(f"four-{kind}") for kind in ("plain", "matryoshka", "balanced"))
    # The parent's decoder stays clean, and children's latents hold a part of the parent.
    assert plain.decoder[0, 0] > 0.98
    assert plain.decoder[1:, 0].max() > 0.5
    # Children in the decoder and in the encoder of the inner latent.
    assert (matryoshka.decoder[0, 1:] > 0.05).all()
    assert (matryoshka.encoder[0, 1:] > 0.05).all()
    towards = [found.encoder[0, 1:].mean() for found in (plain, balanced, matryoshka)]
    assert towards[0] < -0.2
    assert towards[0] + 0.02 < towards[1]
    assert towards[1] + 0.1 < towards[2]


def test_the_inner_latent_is_near_the_narrow_sae_of_one_latent() -> None:
    toy = BY_NAME["four-matryoshka"]
    assert trained("four-matryoshka").decoder[0] @ np.array(toy.expected[0]) > 0.98


def test_records_have_what_was_trained() -> None:
    toy = BY_NAME["one-child"]
    record = result_of(toy, trained("one-child"))
    assert record.decoder[0] == pytest.approx(trained("one-child").decoder[0], abs=1e-6)
    assert record.patterns == ((0, 0), (1, 0), (1, 1))
    assert record.probabilities == pytest.approx((0.7, 0.24, 0.06))
    assert record.expected == toy.expected


def test_the_same_seed_gives_the_same_sae() -> None:
    first, second = (train_toy(BY_NAME["one-child"], n_samples=10_240) for _ in range(2))
    assert np.array_equal(first.decoder, second.decoder)


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(TOYS)


def test_the_page_shows_these_toys() -> None:
    """The kept results are of the worlds and SAEs as they are now."""
    kept = TypeAdapter(ToyLab).validate_json(resource("demo/lab/toys.json").read_bytes())
    assert [toy.name for toy in kept.toys] == [toy.name for toy in TOYS]
    for record, toy in zip(kept.toys, TOYS, strict=True):
        assert (record.title, record.text, record.features) == (toy.title, toy.text, toy.features)
        assert record.k == pytest.approx(toy.k)
        assert (record.widths, record.multipliers) == (toy.widths, toy.multipliers)
        assert record.probabilities == pytest.approx(toy.world.probabilities.tolist(), abs=1e-6)
        for found, expected in zip(record.decoder, record.expected, strict=False):
            # The single latents and those of wide SAEs settle on theory; the Matryoshka ones lie near it.
            assert found == pytest.approx(expected, abs=0.07 if not toy.widths else 0.5)
