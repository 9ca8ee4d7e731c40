"""Why a number of a latent is undefined, for people to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from app.records import LatentScores
from app.scores.partner_evidence import MIN_FIRINGS
from app.scores.scored import Scored
from app.scores.typical import MIN_TOKENS

NOTHING_EXPLAINED = "its partners' activations explain nothing of its own"
GROUP_TOO_SMALL = "too few firings, or rows of text, to tell its direction from noise"
NOISY_REFIT = "two halves of the tokens give it different directions: what the regression says is noise"
NOT_ABSORBED = "no sign that another latent has taken over its feature"
NOT_FOUND = "no reference latent explains 1 % of its decoder row"
NO_MATCH = "the other SAE has no latent that fires"
NEVER_FIRES = "never fires on the scored tokens"
NARROW_ONLY = "scores are defined for narrow latents, relative to the reference"

REASONS: Mapping[str, str] = {
    "hedging_score": NARROW_ONLY,
    "hedging_score_low": NARROW_ONLY,
    "hedging_score_high": NARROW_ONLY,
    "typical_hedging": NARROW_ONLY,
    "refit_hedging": NARROW_ONLY,
    "decoder_hedging": NARROW_ONLY,
    "activation_hedging": NARROW_ONLY,
    "decomposition_residual": NARROW_ONLY,
    "main_partner": "in no narrow latent's decomposition",
    "n_hedged_partners": NARROW_ONLY,
    "absorbed_by": NARROW_ONLY,
    "diagnosis": NARROW_ONLY,
    "max_activation": NEVER_FIRES,
    "mean_activation": NEVER_FIRES,
    "max_decoder_cosine": NO_MATCH,
    "max_decoder_cosine_percentile": NO_MATCH,
    "max_decoder_cosine_data_percentile": NO_MATCH,
    "max_decoder_cosine_index": NO_MATCH,
    "mutual_best": NO_MATCH,
    "max_jaccard": NEVER_FIRES,
    "max_jaccard_index": "fires together with no latent of the other SAE",
    "c_dec": "its SAE has no other latent",
}
"""Field -> why it is None, where nothing else is known; in the order in which a latent's reasons are stored."""


def with_reasons(latent: LatentScores, own: Mapping[str, str]) -> LatentScores:
    """The latent with a reason for each field that is None.

    Args:
        own: field -> reason, before the general ones.
    """
    known = {**REASONS, **own}
    return replace(latent, reasons={name: known[name] for name in REASONS if getattr(latent, name) is None})


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
