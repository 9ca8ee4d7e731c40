"""The sentence on a latent says what the numbers say, and how surely."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.records import ComparisonSummary, LatentRelease, LatentScores, Partner
from app.web.shared.latents import PartnerRow
from app.web.shared.verdict import share_in_words, verdict
from tests.builders import make_bundle

HEDGED = LatentScores(
    sae="narrow",
    index=151,
    level=0,
    label="y",
    n_firings=500,
    density=0.01,
    hedging_score=0.35,
    hedging_score_low=0.33,
    hedging_score_high=0.37,
    hedging_chance=0.08,
    merged_mass=0.0,
    diagnosis="hedged",
)


@pytest.fixture(scope="module")
def summary() -> ComparisonSummary:
    return make_bundle().summary


def row(index: int, label: str, mass: float | None, **changes: Any) -> PartnerRow:
    partner: Partner = next(iter(make_bundle().partners))
    rank = 0 if mass is None else 1
    return PartnerRow(
        replace(partner, index=index, rank=rank, mixed_mass=mass, p_j_given_i=0.5, **changes), index, label
    )


MAIN, FIRST, SECOND, THIRD = row(4, "y", None), row(7, "el", 0.2), row(8, "la", 0.1), row(9, "a" * 500, 0.05)


def test_a_hedged_latent(summary: ComparisonSummary) -> None:
    found = verdict(HEDGED, [MAIN, FIRST, SECOND, THIRD], summary, None)
    assert found.text == (
        "Latent 151 is hedged: about a third of its direction (0.350, 95 % interval 0.330–0.370, chance level 0.080) "
        "belongs to 3 other reference latents, most of it to 7 “el” (0.200) and 8 “la” (0.100)."
    )
    assert found.strength == "strong"
    assert found.reasons == (
        "The lower end of its interval is 4.1 times the chance level.",
        "Its main partner, 4 “y”, fires on 50 % of its tokens.",
    )


def test_one_partner_is_named_alone(summary: ComparisonSummary) -> None:
    text = verdict(HEDGED, [MAIN, FIRST], summary, None).text
    assert text.endswith("belongs to one other reference latent: 7 “el” (0.200).")


@pytest.mark.parametrize(("low", "strength"), [(0.30, "strong"), (0.15, "moderate"), (0.09, "weak")])
def test_the_strength_follows_the_interval(summary: ComparisonSummary, low: float, strength: str) -> None:
    assert verdict(replace(HEDGED, hedging_score_low=low), [MAIN, FIRST], summary, None).strength == strength


def test_merging_is_said(summary: ComparisonSummary) -> None:
    found = verdict(replace(HEDGED, merged_mass=0.3), [MAIN, FIRST], summary, None)
    assert "is hedged, and probably merged:" in found.text
    assert any(reason.startswith("0.300 of the score lies with partners") for reason in found.reasons)


def release(summed: float, error: float | None) -> LatentRelease:
    return LatentRelease(index=151, mass=0.3, summed=summed, summed_se=error, moved=None, control_moved=0.0)


@pytest.mark.parametrize(
    ("summed", "error", "words"),
    [
        (0.12, 0.02, "let go of 0.120 ± 0.039 of its squared norm: measured, not inferred."),
        (0.01, 0.02, "let go of 0.010 ± 0.039 of its squared norm: no more than training noise."),
        (0.12, None, "let go of 0.120 of its squared norm."),
    ],
)
def test_a_measured_release_is_weighed(
    summary: ComparisonSummary, summed: float, error: float | None, words: str
) -> None:
    reasons = verdict(HEDGED, [MAIN, FIRST], summary, release(summed, error)).reasons
    assert any(reason.endswith(words) for reason in reasons)


@pytest.mark.parametrize(
    ("changes", "words", "strength"),
    [
        ({"diagnosis": "clean", "hedging_score": 0.02, "hedging_score_high": 0.03}, "is clean: a small part", "strong"),
        ({"diagnosis": "uncertain", "hedging_score": 0.09}, "is uncertain: what is mixed in (0.090", "weak"),
        ({"diagnosis": "absorbed", "absorbed_by": 12}, "is absorbed: reference latent 12 has taken over", ""),
        ({"diagnosis": "novel", "max_decoder_cosine": 0.11}, "is novel: no reference latent points its way", ""),
        ({"diagnosis": "dead", "hedging_score": None}, "is dead: it never fired", ""),
        (
            {"diagnosis": None, "hedging_score": None, "reasons": {"hedging_score": "too few"}},
            "has no score: too few",
            "",
        ),
    ],
)
def test_other_diagnoses(summary: ComparisonSummary, changes: dict[str, Any], words: str, strength: str) -> None:
    found = verdict(replace(HEDGED, **changes), [MAIN], summary, None)
    assert found.text.startswith(f"Latent 151 {words}")
    assert found.strength == strength


def test_a_reference_latent(summary: ComparisonSummary) -> None:
    latent = replace(HEDGED, sae="reference", diagnosis=None, hedging_score=None)
    several = verdict(latent, [MAIN, FIRST, SECOND], summary, None)
    assert several.text == (
        "Reference latent 151 is the main partner of narrow latent 4, and is mixed into 2 narrow latents, most into 7 "
        "“el” (0.200)."
    )
    assert verdict(latent, [FIRST], summary, None).text.endswith("and is mixed into one: 7 “el” (0.200).")
    assert "mixed into no narrow latent" in verdict(latent, [], summary, None).text


def test_a_long_label_is_cut(summary: ComparisonSummary) -> None:
    assert len(verdict(HEDGED, [MAIN, THIRD], summary, None).text) < 300


@pytest.mark.parametrize(
    ("share", "words"), [(0.0, "hardly any"), (0.1, "about a tenth"), (0.5, "about half"), (1.0, "nearly all")]
)
def test_shares_in_words(share: float, words: str) -> None:
    assert share_in_words(share) == words
