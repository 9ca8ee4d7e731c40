"""The tokenizer of a GGUF file, with the splitting into words that the file names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

PRE_TOKENIZER = "tokenizer.ggml.pre"


def _smollm() -> Any:
    """Single digits, then GPT-2's words."""
    from tokenizers import pre_tokenizers

    digits = pre_tokenizers.Digits(individual_digits=True)
    words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    return pre_tokenizers.Sequence([digits, words])


SPLITS: Mapping[str, Callable[[], Any]] = {"smollm": _smollm}
"""Names under `tokenizer.ggml.pre` that transformers takes for GPT-2's: what they are."""


def gguf_tokenizer(folder: Path, gguf_file: str) -> Any:
    """A GGUF file's tokenizer; transformers reads its vocabulary, but not how its texts are split into words."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=gguf_file)
    split = SPLITS.get(str(_named(folder / gguf_file)))
    if split is not None:
        tokenizer.backend_tokenizer.pre_tokenizer = split()
    return tokenizer


def _named(path: Path) -> str | None:
    from gguf import GGUFReader

    field = GGUFReader(str(path)).fields.get(PRE_TOKENIZER)
    return None if field is None else str(field.contents())
