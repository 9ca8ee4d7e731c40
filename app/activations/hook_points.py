"""A hook name on a given model: which tensor it means, under TransformerLens' names and under module paths."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from app.activations.hook_names import parse
from app.activations.layers import (
    DOWN_PROJECTION,
    OUT_PROJECTION,
    POSITION_EMBEDDINGS,
    UP_PROJECTION,
    Layer,
    final_norm,
    layer_at,
    layer_list,
    submodule,
    text_config,
)
from app.errors import ModelError

NAMES_SHOWN = 12
"""Modules of a layer that a message lists."""


@dataclass(frozen=True)
class HookPoint:
    """A tensor of a model, and what is done to it to become the activation that a hook name means.

    Attributes:
        module: path of the module whose input or output it is.
        is_input: whether it is the module's input.
        scale: it is multiplied by this, as on its way into the residual stream.
        norm_eps: it is divided by its norm per dimension, as a norm layer does before its weights; the layer's epsilon.
        takes_mean: whether its mean is taken off before that, as LayerNorm does.
        is_centred: whether its mean over the width is taken off.
        is_written: whether it is the residual stream or is added to it.
        head: first and last channel (exclusive) of the attention head that is read; None for all.
    """

    module: str
    is_input: bool = False
    scale: float = 1.0
    norm_eps: float | None = None
    takes_mean: bool = False
    is_centred: bool = False
    is_written: bool = False
    head: tuple[int, int] | None = None

    @property
    def key(self) -> str:
        """One name for it on its model, whatever it was called."""
        parts = [self.module]
        parts += ["(input)"] if self.is_input else []
        parts += [f"x {self.scale:g}"] if self.scale != 1 else []
        parts += ["normalised"] if self.norm_eps is not None else []
        parts += [f"channels {self.head[0]} to {self.head[1] - 1}"] if self.head else []
        parts += ["centred"] if self.is_centred else []
        return " ".join(parts)

    def read(self, value: torch.Tensor) -> torch.Tensor:
        """The activations of a caught tensor `[..., width]`."""
        if self.norm_eps is not None:
            value = value.float()
            value = value - value.mean(-1, keepdim=True) if self.takes_mean else value
            value = value / (value.square().mean(-1, keepdim=True) + self.norm_eps).sqrt()
        if self.head is not None:
            value = value[..., self.head[0] : self.head[1]]
        if self.is_centred:
            value = value - value.mean(-1, keepdim=True)
        return value if self.scale == 1 else value * self.scale


def resolve(model: Any, hook_name: str) -> HookPoint:
    """The tensor that a hook name means on a transformers model.

    Understands TransformerLens' names (`blocks.8.hook_resid_post`, `hook_resid_pre`, `hook_resid_mid`, `hook_mlp_out`,
    `hook_attn_out`, `attn.hook_z`, `ln1.hook_normalized`, `ln2.hook_normalized`, `mlp.hook_pre`, `mlp.hook_post`,
    `hook_embed`, `ln_final.hook_normalized`) and module paths (`model.layers.8`), which mean the module's output, or
    its input with `.input` behind them. `hook_mlp_out` and `hook_attn_out` are what is added to the residual stream:
    behind a norm or a multiplier where the model has one there.

    Raises:
        ModelError: the model has no such place; the message lists what it has, and the nearest name.
    """
    name = parse(hook_name)
    point = _transformer_lens(model, name.place)
    if point is None:
        point = _module(model, name.place)
    if point is None:
        raise _unknown(model, name.place)
    if name.head is not None:
        point = replace(point, head=_channels(model, point, name.place, name.head))
    if name.is_centred and point.is_written and _has_layer_norm(model):
        point = replace(point, is_centred=True)
    return point


def _transformer_lens(model: Any, place: str) -> HookPoint | None:
    if place in ("hook_embed", "blocks.0.hook_embed"):
        return _embedding(model)
    if place == "ln_final.hook_normalized":
        path = final_norm(model)
        return None if path is None else _normalized(model, path)
    match = re.fullmatch(r"blocks\.(\d+)\.(.+)", place)
    finder = None if match is None else _IN_LAYER.get(match[2])
    if match is None or finder is None:
        return None
    layer = layer_at(model, int(match[1]))
    found = None if layer is None else finder(model, layer)
    if layer is not None and found is None:
        raise ModelError(f"hook {place}: the layers of this model have no such place; {_places(model)}")
    return found


def _before_layer(model: Any, layer: Layer) -> HookPoint:
    """The output of the layer before it, which is the same tensor; the input of the first layer."""
    head, _, index = layer.path.rpartition(".")
    if int(index):
        return HookPoint(f"{head}.{int(index) - 1}", is_written=True)
    return HookPoint(layer.path, is_input=True, is_written=True)


def _after_layer(model: Any, layer: Layer) -> HookPoint:
    return HookPoint(layer.path, is_written=True)


def _between(model: Any, layer: Layer) -> HookPoint | None:
    """The residual stream between attention and MLP: what the MLP's norm reads, or the MLP where it has none."""
    reader = layer.second_norm or (layer.mlp if layer.first_norm is None else None)
    return None if reader is None else HookPoint(reader, is_input=True, is_written=True)


def _mlp_out(model: Any, layer: Layer) -> HookPoint | None:
    path = layer.post_mlp_norm or layer.mlp
    return None if path is None else HookPoint(path, scale=layer.multiplier, is_written=True)


def _attention_out(model: Any, layer: Layer) -> HookPoint | None:
    path = layer.post_attention_norm or layer.attention
    return None if path is None else HookPoint(path, scale=layer.multiplier, is_written=True)


def _heads(model: Any, layer: Layer) -> HookPoint | None:
    """What the heads compute, side by side: the input of the output projection."""
    inside = layer.attention
    path = None if inside is None else layer.child(OUT_PROJECTION, inside.removeprefix(f"{layer.path}."))
    return None if path is None else HookPoint(path, is_input=True)


def _mlp_post(model: Any, layer: Layer) -> HookPoint | None:
    path = _mlp_part(layer, DOWN_PROJECTION)
    return None if path is None else HookPoint(path, is_input=True)


def _mlp_pre(model: Any, layer: Layer) -> HookPoint | None:
    path = _mlp_part(layer, UP_PROJECTION)
    return None if path is None else HookPoint(path)


def _mlp_part(layer: Layer, names: tuple[str, ...]) -> str | None:
    inside = layer.mlp
    if inside is None or inside.endswith(".fc2"):
        return layer.child(names)
    return layer.child(names, inside.removeprefix(f"{layer.path}."))


def _first_normalized(model: Any, layer: Layer) -> HookPoint | None:
    path = layer.first_norm or layer.post_attention_norm
    return None if path is None else _normalized(model, path)


def _second_normalized(model: Any, layer: Layer) -> HookPoint | None:
    path = layer.second_norm or layer.post_mlp_norm
    return None if path is None else _normalized(model, path)


_IN_LAYER: Mapping[str, Callable[[Any, Layer], HookPoint | None]] = {
    "hook_resid_pre": _before_layer,
    "hook_in": _before_layer,
    "hook_resid_mid": _between,
    "hook_mlp_in": _between,
    "hook_resid_post": _after_layer,
    "hook_out": _after_layer,
    "hook_mlp_out": _mlp_out,
    "hook_attn_out": _attention_out,
    "attn.hook_z": _heads,
    "ln1.hook_normalized": _first_normalized,
    "ln2.hook_normalized": _second_normalized,
    "mlp.hook_pre": _mlp_pre,
    "mlp.hook_post": _mlp_post,
}


def _embedding(model: Any) -> HookPoint:
    """The token embedding as it enters the residual stream, scaled where the model scales it."""
    if any(submodule(model, path) is not None for path in POSITION_EMBEDDINGS):
        embedding = model.get_input_embeddings()
        path = next(name for name, module in model.named_modules() if module is embedding)
        return HookPoint(path, is_written=True)
    return HookPoint(f"{layer_list(model)[0]}.0", is_input=True, is_written=True)


def _normalized(model: Any, module: str) -> HookPoint:
    norm = model.get_submodule(module)
    eps = getattr(norm, "eps", None) or getattr(norm, "variance_epsilon", None)
    if eps is None:
        raise ModelError(f"hook {module}: its norm has no epsilon; name the module by itself for its output")
    return HookPoint(module, is_input=True, norm_eps=float(eps), takes_mean=_takes_mean(norm))


def _takes_mean(norm: Any) -> bool:
    return isinstance(norm, torch.nn.LayerNorm)


def _has_layer_norm(model: Any) -> bool:
    path = final_norm(model)
    return path is not None and _takes_mean(model.get_submodule(path))


def _module(model: Any, place: str) -> HookPoint | None:
    """A module's output, or its input with `.input` behind its path."""
    path, is_input = place, False
    for suffix in (".input", ".output"):
        if place.endswith(suffix) and submodule(model, place) is None:
            path, is_input = place.removesuffix(suffix), suffix == ".input"
    path = _own_path(model, path)
    if submodule(model, path) is None:
        return None
    layer = re.fullmatch(r"(.+)\.(\d+)", path)
    is_layer = layer is not None and layer[1] == layer_list(model)[0]
    if is_layer and is_input and layer is not None and int(layer[2]):
        return HookPoint(f"{layer[1]}.{int(layer[2]) - 1}", is_written=True)
    return HookPoint(path, is_input=is_input, is_written=is_layer)


def _own_path(model: Any, path: str) -> str:
    """`model.layers.8.mlp` in a multimodal model, where it is `model.language_model.layers.8.mlp`."""
    match = re.fullmatch(r"(?:model|language_model\.model)\.layers\.(\d+)(\..+)?", path)
    if match is None or submodule(model, path) is not None:
        return path
    return f"{layer_list(model)[0]}.{match[1]}{match[2] or ''}"


def _channels(model: Any, point: HookPoint, place: str, head: int) -> tuple[int, int]:
    """The channels of one head in what `attn.hook_z` reads."""
    config = text_config(model)
    n_heads = int(config.num_attention_heads)
    projection = model.get_submodule(point.module)
    width = getattr(projection, "in_features", None) or getattr(projection, "nx", None)
    if not point.is_input or width is None or width % n_heads or not place.endswith(("hook_z", ".input")):
        raise ModelError(f"hook {place}: has no heads to choose from; expected attn.hook_z with a head index")
    if not 0 <= head < n_heads:
        raise ModelError(f"hook {place}: head {head} was chosen; this model has heads 0 to {n_heads - 1}")
    size = width // n_heads
    return head * size, (head + 1) * size


def _unknown(model: Any, place: str) -> ModelError:
    missing = place
    if match := re.fullmatch(r"blocks\.(\d+)\.hook_resid_(?:pre|post)", place):
        missing = f"{layer_list(model)[0]}.{match[1]}"
    return ModelError(f"hook {place}: this model has no module {missing}; {_places(model)}; {_nearest(model, place)}")


def _places(model: Any) -> str:
    """What the model has, in one sentence."""
    path, n_layers = layer_list(model)
    inside = [name for name, _ in model.get_submodule(f"{path}.0").named_modules() if name and name.count(".") < 2]
    shown = ", ".join(inside[:NAMES_SHOWN]) + (", …" if len(inside) > NAMES_SHOWN else "")
    return f"it has {path}.0 to {path}.{n_layers - 1}, each with {shown}, and TransformerLens' names of them"


def _nearest(model: Any, place: str) -> str:
    path, n_layers = layer_list(model)
    known = [name for name, _ in model.named_modules() if name and name != path]
    known += [f"blocks.{layer}.{name}" for layer in range(n_layers) for name in _IN_LAYER]
    return f"the nearest name is {difflib.get_close_matches(place, known, n=1, cutoff=0.0)[0]}"
