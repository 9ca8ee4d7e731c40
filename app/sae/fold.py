"""An SAE's encoder as one matrix product and one comparison, where its architecture allows that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Folded:
    """An encoder with the decoder bias folded in: `pre_acts = norm_in(x) @ weight + bias`.

    A latent fires where `pre_acts > threshold`. Where `k` is given, only the k largest of
    `pre_acts * scale` can fire, as in a TopK SAE; `threshold` is 0 there.

    Attributes:
        weight: `[d_in, d_sae]`.
        bias: `[d_sae]`, `b_enc - b_dec @ W_enc` where the SAE subtracts its decoder bias from its input.
        threshold: `[d_sae]`, no lower than 0.
        scale: `[d_sae]` of the pre-activations before the largest are taken; None for 1.
        k: active latents a token at most; None where the threshold alone decides.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    threshold: torch.Tensor
    scale: torch.Tensor | None = None
    k: int | None = None


@torch.no_grad()
def fold(module: Any) -> Folded | None:
    """The folded encoder of a SAELens module; None where the architecture is not one of standard, jumprelu and topk.

    The decoder norms stay out of it: multiplying the few active entries by them costs nothing, and a latent whose
    pre-activation equals its threshold keeps deciding as it does in SAELens.
    """
    architecture = module.cfg.architecture()
    if architecture not in ("standard", "jumprelu", "topk"):
        return None
    bias = module.b_enc.detach().clone()
    if module.cfg.apply_b_dec_to_input:
        bias -= module.b_dec @ module.W_enc
    threshold = module.threshold.clamp(min=0) if architecture == "jumprelu" else torch.zeros_like(bias)
    if architecture != "topk":
        return Folded(module.W_enc.detach(), bias, threshold)
    scale = module.W_dec.norm(dim=-1) if module.cfg.rescale_acts_by_decoder_norm else None
    return Folded(module.W_enc.detach(), bias, threshold, scale, int(module.cfg.k))
