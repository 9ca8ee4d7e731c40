"""Names of hook points: what stands behind the place itself, and which names mean one place."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_MODIFIER = re.compile(r", (?:head (\d+)|(centred))$")
_TRANSFORMER_LENS = re.compile(r"blocks\.(\d+)\.hook_(resid_pre|resid_post|in|out)")
_LAYER = re.compile(r"(?:[A-Za-z_]\w*\.)*?(?:layers|h|blocks)\.(\d+)(?:\.(input|output))?")


@dataclass(frozen=True)
class HookName:
    """A hook name in its parts.

    Attributes:
        place: a TransformerLens name or a module path.
        head: the attention head that is read; None for all.
        is_centred: whether the mean over the residual stream's width is taken off each activation, as in a model that
            TransformerLens loads with `center_writing_weights`.
    """

    place: str
    head: int | None = None
    is_centred: bool = False

    def __str__(self) -> str:
        head = "" if self.head is None else f", head {self.head}"
        return f"{self.place}{head}{', centred' if self.is_centred else ''}"


def parse(name: str) -> HookName:
    """The parts of a hook name such as `blocks.8.attn.hook_z, head 3` or `blocks.8.hook_resid_post, centred`."""
    found = HookName(name)
    while match := _MODIFIER.search(found.place):
        place = found.place[: match.start()]
        if match[1] is None:
            found = replace(found, place=place, is_centred=True)
        else:
            found = replace(found, place=place, head=int(match[1]))
    return found


def spelling(name: str) -> str:
    """One spelling for all names that mean one place in every model, so that two names can be compared.

    The residual stream before a layer is the one after the layer before it, and `model.layers.8`, `transformer.h.8`
    and `blocks.8.hook_resid_post` are all the output of layer 8. Names of other places are left as they are: whether
    two of them are the same depends on the model.
    """
    parts = parse(name)
    return str(replace(parts, place=_layer_of(parts.place) or parts.place.removesuffix(".output")))


def _layer_of(place: str) -> str | None:
    if match := _TRANSFORMER_LENS.fullmatch(place):
        layer, is_input = int(match[1]), match[2] in ("resid_pre", "in")
    elif match := _LAYER.fullmatch(place):
        layer, is_input = int(match[1]), match[2] == "input"
    else:
        return None
    if not is_input:
        return f"output of layer {layer}"
    return f"output of layer {layer - 1}" if layer else "input of layer 0"
