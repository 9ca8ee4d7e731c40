"""The layers of a language model, and the modules in them, under whatever names its family gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.errors import ModelError

LAYER_LISTS = (
    "model.layers",
    "transformer.h",
    "gpt_neox.layers",
    "model.decoder.layers",
    "model.language_model.layers",
    "language_model.model.layers",
    "model.text_model.layers",
    "transformer.blocks",
    "transformer.layers",
)
"""Where families keep their layers; Llama and most others in the first."""

ATTENTION = ("self_attn", "attn", "attention", "self_attention")
MLP = ("mlp", "feed_forward", "block_sparse_moe", "ffn", "fc2")
"""`fc2` is OPT's: its layers have no module around the MLP, whose last step it is."""

FIRST_NORM = ("input_layernorm", "ln_1", "self_attn_layer_norm", "ln_attn")
POST_ATTENTION_NORM = ("post_self_attn_layernorm", "post_attention_layernorm")
POST_MLP_NORM = ("post_feedforward_layernorm", "post_mlp_layernorm")
SECOND_NORM = ("pre_feedforward_layernorm", "post_attention_layernorm", "ln_2", "final_layer_norm", "ln_mlp")
OUT_PROJECTION = ("o_proj", "c_proj", "dense", "out_proj", "wo", "attention.out_proj")
DOWN_PROJECTION = ("down_proj", "c_proj", "dense_4h_to_h", "fc2", "fc_out", "w2")
UP_PROJECTION = ("gate_proj", "c_fc", "dense_h_to_4h", "fc1", "fc_in", "w1")
FINAL_NORM = (
    "model.norm",
    "transformer.ln_f",
    "gpt_neox.final_layer_norm",
    "model.decoder.final_layer_norm",
    "model.final_layernorm",
    "model.language_model.norm",
    "language_model.model.norm",
)
POSITION_EMBEDDINGS = ("transformer.wpe", "model.decoder.embed_positions")


@dataclass(frozen=True)
class Layer:
    """One layer of a model.

    Attributes:
        path: of the layer, such as `model.layers.8`; module: it.
    """

    path: str
    module: Any

    def child(self, names: tuple[str, ...], inside: str = "") -> str | None:
        """Path of the first of these modules that the layer has, in `inside` if given."""
        for name in names:
            relative = f"{inside}.{name}" if inside else name
            if submodule(self.module, relative) is not None:
                return f"{self.path}.{relative}"
        return None

    @property
    def attention(self) -> str | None:
        """Path of the attention."""
        return self.child(ATTENTION)

    @property
    def mlp(self) -> str | None:
        """Path of the MLP, or of its last step."""
        return self.child(MLP)

    @property
    def post_attention_norm(self) -> str | None:
        """Path of a norm between the attention and the residual stream, as in Gemma 2 and OLMo 2."""
        if self.child(POST_MLP_NORM) is None:
            return None
        return self.child(POST_ATTENTION_NORM)

    @property
    def post_mlp_norm(self) -> str | None:
        """Path of a norm between the MLP and the residual stream."""
        return self.child(POST_MLP_NORM)

    @property
    def first_norm(self) -> str | None:
        """Path of the norm before the attention."""
        return self.child(FIRST_NORM)

    @property
    def second_norm(self) -> str | None:
        """Path of the norm before the MLP."""
        names: tuple[str, ...] = SECOND_NORM
        if self.post_attention_norm is not None:
            after = self.post_attention_norm.rpartition(".")[2]
            names = tuple(name for name in SECOND_NORM if name != after)
        return self.child(names)

    @property
    def multiplier(self) -> float:
        """What attention and MLP are multiplied by before they are added, as in Granite."""
        return float(getattr(self.module, "residual_multiplier", 1.0))


def submodule(module: Any, path: str) -> Any | None:
    """A module by its path; None where there is none."""
    try:
        return module.get_submodule(path)
    except AttributeError:
        return None


def layer_list(model: Any) -> tuple[str, int]:
    """(path of the list of the model's layers, their number).

    Raises:
        ModelError: no list of layers was found.
    """
    for path in LAYER_LISTS:
        found = submodule(model, path)
        if found is not None and type(found).__name__ == "ModuleList":
            return path, len(found)
    n_layers = getattr(text_config(model), "num_hidden_layers", None)
    lists = [
        path
        for path, module in model.named_modules()
        if type(module).__name__ == "ModuleList" and len(module) == n_layers and "vision" not in path
    ]
    if not lists:
        raise ModelError("no list of layers was found in this model; name the module by its path, with --hook")
    shortest = min(lists, key=len)
    return shortest, len(model.get_submodule(shortest))


def layer_at(model: Any, index: int) -> Layer | None:
    """Layer `index` of a model; None where it has fewer."""
    path, n_layers = layer_list(model)
    if index >= n_layers:
        return None
    return Layer(f"{path}.{index}", model.get_submodule(f"{path}.{index}"))


def text_config(model: Any) -> Any:
    """The configuration of a model's language part: a multimodal model has others too."""
    getter = getattr(model.config, "get_text_config", None)
    return model.config if getter is None else getter()


def final_norm(model: Any) -> str | None:
    """Path of the norm before the output embedding."""
    return next((path for path in FINAL_NORM if submodule(model, path) is not None), None)
