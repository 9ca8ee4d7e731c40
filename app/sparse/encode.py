"""Activations to active latents only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from app.sae.load import LoadedSae

BLOCK_VALUES = 1 << 21
"""Pre-activations computed at a time: 8 MB stay in the processor's cache until the active ones are selected."""

MIN_BLOCK = 256
"""Minimum tokens per block: with fewer, reading the encoder's weights takes longer than multiplying with them."""


@dataclass(frozen=True)
class EncodedBatch:
    """Active latents of some tokens, and how well each prefix reconstructs them.

    Attributes:
        counts: `[n]` int64 active latents of each token.
        latent: `[nnz]` int32, ascending within a token.
        value: `[nnz]` float32 activation times decoder norm, > 0.
        residual: `[n_levels]` float64, squared error of each prefix, summed over the tokens.
    """

    counts: NDArray[np.int64]
    latent: NDArray[np.int32]
    value: NDArray[np.float32]
    residual: NDArray[np.float64]


@dataclass(frozen=True)
class _Active:
    """Active latents of a block; `value` is SAELens' activation, with any factor of the decoder norm in it."""

    counts: NDArray[np.int64]
    latent: NDArray[np.int32]
    value: NDArray[np.float32]


@torch.inference_mode()
def encode(loaded: LoadedSae, acts: torch.Tensor) -> EncodedBatch:
    """Encode a batch with the whole SAE, a block of tokens at a time.

    Activations are multiplied by the decoder norm: the reconstruction is then the sum of unit
    decoder rows, and activations of two SAEs have one unit.

    Args:
        acts: `[n, d_in]` float32.
    """
    blocks = acts.split(max(MIN_BLOCK, BLOCK_VALUES // int(loaded.module.cfg.d_sae)))
    return join([_encode_block(loaded, block) for block in blocks])


def join(batches: Sequence[EncodedBatch]) -> EncodedBatch:
    """Several batches of one SAE, at least one, as one."""
    if len(batches) == 1:
        return batches[0]
    return EncodedBatch(
        counts=np.concatenate([batch.counts for batch in batches]),
        latent=np.concatenate([batch.latent for batch in batches]),
        value=np.concatenate([batch.value for batch in batches]),
        residual=np.sum([batch.residual for batch in batches], axis=0),
    )


def _encode_block(loaded: LoadedSae, acts: torch.Tensor) -> EncodedBatch:
    module = loaded.module
    active = _directed(_active_latents(loaded, acts), loaded.whole_norms)
    norm = loaded.whole_norms[active.latent]
    decoded = active.value
    if getattr(module.cfg, "rescale_acts_by_decoder_norm", False):
        # A TopK SAE of this kind has multiplied by the norm already, and divides by it to decode.
        decoded = decoded / norm
    return EncodedBatch(active.counts, active.latent, decoded * norm, _residual(loaded, acts, active, decoded))


def _active_latents(loaded: LoadedSae, acts: torch.Tensor) -> _Active:
    """What SAELens' encoder leaves above zero, by the folded encoder where there is one."""
    folded = loaded.folded
    if folded is None:
        latents = loaded.module.encode(acts)
        return _pick(latents, latents > 0)
    pre_acts = torch.addmm(folded.bias, loaded.module.run_time_activation_norm_fn_in(acts), folded.weight)
    if folded.k is None:
        return _pick(pre_acts, pre_acts > folded.threshold)
    scaled = pre_acts if folded.scale is None else pre_acts * folded.scale
    return _pick_largest(scaled, folded.k)


def _pick(values: torch.Tensor, active: torch.Tensor) -> _Active:
    """Entries of `[n, d_sae]` at which `active` is true."""
    n, d_sae = values.shape
    index = np.flatnonzero(active.numpy())
    starts = np.searchsorted(index, np.arange(n + 1) * d_sae)
    counts = np.diff(starts)
    latent = index - np.repeat(np.arange(n) * d_sae, counts)
    return _Active(counts, latent.astype(np.int32), values.numpy().ravel()[index])


def _pick_largest(values: torch.Tensor, k: int) -> _Active:
    """The k largest entries of each token, those above zero."""
    top = values.topk(k, dim=-1)
    order = top.indices.argsort(dim=-1)
    value, latent = top.values.gather(1, order).numpy(), top.indices.gather(1, order).numpy()
    active = value > 0
    return _Active(active.sum(axis=1), latent[active].astype(np.int32), value[active])


def _directed(active: _Active, norms: NDArray[np.float32]) -> _Active:
    """Without latents that have no direction: they add nothing, whatever their activation, and count as silent."""
    if norms.all():
        return active
    kept = norms[active.latent] > 0
    before = np.concatenate([[0], np.cumsum(kept)])
    counts = np.diff(before[np.concatenate([[0], np.cumsum(active.counts)])])
    return _Active(counts, active.latent[kept], active.value[kept])


def _residual(
    loaded: LoadedSae, acts: torch.Tensor, active: _Active, value: NDArray[np.float32]
) -> NDArray[np.float64]:
    """`[n_levels]` squared reconstruction error of each prefix, from active latents only.

    A dense product would cost as much as encoding; with L0 active latents of thousands, adding up
    their decoder rows costs next to nothing.
    """
    module, widths = loaded.module, np.array(loaded.whole_levels)
    n, n_levels = len(acts), len(widths)
    token = np.repeat(np.arange(n), active.counts)
    group = token * n_levels + np.searchsorted(widths, active.latent, side="right")
    parts = torch.nn.functional.embedding_bag(
        torch.from_numpy(active.latent.astype(np.int64)),
        module.W_dec,
        torch.from_numpy(np.searchsorted(group, np.arange(n * n_levels))),
        mode="sum",
        per_sample_weights=torch.from_numpy(value),
    )
    # All prefixes at once: SAELens forgets a token's scale once it is undone.
    prefixes = parts.view(n, n_levels, len(module.b_dec)).transpose(0, 1).cumsum(dim=0).add_(module.b_dec)
    outputs = module.run_time_activation_norm_fn_out(prefixes)
    residual: NDArray[np.float64] = (acts - outputs).square().sum(dim=(1, 2), dtype=torch.float64).numpy()
    return residual
