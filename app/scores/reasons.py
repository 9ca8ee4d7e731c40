"""Why a number of a latent is undefined, for people to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from app.catalogue import LATENT_SPECS
from app.records import LatentScores
from app.scores.mixing.candidates import MIN_FIRINGS as MIN_SAMPLED
from app.scores.partner_evidence import MIN_FIRINGS
from app.scores.scored import Scored

NOTHING_EXPLAINED = "its partners' activations explain nothing of its own"
TOO_FEW_ROWS = "the text has too few rows to tell a mixture from noise"
NOT_ABSORBED = "no sign that another latent has taken over its feature"
NOT_FOUND = "no reference latent explains 1 % of its decoder row"

OF_SCORE = (
    "hedging_score",
    "hedging_score_low",
    "hedging_score_high",
    "hedging_chance",
    "merged_mass",
    "n_hedged_partners",
    "diagnosis",
)
"""Fields that a latent without a hedging score lacks."""


def with_reasons(latent: LatentScores, own: Mapping[str, str]) -> LatentScores:
    """The latent with a reason for each field that is None.

    Args:
        own: field -> reason, before the general ones.
    """
    undefined = {spec.name: spec.undefined for spec in LATENT_SPECS if getattr(latent, spec.name) is None}
    return replace(latent, reasons=undefined | {name: own[name] for name in undefined if name in own})


def narrow_reasons(scored: Scored, i: int) -> dict[str, str]:
    """Why a narrow latent's own fields are None, where they are."""
    mixing, firing = scored.mixing, scored.latents.narrow.firing
    of_score = _too_few(int(mixing.n_firings[i]), mixing.n_tokens, MIN_SAMPLED, "sampled") or TOO_FEW_ROWS
    of_partners = _too_few(int(firing.n_firings[i]), firing.n_tokens, MIN_FIRINGS, "scored") or NOTHING_EXPLAINED
    if not scored.partners.valid[i, 0]:
        of_partners = NOT_FOUND
    return {
        **dict.fromkeys(OF_SCORE, of_score),
        "activation_hedging": of_partners,
        **dict.fromkeys(("decoder_hedging", "decomposition_residual", "main_partner"), NOT_FOUND),
        "absorbed_by": NOT_ABSORBED,
    }


def _too_few(n: int, n_tokens: int, needed: int, which: str) -> str:
    """Empty where there are enough firings."""
    if n == 0:
        return f"never fires on the {n_tokens:,} {which} tokens"
    if n < needed:
        return f"fires on {n} of {n_tokens:,} {which} tokens; at least {needed} are needed"
    return ""
