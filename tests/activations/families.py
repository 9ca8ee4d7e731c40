"""Tiny random models of many families, made from their configurations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from app.activations.language_model import LanguageModel

WIDTH = 32
VOCABULARY = 64
N_LAYERS = 3

_SIZE = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "num_hidden_layers": N_LAYERS,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_GROUPED = {**_SIZE, "num_key_value_heads": 1}
_WIDE_HEADS = {**_GROUPED, "head_dim": 16}


def _config(name: str, **values: Any) -> Callable[[], Any]:
    def make() -> Any:
        import transformers

        return getattr(transformers, name)(**values)

    return make


def _gemma3_with_vision() -> Any:
    import transformers

    vision = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    return transformers.Gemma3Config(
        text_config=_config("Gemma3TextConfig", **_WIDE_HEADS)().to_dict(),
        vision_config=transformers.SiglipVisionConfig(**vision, image_size=28, patch_size=14).to_dict(),
        mm_tokens_per_image=4,
    )


_GPT2 = {"n_embd": WIDTH, "n_layer": N_LAYERS, "n_head": 2, "vocab_size": VOCABULARY, "n_positions": 64}
_OPT = {"word_embed_proj_dim": WIDTH, "ffn_dim": 64, "pad_token_id": 0}

FAMILIES: Mapping[str, Callable[[], Any]] = {
    "gpt2": _config("GPT2Config", **_GPT2, bos_token_id=1, eos_token_id=2),
    "gpt_neox": _config("GPTNeoXConfig", **_SIZE),
    "gpt_neox_sequential": _config("GPTNeoXConfig", **_SIZE, use_parallel_residual=False),
    "opt": _config("OPTConfig", **{k: v for k, v in _SIZE.items() if k != "intermediate_size"}, **_OPT),
    "llama": _config("LlamaConfig", **_GROUPED),
    "mistral": _config("MistralConfig", **_GROUPED),
    "qwen2": _config("Qwen2Config", **_GROUPED),
    "qwen3": _config("Qwen3Config", **_WIDE_HEADS),
    "gemma2": _config("Gemma2Config", **_WIDE_HEADS),
    "gemma3": _config("Gemma3TextConfig", **_WIDE_HEADS),
    "gemma3_with_vision": _gemma3_with_vision,
    "olmo2": _config("Olmo2Config", **_GROUPED),
    "granite": _config("GraniteConfig", **_GROUPED, residual_multiplier=0.22),
    "phi": _config("PhiConfig", **_SIZE),
}
"""Family -> its configuration."""


@torch.no_grad()
def make_model(family: str, seed: int = 0) -> Any:
    """A transformers model with random weights, and norms that are far from the identity."""
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(FAMILIES[family](), attn_implementation="eager").eval()
    for name, weight in model.named_parameters():
        weight.normal_(0, 0.3)
        if weight.ndim == 1 and ("norm" in name or "ln_" in name):
            weight.normal_(0, 0.5).add_(2.0)
    return model


def language_model_of(family: str) -> LanguageModel:
    """The same without a tokenizer."""
    return LanguageModel(family, "checksum", make_model(family), None, WIDTH)
