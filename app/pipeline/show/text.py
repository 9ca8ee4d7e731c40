"""The text around contexts, the tokens that label a latent, and the vocabulary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from app.activations.logits import LogitLens, logit_lens
from app.activations.show_tokens import UNKNOWN_TOKEN, TokenShower
from app.pipeline.source import Source
from app.records import BySide
from app.sparse.read import ComparisonShape
from app.stats.contexts import ChosenContexts
from app.stats.partner_counts import PartnerCounts

LABEL_TOKENS = 4
WHITE_SPACE = {"\n": "↵", "\t": "⇥", " ": "␣"}


@dataclass(frozen=True)
class ShownText:
    """Everything shown that needs the tokenizer.

    Attributes:
        tokens: row of the text -> its tokens, of the rows that contexts come from.
        labels: of each latent of both SAEs.
        lens: what decoder rows are read through to the vocabulary; None where there is no model.
    """

    tokens: dict[int, tuple[str, ...]]
    labels: BySide[list[str]]
    lens: LogitLens | None


def shown_text(source: Source, counts: PartnerCounts, shape: ComparisonShape) -> ShownText:
    """The text around the contexts of a comparison, labels, and the vocabulary."""
    shower, ids, model = TokenShower(source.tokenizer), source.stream.rows.ids, source.language_model
    used = np.concatenate([*(chosen.row for chosen in counts.contexts), counts.pair_rows.row])
    tokens = {int(row): shower.row(ids[row]) for row in np.unique(used)}
    lens = None if model is None else logit_lens(model, shape.d_in, shower)
    names = BySide.of(lambda side: labels(tokens, counts.contexts[side], shape.n_latents[side]))
    return ShownText(tokens, names, lens)


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
