"""What is shown and needs the tokenizer: the text around contexts, and what latents do to the logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from app.activations.hooks import point_of
from app.activations.logits import logit_lens, logit_weights_of
from app.activations.show_tokens import TokenShower
from app.arrays import Float32s
from app.pipeline.source import Source
from app.records import BySide, LogitWeights
from app.scores.weights import ComparedWeights
from app.stats.partner_counts import PartnerCounts


@dataclass(frozen=True)
class ShownText:
    """Everything shown that needs the tokenizer.

    Attributes:
        tokens: row of the text -> its tokens, of the rows that contexts come from.
        tokens_of: the same of any row of the text.
        logit_weights: of each latent of both SAEs, made while they are stored; None where there is no model.
        corrected_logits: of each corrected narrow row.
    """

    tokens: dict[int, tuple[str, ...]]
    tokens_of: Callable[[int], tuple[str, ...]]
    logit_weights: BySide[Iterator[LogitWeights | None]]
    corrected_logits: Iterator[LogitWeights | None]


def shown_text(source: Source, counts: PartnerCounts, weights: ComparedWeights, corrected: Float32s) -> ShownText:
    """The text around the contexts of a comparison, and logit weights of its latents.

    Args:
        corrected: `[n_narrow, d_in]` narrow rows without what is mixed in.
    """
    shower, ids, model = TokenShower(source.tokenizer), source.stream.rows.ids, source.language_model
    cells = counts.cells.rows.row, counts.cells.near_misses.row
    used = np.concatenate([*(chosen.row for chosen in counts.contexts), counts.pair_rows.row, *cells])
    tokens = {int(row): shower.row(ids[row]) for row in np.unique(used)}
    is_written = model is not None and source.hook_name is not None and point_of(model, source.hook_name).is_written
    lens = logit_lens(model, weights.narrow.decoder.shape[1], shower) if model is not None and is_written else None
    return ShownText(
        tokens,
        cache(lambda row: tokens.get(row) or shower.row(ids[row])),
        weights.map(lambda side: logit_weights_of(lens, side.decoder)),
        logit_weights_of(lens, corrected),
    )
