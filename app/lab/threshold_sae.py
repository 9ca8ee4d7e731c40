"""An SAE whose latents fire above a threshold each, as arrays that can be put together and saved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.arrays import Float32s, Int64s
from app.errors import SaeError
from app.sae.load import LoadedSae


@dataclass(frozen=True)
class ThresholdSae:
    """n latents of the form `a = pre * (pre > threshold)`, `pre = x @ weight + bias`.

    Attributes:
        weight: `[d_in, n]`; bias, threshold: `[n]`, the decoder bias folded in.
        rows: `[n, d_in]` unit decoder rows; norms: `[n]` of the decoder.
        b_dec: `[d_in]`.
    """

    weight: Float32s
    bias: Float32s
    threshold: Float32s
    rows: Float32s
    norms: Float32s
    b_dec: Float32s

    @classmethod
    def of(cls, sae: LoadedSae) -> ThresholdSae:
        """A loaded SAE.

        Raises:
            SaeError: which of its latents fire depends on the other ones.
        """
        folded, n = sae.folded, sae.d_sae
        if folded is None or folded.k is not None:
            raise SaeError(
                f"{sae.record.name}: which of its latents fire depends on the others, so they can't be copied one by "
                "one; choose a comparison whose reference has a threshold per latent (ReLU, JumpReLU, BatchTopK)"
            )
        return cls(
            weight=folded.weight[:, :n].numpy(),
            bias=folded.bias[:n].numpy(),
            threshold=folded.threshold[:n].numpy(),
            rows=sae.unit_decoder,
            norms=sae.decoder_norms,
            b_dec=sae.module.b_dec.detach().numpy(),
        )

    def take(self, latents: Int64s) -> ThresholdSae:
        """Some of its latents."""
        parts = self.bias[latents], self.threshold[latents], self.rows[latents], self.norms[latents]
        return ThresholdSae(self.weight[:, latents], *parts, self.b_dec)

    def encode(self, inputs: Float32s) -> Float32s:
        """`[m, n]` activations times decoder norms."""
        pre = inputs @ self.weight + self.bias
        found: Float32s = np.where(pre > self.threshold, pre, 0) * self.norms
        return found

    def save(self, folder: Path) -> None:
        """As SAELens saves a JumpReLU SAE."""
        from sae_lens import JumpReLUSAE, JumpReLUSAEConfig

        d_in, n = self.weight.shape
        sae: Any = JumpReLUSAE(JumpReLUSAEConfig(d_in=d_in, d_sae=n, device="cpu", apply_b_dec_to_input=False))
        with torch.no_grad():
            sae.W_enc.copy_(torch.from_numpy(self.weight))
            sae.b_enc.copy_(torch.from_numpy(self.bias))
            sae.threshold.copy_(torch.from_numpy(self.threshold))
            sae.W_dec.copy_(torch.from_numpy(self.rows * self.norms[:, None]))
            sae.b_dec.copy_(torch.from_numpy(self.b_dec))
        folder.mkdir(parents=True, exist_ok=True)
        sae.save_model(str(folder))
