"""Why a number of a latent is undefined, for people to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from app.catalogue import LATENT_SPECS
from app.records import LatentScores
from app.scores.partner_evidence import MIN_FIRINGS
from app.scores.scored import Scored
from app.scores.typical import MIN_TOKENS

NOTHING_EXPLAINED = "its partners' activations explain nothing of its own"
GROUP_TOO_SMALL = "too few firings, or rows of text, to tell its direction from noise"
NOISY_REFIT = "two halves of the tokens give it different directions: what the regression says is noise"
NOT_ABSORBED = "no sign that another latent has taken over its feature"
NOT_FOUND = "no reference latent explains 1 % of its decoder row"


def with_reasons(latent: LatentScores, own: Mapping[str, str]) -> LatentScores:
    """The latent with a reason for each field that is None.

    Args:
        own: field -> reason, before the general ones.
    """
    undefined = {spec.name: spec.undefined for spec in LATENT_SPECS if getattr(latent, spec.name) is None}
    return replace(latent, reasons=undefined | {name: own[name] for name in undefined if name in own})


def narrow_reasons(scored: Scored, i: int) -> dict[str, str]:
    """Why a narrow latent's own fields are None, where they are."""
    scores, firing = scored.hedging, scored.latents.narrow.firing
    of_score = _too_few(int(scores.n_firings[i]), scores.n_tokens, MIN_TOKENS, "sampled")
    of_score = of_score or (GROUP_TOO_SMALL if np.isnan(scores.typical[i]) else NOISY_REFIT)
    of_interval = of_score if np.isnan(scores.score[i]) else GROUP_TOO_SMALL
    of_partners = _too_few(int(firing.n_firings[i]), firing.n_tokens, MIN_FIRINGS, "scored") or NOTHING_EXPLAINED
    if not scored.partners.valid[i, 0]:
        of_partners = NOT_FOUND
    return {
        **dict.fromkeys(("hedging_score", "typical_hedging", "refit_hedging", "diagnosis"), of_score),
        **dict.fromkeys(("hedging_score_low", "hedging_score_high"), of_interval),
        **dict.fromkeys(("activation_hedging", "n_hedged_partners"), of_partners),
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
