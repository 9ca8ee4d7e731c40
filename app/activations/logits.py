"""What a direction of the residual stream does to the logits, read straight through the unembedding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.activations.language_model import LanguageModel
from app.activations.show_tokens import TokenShower
from app.records import LogitWeights, TokenWeight

N_TOKENS = 10
LATENTS_PER_BLOCK = 256
"""256 latents × 49,152 tokens are 50 MB of logits."""


def unembedding(language_model: LanguageModel) -> torch.Tensor | None:
    """`[n_vocabulary, d_model]` output embedding with the final norm's gain folded in; None if it has none."""
    model: Any = language_model.model
    output = model.get_output_embeddings()
    if output is None:
        return None
    weight: torch.Tensor = output.weight.float()
    norm = getattr(getattr(model, "model", None), "norm", None)
    gain = getattr(norm, "weight", None)
    return weight if gain is None else weight * gain.float()


@torch.inference_mode()
def logit_weights(
    language_model: LanguageModel,
    directions: NDArray[np.float32],
    shower: TokenShower,
    *,
    progress: Callable[[int], None] = lambda n: None,
) -> list[LogitWeights] | None:
    """The ten tokens each direction raises and lowers most ("logit lens" of a decoder row).

    Later layers are skipped, so this is what the direction says to the output directly. Tokens that
    are only part of a character are left out.

    Args:
        directions: `[n, d_in]` unit decoder rows at a residual-stream hook.

    Returns:
        one entry a direction, or None where the model has no unembedding of this width.
    """
    weight = unembedding(language_model)
    if weight is None or weight.shape[1] != directions.shape[1]:
        return None
    whole = torch.tensor([shower.whole(token) is not None for token in range(len(weight))])
    weight = weight[whole]
    token_ids = torch.arange(len(whole))[whole]
    result: list[LogitWeights] = []
    for start in range(0, len(directions), LATENTS_PER_BLOCK):
        logits = torch.from_numpy(directions[start : start + LATENTS_PER_BLOCK]) @ weight.T
        top, bottom = logits.topk(N_TOKENS), logits.topk(N_TOKENS, largest=False)
        for row in range(len(logits)):
            result.append(
                LogitWeights(
                    top=_weights(shower, token_ids[top.indices[row]], top.values[row]),
                    bottom=_weights(shower, token_ids[bottom.indices[row]], bottom.values[row]),
                )
            )
        progress(len(logits))
    return result


def _weights(shower: TokenShower, ids: torch.Tensor, values: torch.Tensor) -> tuple[TokenWeight, ...]:
    return tuple(
        TokenWeight(shower.whole(int(token)) or "", float(value)) for token, value in zip(ids, values, strict=True)
    )
