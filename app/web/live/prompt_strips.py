"""The strips of a grid of latents and tokens: one for each latent, a mark for each token on which it fires."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from app.web.live.prompt_records import PromptLatent
from app.web.shared import formatting as show

FAINTEST = 0.15
"""Opacity of a hardly active token."""

MOST_NAMED = 60
"""Tokens up to which each has its text above the strips."""

LONGEST = 14
"""Characters of a token's text there."""

HEAD_PX, STRIP_PX = 78, 18


def strip_svg(latent: PromptLatent, tokens: Sequence[str], largest: float) -> Markup:
    """A latent's activations over a text; the stronger relative to its largest, the stronger the colour."""
    width = 100 / len(tokens)
    marks = Markup("").join(
        Markup(
            '<rect x="{0:.3f}%" width="{1:.3f}%" height="100%" fill-opacity="{2:.2f}"><title>{3}</title></rect>'
        ).format(
            firing.token * width,
            width,
            FAINTEST + (1 - FAINTEST) * min(1.0, firing.activation / largest),
            f"{show.plain(tokens[firing.token])}: {show.number(firing.activation)}",
        )
        for firing in latent.firings
    )
    text = (
        f"{latent.sae} {latent.index} fires on {show.number(len(latent.firings))} of {show.number(len(tokens))} tokens"
    )
    return Markup('<svg class="strip {0}" role="img" aria-label="{1}" width="100%" height="{2}">{3}</svg>').format(
        latent.sae, text, STRIP_PX, marks
    )


def tokens_svg(tokens: Sequence[str]) -> Markup | None:
    """The tokens' texts above the strips; None where there are too many."""
    if not tokens or len(tokens) > MOST_NAMED:
        return None
    width = 100 / len(tokens)
    texts = Markup("").join(
        Markup('<svg x="{0:.3f}%" y="{1}"><text transform="rotate(-55)">{2}</text></svg>').format(
            (place + 0.5) * width, HEAD_PX - 4, show.plain(token)[:LONGEST]
        )
        for place, token in enumerate(tokens)
    )
    return Markup('<svg class="strip-head" aria-hidden="true" width="100%" height="{0}">{1}</svg>').format(
        HEAD_PX, texts
    )
