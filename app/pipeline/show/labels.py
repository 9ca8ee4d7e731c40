"""The text around contexts, and the tokens that label a latent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from app.activations.show_tokens import UNKNOWN_TOKEN, TokenShower
from app.pipeline.source import Source
from app.records import BySide
from app.stats.contexts import ChosenContexts
from app.stats.partner_counts import PartnerCounts

LABEL_TOKENS = 4
WHITE_SPACE = {"\n": "↵", "\t": "⇥", " ": "␣"}


def text_of(
    source: Source, counts: PartnerCounts, n_latents: BySide[int]
) -> tuple[dict[int, tuple[str, ...]], BySide[list[str]]]:
    """(tokens of the rows that contexts come from, as pages show them; label of each latent)."""
    shower, ids = TokenShower(source.tokenizer), source.stream.rows.ids
    used = np.concatenate([*(chosen.row for chosen in counts.contexts), counts.pair_rows.row])
    tokens = {int(row): shower.row(ids[row]) for row in np.unique(used)}
    return tokens, BySide.of(lambda side: labels(tokens, counts.contexts[side], n_latents[side]))


def labels(tokens: Mapping[int, tuple[str, ...]], chosen: ChosenContexts, n_latents: int) -> list[str]:
    """The tokens at each latent's strongest contexts, most frequent first."""
    counts: list[Counter[str]] = [Counter() for _ in range(n_latents)]
    top = chosen.kind == 0
    for latent, row, position in zip(chosen.latent[top], chosen.row[top], chosen.position[top], strict=True):
        token = tokens[int(row)][position]
        if token != UNKNOWN_TOKEN:
            counts[latent][_label_token(token)] += 1
    return [" ".join(token for token, _ in counter.most_common(LABEL_TOKENS)) for counter in counts]


def _label_token(token: str) -> str:
    if token.strip():
        return token.strip()
    return "".join(WHITE_SPACE.get(character, "␣") for character in token) or "…"
