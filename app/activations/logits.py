"""What a direction of the residual stream does to the logits, read straight through the unembedding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.activations.language_model import LanguageModel
from app.activations.layers import final_norm
from app.activations.show_tokens import TokenShower
from app.parallel import ahead
from app.records import LogitWeights, TokenWeight

N_TOKENS = 10
DIRECTIONS_PER_BLOCK = 256
"""256 directions × 49,152 tokens are 50 MB of logits."""

GROUP = 64
"""Columns whose largest and smallest logit are found first."""

Ends = list[tuple[list[int], list[float]]]


def unembedding(language_model: LanguageModel) -> torch.Tensor | None:
    """`[n_vocabulary, d_model]` output embedding with the final norm's gain folded in; None if it has none."""
    model: Any = language_model.model
    output = model.get_output_embeddings()
    if output is None:
        return None
    weight: torch.Tensor = output.weight.float()
    path = final_norm(model)
    gain = None if path is None else _gain(model.get_submodule(path))
    return weight if gain is None else weight * gain


def _gain(norm: Any) -> torch.Tensor | None:
    """`[d_model]` factors of a norm; None where it has none."""
    weight: torch.Tensor | None = getattr(norm, "weight", None)
    if weight is None:
        return None
    gain = weight.float()
    # Gemma's norms multiply by one more than their weight.
    return gain + 1 if type(norm).__name__.startswith("Gemma") else gain


@dataclass(frozen=True)
class LogitLens:
    """The unembedding's rows of all tokens that can be shown.

    Attributes:
        weight: `[n, d_model]`; texts: `[n]` what the tokens look like.
    """

    weight: torch.Tensor
    texts: list[str]


@torch.inference_mode()
def logit_lens(language_model: LanguageModel, d_in: int, shower: TokenShower) -> LogitLens | None:
    """What directions of `d_in` numbers are read through; None where the model has no unembedding of this width.

    Tokens that are only part of a character are left out.
    """
    weight = unembedding(language_model)
    if weight is None or weight.shape[1] != d_in:
        return None
    texts = shower.vocabulary(len(weight))
    shown = [token for token, text in enumerate(texts) if text is not None]
    return LogitLens(weight[shown], [texts[token] or "" for token in shown])


def logit_weights_of(lens: LogitLens | None, directions: NDArray[np.float32]) -> Iterator[LogitWeights | None]:
    """Logit weights of each direction in turn; None where there is no lens.

    Nothing is made before the first is requested; then a few blocks are made ahead of their use.
    """
    if lens is None:
        yield from repeat(None, len(directions))
        return
    starts = range(0, len(directions), DIRECTIONS_PER_BLOCK)
    blocks = (directions[start : start + DIRECTIONS_PER_BLOCK] for start in starts)
    yield from chain.from_iterable(ahead(partial(logit_weights, lens), blocks))


@torch.inference_mode()
def logit_weights(lens: LogitLens, directions: NDArray[np.float32]) -> list[LogitWeights]:
    """The ten tokens each direction raises and lowers most ("logit lens" of a decoder row).

    Later layers are skipped, so this is what the direction says to the output directly. All logits are made at once:
    give `DIRECTIONS_PER_BLOCK` directions at most.

    Args:
        directions: `[n, d_in]` unit decoder rows at a residual-stream hook.
    """
    top, bottom = _ends(torch.from_numpy(directions) @ lens.weight.T, N_TOKENS)
    return [
        LogitWeights(_weights(lens.texts, *high), _weights(lens.texts, *low))
        for high, low in zip(top, bottom, strict=True)
    ]


def _ends(logits: torch.Tensor, k: int) -> tuple[Ends, Ends]:
    """The k largest and the k smallest of each row, as (indices, values) per row.

    The k largest lie in the k groups of columns with the largest maxima: only those are sorted,
    which takes a tenth of the time that sorting whole rows would.
    """
    n, width = logits.shape
    n_groups = width // GROUP
    if n_groups <= k:
        return _listed(logits.topk(min(k, width))), _listed(logits.topk(min(k, width), largest=False))
    grouped = logits[:, : n_groups * GROUP].view(n, n_groups, GROUP)
    # Each by itself is vectorised, `aminmax` is not.
    low, high = grouped.amin(dim=-1), grouped.amax(dim=-1)
    rest = torch.arange(n_groups * GROUP, width).expand(n, -1)
    ends = []
    for extreme, largest in ((high, True), (low, False)):
        groups = extreme.topk(k, largest=largest).indices
        columns = (groups[:, :, None] * GROUP + torch.arange(GROUP)).reshape(n, -1)
        columns = torch.cat([columns, rest], dim=1)
        found = logits.gather(1, columns).topk(k, largest=largest)
        ends.append(list(zip(columns.gather(1, found.indices).tolist(), found.values.tolist(), strict=True)))
    return ends[0], ends[1]


def _listed(found: Any) -> Ends:
    return list(zip(found.indices.tolist(), found.values.tolist(), strict=True))


def _weights(shown: list[str], columns: list[int], values: list[float]) -> tuple[TokenWeight, ...]:
    return tuple(TokenWeight(shown[column], value) for column, value in zip(columns, values, strict=True))
