"""Activations to active latents on a GPU: nothing dense leaves it.

The encoder's product takes bfloat16 where the model runs in it, but adds up and compares in float32: which
latents fire depends on small differences to a threshold. Reconstruction errors are summed in float64.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch

from app.activations.device import to_device, to_host
from app.sae.load import LoadedSae
from app.sparse.encode import EncodedBatch

BLOCK_VALUES = 1 << 28
"""Pre-activations made at once: 1 GiB in float32, 4,096 tokens of 65,536 latents."""


@dataclass
class DeviceEncoder:
    """Encodes on one device; each SAE is copied there once.

    Args:
        device: where.
        dtype: of the encoder's product; float32 or bfloat16.
    """

    device: torch.device
    dtype: torch.dtype = torch.float32

    def __post_init__(self) -> None:
        self._weights: dict[str, _Weights] = {}

    @torch.inference_mode()
    def __call__(self, loaded: LoadedSae, acts: torch.Tensor) -> EncodedBatch:
        """See `app.sparse.encode.encode`."""
        weights = self._weights.get(loaded.shard_key)
        if weights is None:
            weights = self._weights[loaded.shard_key] = _Weights.of(loaded, self.device, self.dtype)
        blocks = to_device(acts, self.device).split(max(1, BLOCK_VALUES // weights.norms.numel()))
        parts = [_encode(weights, block) for block in blocks]
        counts, latent, value, residual = to_host(
            *(torch.cat([part[i] for part in parts]) for i in range(3)),
            torch.stack([part[3] for part in parts]).sum(dim=0),
        )
        return EncodedBatch(counts, latent, value, residual)


@dataclass(frozen=True)
class _Weights:
    """An SAE on a device.

    Attributes:
        module: the SAELens module, in float32.
        folded: `(weight, bias, threshold)` where its encoder is one product and one comparison; None elsewhere.
        decoder: `[d_sae, d_in]`; norms: `[d_sae]` of its rows.
        widths: prefix widths; norm_in_acts: whether activations have the decoder norm in them.
    """

    module: Any
    folded: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None
    decoder: torch.Tensor
    norms: torch.Tensor
    widths: torch.Tensor
    norm_in_acts: bool

    @classmethod
    def of(cls, loaded: LoadedSae, device: torch.device, dtype: torch.dtype) -> _Weights:
        """Copy an SAE to a device."""
        module = copy.deepcopy(loaded.module).to(device)
        folded = loaded.folded
        product = None
        if folded is not None and folded.k is None:
            product = folded.weight.to(device, dtype), folded.bias.to(device), folded.threshold.to(device)
        return cls(
            module=module,
            folded=product,
            decoder=module.W_dec,
            norms=module.W_dec.norm(dim=1),
            widths=torch.tensor(loaded.whole_levels, device=device),
            norm_in_acts=bool(getattr(module.cfg, "rescale_acts_by_decoder_norm", False)),
        )


def _encode(weights: _Weights, acts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """(counts `[n]` int64, latents `[nnz]` int32, activations times norm `[nnz]` float32, `[n_levels]` errors)."""
    values, active = _pre_acts(weights, acts)
    d_sae = values.shape[1]
    index = (active & (weights.norms > 0)).flatten().nonzero().squeeze(1)
    token, latent = index // d_sae, index % d_sae
    value, norm = values.flatten()[index], weights.norms[latent]
    decoded = value / norm if weights.norm_in_acts else value
    counts = torch.bincount(token, minlength=len(acts))
    return counts, latent.int(), decoded * norm, _residual(weights, acts, token, latent, decoded)


def _pre_acts(weights: _Weights, acts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """`[n, d_sae]` float32 what a latent's activation is where it fires, and whether it does."""
    if weights.folded is None:
        latents = weights.module.encode(acts)
        return latents, latents > 0
    weight, bias, threshold = weights.folded
    pre_acts = product_in_float32(weights.module.run_time_activation_norm_fn_in(acts), weight).add_(bias)
    return pre_acts, pre_acts > threshold


def product_in_float32(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """`left @ right` in the dtype of `right`, added up and given back in float32."""
    if right.dtype == torch.float32:
        return left @ right
    if right.device.type == "cuda":
        return torch.mm(left.to(right.dtype), right, out_dtype=torch.float32)
    return left.to(right.dtype).float() @ right.float()


def _residual(
    weights: _Weights, acts: torch.Tensor, token: torch.Tensor, latent: torch.Tensor, value: torch.Tensor
) -> torch.Tensor:
    """`[n_levels]` float64 squared reconstruction error of each prefix."""
    n, n_levels = len(acts), len(weights.widths)
    group = token * n_levels + torch.searchsorted(weights.widths, latent, right=True)
    starts = torch.searchsorted(group, torch.arange(n * n_levels, device=acts.device))
    parts = torch.nn.functional.embedding_bag(latent, weights.decoder, starts, mode="sum", per_sample_weights=value)
    prefixes = parts.view(n, n_levels, -1).transpose(0, 1).cumsum(dim=0).add_(weights.module.b_dec)
    outputs = weights.module.run_time_activation_norm_fn_out(prefixes)
    residual: torch.Tensor = (acts - outputs).square().sum(dim=(1, 2), dtype=torch.float64)
    return residual
