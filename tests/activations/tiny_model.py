"""A tiny random Llama, saved as transformers saves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

HOOK = "model.layers.1"
VOCABULARY = 64
D_MODEL = 8


def save_tiny_model(folder: Path, tokenizer: Any, *, seed: int = 0, vocabulary: int = VOCABULARY) -> Path:
    """Two layers of width 8; `folder` is to be made."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=D_MODEL,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
