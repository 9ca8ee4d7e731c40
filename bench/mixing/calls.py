"""What a narrow latent is called, from its score, its interval and the comparison's chance level."""

from __future__ import annotations

from typing import Literal

import numpy as np

from bench.mixing.results import LatentMixing

Label = Literal["dead", "novel", "absorbed", "hedged", "merged", "uncertain", "clean"]

MIN_SCORE = 0.05
"""A latent is called hedged from this share of its squared length on, whatever the chance level."""

MERGED_SHARE = 0.5
"""Share of the score that lies with partners on which the latent fires alone, to be hinted at as merged."""


def label_of(latent: LatentMixing, chance_level: float, *, n_firings: int, novel: bool, absorbed: bool) -> Label | None:
    """The label of one narrow latent; None where it has no score.

    hedged: a named partner and an interval wholly above chance level and `MIN_SCORE`. merged: the same, with most of
    the score on partners that make the latent fire by themselves: a hint, since a hedge pulls the encoder along too.
    uncertain: the score is above, its interval reaches down to them. clean: the score is not above.

    Args:
        n_firings: of the latent; novel: no reference latent is near; absorbed: another one has taken over its feature.
    """
    if n_firings == 0:
        return "dead"
    if novel:
        return "novel"
    if absorbed:
        return "absorbed"
    if np.isnan(latent.score):
        return None
    bar = max(MIN_SCORE, 0.0 if np.isnan(chance_level) else chance_level)
    if not latent.partners or latent.score <= bar:
        return "clean"
    if latent.low <= bar:
        return "uncertain"
    merged = sum(partner.mass for partner in latent.partners if partner.merged)
    return "merged" if merged >= MERGED_SHARE * latent.score else "hedged"
