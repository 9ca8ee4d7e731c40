"""What is known of a latent, in a sentence or two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.records import ComparisonSummary, LatentRelease, LatentScores
from app.web.shared import formatting as show
from app.web.shared.figures.style import shortened
from app.web.shared.latents import PartnerRow

Strength = str
"""`strong`, `moderate`, `weak` or empty."""

SHARES: tuple[tuple[float, str], ...] = (
    (0.015, "hardly any"),
    (0.035, "a small part"),
    (0.07, "about a twentieth"),
    (0.13, "about a tenth"),
    (0.22, "about a fifth"),
    (0.29, "about a quarter"),
    (0.37, "about a third"),
    (0.45, "about two fifths"),
    (0.56, "about half"),
    (0.71, "about two thirds"),
    (0.85, "about three quarters"),
    (1.01, "nearly all"),
)
"""Up to which share, in words."""

STRONG, MODERATE = 3.0, 1.5
"""Strength of the evidence by the interval's lower end, in chance levels."""

MOSTLY = 0.5
"""Share of the score on which the latent fires by itself, from which it is called merged rather than hedged."""


@dataclass(frozen=True)
class Verdict:
    """A verdict.

    Attributes:
        text: one or two sentences, with the numbers; its first words name the latent.
        strength: of the evidence; empty where there is none to weigh.
        reasons: what else speaks for or against it, each a sentence.
    """

    text: str
    strength: Strength
    reasons: tuple[str, ...]


def verdict(
    latent: LatentScores, partners: Sequence[PartnerRow], summary: ComparisonSummary, release: LatentRelease | None
) -> Verdict:
    """The verdict on a latent.

    Args:
        partners: of a narrow latent, the largest mixed mass first behind the main one; of a reference latent the
            narrow latents that it is mixed into.
        release: what the newest intervention measured of it.
    """
    if latent.sae == "reference":
        return Verdict(_of_reference(latent, partners), "", ())
    text = _of_narrow(latent, partners, summary)
    if latent.hedging_score is None or latent.diagnosis not in ("hedged", "uncertain", "clean"):
        return Verdict(text, "", ())
    return Verdict(text, _strength(latent), tuple(_reasons(latent, partners, release)))


def share_in_words(share: float) -> str:
    """A share in [0, 1] as people say it."""
    return next(words for limit, words in SHARES if share < limit)


def _of_narrow(latent: LatentScores, partners: Sequence[PartnerRow], summary: ComparisonSummary) -> str:
    name = f"Latent {latent.index}"
    if latent.diagnosis == "dead":
        return f"{name} is dead: it never fired on the {show.number(summary.n_tokens)} tokens."
    if latent.diagnosis == "novel":
        return (
            f"{name} is novel: no reference latent points its way. The nearest one has a cosine of "
            f"{show.number(latent.max_decoder_cosine)}, which random directions reach too."
        )
    if latent.diagnosis == "absorbed":
        own = f" Its hedging score is {_score(latent)}." if latent.hedging_score is not None else ""
        return f"{name} is absorbed: reference latent {latent.absorbed_by} has taken over part of its tokens.{own}"
    if latent.hedging_score is None:
        return f"{name} has no score: {latent.reasons.get('hedging_score', 'it fires too seldom')}."
    return f"{name} {_of_scored(latent, partners)}"


def _of_scored(latent: LatentScores, partners: Sequence[PartnerRow]) -> str:
    named = [row for row in partners if row.partner.mixed_mass is not None]
    score = latent.hedging_score or 0.0
    if latent.diagnosis == "hedged":
        kind = "is hedged, and probably merged" if (latent.merged_mass or 0) > MOSTLY * score else "is hedged"
        others = "one other reference latent" if len(named) == 1 else f"{len(named)} other reference latents"
        return (
            f"{kind}: {share_in_words(score)} of its direction ({_score(latent)}) belongs to {others}{_largest(named)}."
        )
    if latent.diagnosis == "clean":
        return (
            f"is clean: {share_in_words(score)} of its direction is mixed in ({_score(latent)}), no more than chance."
        )
    return f"is uncertain: what is mixed in ({_score(latent)}) may be chance."


def _score(latent: LatentScores) -> str:
    parts = [show.number(latent.hedging_score)]
    if latent.hedging_score_low is not None and latent.hedging_score_high is not None:
        parts.append(f"95 % interval {show.number(latent.hedging_score_low)}–{show.number(latent.hedging_score_high)}")
    if latent.hedging_chance is not None:
        parts.append(f"chance level {show.number(latent.hedging_chance)}")
    return ", ".join(parts)


def _largest(named: Sequence[PartnerRow]) -> str:
    """The two largest partners with their masses, and their labels."""
    shown = [
        f"{row.index} “{shortened(row.label) or 'no label'}” ({show.number(row.partner.mixed_mass)})"
        for row in named[:2]
    ]
    if not shown:
        return ""
    return f", most of it to {' and '.join(shown)}" if len(named) > len(shown) else f": {' and '.join(shown)}"


def _strength(latent: LatentScores) -> Strength:
    """How far the interval is from the chance level, on the side that the diagnosis says."""
    if latent.hedging_chance is None or latent.hedging_score_low is None or latent.hedging_score_high is None:
        return ""
    if latent.diagnosis == "uncertain":
        return "weak"
    if latent.diagnosis == "clean":
        return "strong" if latent.hedging_score_high < latent.hedging_chance / 2 else "moderate"
    ratio = latent.hedging_score_low / max(latent.hedging_chance, 1e-9)
    return "strong" if ratio >= STRONG else "moderate" if ratio >= MODERATE else "weak"


def _reasons(latent: LatentScores, partners: Sequence[PartnerRow], release: LatentRelease | None) -> list[str]:
    found = []
    if latent.diagnosis == "hedged" and latent.hedging_chance:
        times = (latent.hedging_score_low or 0.0) / latent.hedging_chance
        found.append(f"The lower end of its interval is {show.tenths(times)} times the chance level.")
    if latent.merged_mass:
        found.append(
            f"{show.number(latent.merged_mass)} of the score lies with partners on which it also fires by itself: "
            "there it may be several features in one latent."
        )
    if release is not None:
        found.append(_released(release))
    main = next((row for row in partners if row.partner.rank == 0), None)
    if main is not None and main.partner.p_j_given_i is not None:
        share = show.percent(main.partner.p_j_given_i)
        found.append(f"Its main partner, {main.index} “{shortened(main.label)}”, fires on {share} of its tokens.")
    return found


def _released(release: LatentRelease) -> str:
    error = "" if release.summed_se is None else f" ± {show.number(1.96 * release.summed_se)}"
    text = f"An intervention made it let go of {show.number(release.summed)}{error} of its squared norm"
    if release.summed_se is None:
        return f"{text}."
    if release.summed > 1.96 * release.summed_se:
        return f"{text}: measured, not inferred."
    return f"{text}: no more than training noise."


def _of_reference(latent: LatentScores, partners: Sequence[PartnerRow]) -> str:
    name = f"Reference latent {latent.index}"
    if not latent.n_firings:
        return f"{name} is dead: it never fired."
    into = [row for row in partners if row.partner.mixed_mass is not None]
    mains = [str(row.index) for row in partners if row.partner.rank == 0]
    own = (
        f"is the main partner of narrow latent {', '.join(mains[:3])}"
        if mains
        else "isn't the main partner of any narrow latent"
    )
    if not into:
        return f"{name} {own}, and is mixed into no narrow latent."
    most = f"{into[0].index} “{shortened(into[0].label) or 'no label'}” ({show.number(into[0].partner.mixed_mass)})"
    if len(into) == 1:
        return f"{name} {own}, and is mixed into one: {most}."
    return f"{name} {own}, and is mixed into {len(into)} narrow latents, most into {most}."
