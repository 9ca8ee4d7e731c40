"""Activations to active latents only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from app.sae.load import LoadedSae


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


@torch.inference_mode()
def encode(loaded: LoadedSae, acts: torch.Tensor) -> EncodedBatch:
    """Encode a batch with the whole SAE.

    Activations are multiplied by the decoder norm: the reconstruction is then the sum of unit
    decoder rows, and activations of two SAEs have one unit.

    Args:
        acts: `[n, d_in]` float32.
    """
    module = loaded.module
    latents = module.encode(acts)
    active = latents > 0
    token, latent = active.nonzero(as_tuple=True)
    value = latents[active].numpy()
    counts = np.bincount(token.numpy(), minlength=len(acts)).astype(np.int64)
    index = latent.numpy().astype(np.int32)
    norms = module.W_dec.norm(dim=1).numpy()[index]
    if getattr(module.cfg, "rescale_acts_by_decoder_norm", False):
        # A TopK SAE of this kind has multiplied by the norm already, and divides by it to decode.
        value = value / norms
    return EncodedBatch(counts, index, value * norms, _residual(loaded, acts, counts, index, value))


def _residual(
    loaded: LoadedSae,
    acts: torch.Tensor,
    counts: NDArray[np.int64],
    latent: NDArray[np.int32],
    value: NDArray[np.float32],
) -> NDArray[np.float64]:
    """`[n_levels]` squared reconstruction error of each prefix, from active latents only.

    A dense product would cost as much as encoding; with L0 active latents of thousands the sparse
    one costs next to nothing.
    """
    module = loaded.module
    decoder = module.W_dec.numpy()
    indptr = np.concatenate([[0], np.cumsum(counts)])
    sparse = sp.csr_matrix((value, latent, indptr), shape=(len(acts), len(decoder)))
    prefixes = np.empty((len(loaded.whole_levels), *acts.shape), dtype=np.float32)
    reconstruction = np.broadcast_to(module.b_dec.numpy(), tuple(acts.shape)).copy()
    inner = 0
    for level, width in enumerate(loaded.whole_levels):
        group = sparse[:, inner:width] if len(loaded.whole_levels) > 1 else sparse
        reconstruction += group @ decoder[inner:width]
        prefixes[level] = reconstruction
        inner = width
    # All prefixes at once: SAELens forgets a token's scale once it is undone.
    outputs = module.run_time_activation_norm_fn_out(torch.from_numpy(prefixes))
    residual: NDArray[np.float64] = (acts - outputs).square().sum(dim=(1, 2), dtype=torch.float64).numpy()
    return residual
