"""Folders of every format, damaged at random: each is read, or refused in one line; nothing else happens."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from app.errors import HedgescopeError
from app.sae.load import load_sae
from app.sparse.encode import encode
from tests.sae.other_formats import save_dictionary, save_gemma, save_gemma_2, save_llama, save_sparsify
from tests.saved_saes import save_matryoshka, save_sae

pytestmark = pytest.mark.slow

N_DAMAGED = 40
"""Of each format; a longer run had 8,000 in all."""

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


def damage(file: Path, generator: random.Random) -> None:
    """Change a file's fields, bytes or length."""
    content = bytearray(file.read_bytes())
    if file.suffix == ".json" and generator.random() < 0.8:
        file.write_text(json.dumps(other_value(json.loads(content), generator)))
    elif generator.random() < 0.2:
        file.unlink()
    elif generator.random() < 0.4:
        file.write_bytes(content[: generator.randrange(len(content))])
    else:
        for _ in range(generator.choice([1, 5, 20])):
            content[generator.randrange(min(len(content), 600))] = generator.randrange(256)
        file.write_bytes(content)


@pytest.mark.parametrize("name", MAKE)
def test_it_is_read_or_refused_in_one_line(tmp_path: Path, name: str) -> None:
    MAKE[name](tmp_path / "whole")
    (whole,) = (tmp_path / "whole").iterdir()
    generator, refused = random.Random(name), []
    for _ in range(N_DAMAGED):
        folder = shutil.copytree(whole, tmp_path / "damaged" / whole.name)
        damage(generator.choice([path for path in folder.rglob("*") if path.is_file()]), generator)
        try:
            loaded = load_sae(str(folder))
            encode(loaded, torch.zeros(2, loaded.record.d_in))
        except HedgescopeError as error:
            refused.append(str(error))
        shutil.rmtree(tmp_path / "damaged")
    assert len(refused) > N_DAMAGED / 4
    assert [message for message in refused if "\n" in message or len(message) > 1000] == []
