"""The tokens that a latent fires on, for people to recognise it by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from app.records.bundle import UNKNOWN_TOKEN
from app.stats.contexts import ChosenContexts

LABEL_TOKENS = 4
WHITE_SPACE = {"\n": "↵", "\t": "⇥", " ": "␣"}


def latent_labels(contexts: ChosenContexts, tokens: Mapping[int, Sequence[str]], n_latents: int) -> list[str]:
    """The tokens at each latent's strongest contexts, most frequent first.

    Args:
        tokens: row of the text -> its tokens as they are shown.
    """
    counts: list[Counter[str]] = [Counter() for _ in range(n_latents)]
    top = contexts.kind == 0
    for latent, row, position in zip(contexts.latent[top], contexts.row[top], contexts.position[top], strict=True):
        token = tokens[int(row)][position]
        if token != UNKNOWN_TOKEN:
            counts[latent][_label_token(token)] += 1
    return [" ".join(token for token, _ in counter.most_common(LABEL_TOKENS)) for counter in counts]


def _label_token(token: str) -> str:
    if token.strip():
        return token.strip()
    return "".join(WHITE_SPACE.get(character, "␣") for character in token) or "…"
