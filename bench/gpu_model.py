"""A language model, a text and SAEs made at random in the shape of Gemma-2-2B: speed depends on shapes only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from app.activations.batch import ActivationBatch, TokenRows
from app.activations.hooks import model_batches
from app.activations.language_model import LanguageModel
from app.activations.stream import stream_key
from app.sae.load import LoadedSae
from bench.synthetic import jumprelu, loaded

VOCABULARY = 4096


@dataclass(frozen=True)
class Shape:
    """What is measured.

    Attributes:
        d_model, d_mlp, n_heads, n_kv_heads, d_head: of the model; layer: of the hook.
        widths: latents of the SAEs; l0: active latents a token.
        row_length, n_rows: of the text.
    """

    d_model: int
    d_mlp: int
    n_heads: int
    n_kv_heads: int
    d_head: int
    layer: int
    widths: tuple[int, int]
    l0: int
    row_length: int
    n_rows: int


GEMMA_2_2B = Shape(2304, 9216, 8, 4, 256, 12, (16_384, 65_536), 100, 1024, 512)
TINY = Shape(64, 128, 2, 1, 32, 2, (128, 512), 8, 128, 64)


def random_model(shape: Shape, device: torch.device, dtype: torch.dtype) -> LanguageModel:
    """A model of this shape up to the hook's layer, with random weights."""
    from transformers import AutoModelForCausalLM, Gemma2Config

    config = Gemma2Config(
        vocab_size=VOCABULARY,
        hidden_size=shape.d_model,
        intermediate_size=shape.d_mlp,
        num_attention_heads=shape.n_heads,
        num_key_value_heads=shape.n_kv_heads,
        head_dim=shape.d_head,
        num_hidden_layers=shape.layer + 1,
        attn_implementation="eager" if device.type == "cpu" else "sdpa",
    )
    torch.manual_seed(0)
    with device:
        model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    model.eval().requires_grad_(False)
    return LanguageModel("random", "0" * 64, model, None, shape.d_model)


class RandomStream:
    """A text of random tokens through the model; see `ActivationStream`."""

    def __init__(self, language_model: LanguageModel, shape: Shape, rows_per_forward: int) -> None:
        ids = np.random.default_rng(0).integers(10, VOCABULARY, (shape.n_rows, shape.row_length)).astype(np.int32)
        keep = np.ones(ids.shape, dtype=np.bool_)
        keep[:, 0] = False
        self.rows, self.d_in = TokenRows(ids, keep), shape.d_model
        self.hook_name = f"model.layers.{shape.layer}"
        self.description: Mapping[str, Any] = {"model": "random", "shape": str(shape)}
        self.key = stream_key(self.description)
        self.language_model, self.rows_per_forward = language_model, rows_per_forward

    def batches(self, start: int, stop: int) -> Iterator[ActivationBatch]:
        """One batch a forward pass."""
        rows = self.rows.slice(start, stop)
        return model_batches(
            self.language_model, rows, self.hook_name, first_row=start, rows_per_forward=self.rows_per_forward
        )


def random_sae(name: str, d_sae: int, l0: int, sample: torch.Tensor) -> LoadedSae:
    """A JumpReLU SAE with random weights whose thresholds let about `l0` latents fire on the sample.

    Args:
        sample: `[n, d_in]` activations.
    """
    generator = torch.Generator().manual_seed(d_sae)
    rows = torch.randn(d_sae, sample.shape[1], generator=generator)
    module = jumprelu(torch.nn.functional.normalize(rows, dim=1))
    pre_acts = sample.float().cpu() @ module.W_enc
    threshold = float(pre_acts.flatten().kthvalue(pre_acts.numel() - l0 * len(sample))[0])
    module.threshold.fill_(max(1e-3, threshold))
    return loaded(name, module, module.W_dec.numpy(), f"{d_sae:064x}")
