"""Folders of every format, damaged at random."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from tests.sae.other_formats import save_dictionary, save_gemma, save_gemma_2, save_llama, save_sparsify
from tests.saved_saes import save_matryoshka, save_sae

ODD: list[Any] = [None, True, 0, -1, 3, 1e308, "", "x", "topk", [], [1], {}, {"k": 3}, 10**30, "layer_norm"]
KEYS = ("k", "d_in", "d_sae", "activation_fn", "normalize_activations", "metadata", "architecture", "seqpos_slice")

MAKE: dict[str, Callable[[Path], object]] = {
    "standard": lambda path: save_sae(path / "sae"),
    "topk": lambda path: save_sae(path / "sae", "topk"),
    "gated": lambda path: save_sae(path / "sae", "gated"),
    "matryoshka": lambda path: save_matryoshka(path / "sae"),
    "dictionary_learning": lambda path: save_dictionary(path / "sae", "MatryoshkaBatchTopKSAE"),
    "sparsify": lambda path: save_sparsify(path / "layers.3"),
    "Gemma Scope": lambda path: save_gemma(path / "layer_3"),
    "Gemma Scope 2": lambda path: save_gemma_2(path / "layer_3"),
    "Llama Scope": lambda path: save_llama(path / "L3R-8x"),
}


def other_value(value: Any, generator: random.Random) -> Any:
    """A configuration with one field removed, replaced or added, at any depth."""
    if not isinstance(value, dict) or not value:
        return generator.choice(ODD)
    key = generator.choice([*value, generator.choice(KEYS)])
    changed = dict(value)
    if generator.random() < 0.3:
        changed.pop(key, None)
    elif generator.random() < 0.5:
        changed[key] = generator.choice(ODD)
    else:
        changed[key] = other_value(value.get(key), generator)
    return changed


def other_tensors(tensors: dict[str, torch.Tensor], generator: random.Random) -> dict[str, torch.Tensor]:
    """Tensors of which one is removed, renamed, turned, cut, emptied, or of another type or size."""
    changed = dict(tensors)
    name = generator.choice(sorted(changed))
    tensor = changed.pop(name)
    edits: list[Callable[[torch.Tensor], torch.Tensor]] = [
        lambda t: t.T if t.ndim == 2 else t[:, None],
        lambda t: t[: len(t) // 2],
        lambda t: t[:0],
        lambda t: t.to(generator.choice([torch.int32, torch.bool, torch.float64, torch.float16, torch.bfloat16])),
        lambda t: t * generator.choice([float("nan"), float("inf"), 1e30, 1e-30, 0.0, -1.0]),
        lambda t: t[None],
        lambda t: t.flatten(),
    ]
    kind = generator.randrange(len(edits) + 2)
    if kind < len(edits):
        changed[name] = edits[kind](tensor).contiguous()
    elif kind == len(edits):
        changed[generator.choice(["k", "threshold", "W_skip", "scaling_factor", "b_dec_out", "x"])] = tensor
    return changed


def damage(file: Path, generator: random.Random) -> None:
    """Change a file's fields, bytes or length."""
    content = bytearray(file.read_bytes())
    if file.suffix == ".json" and generator.random() < 0.8:
        file.write_text(json.dumps(other_value(json.loads(content), generator)))
    elif file.suffix == ".safetensors" and generator.random() < 0.4:
        save_file(other_tensors(load_file(file), generator), file)
    elif generator.random() < 0.2:
        file.unlink()
    elif generator.random() < 0.4:
        file.write_bytes(content[: generator.randrange(len(content))])
    else:
        for _ in range(generator.choice([1, 5, 20])):
            content[generator.randrange(min(len(content), 600))] = generator.randrange(256)
        file.write_bytes(content)
