"""The converted copy's tokenizer splits texts as the GGUF file says: against one built by hand from its vocabulary."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from typing import Any

import pytest

from app.activations.model_names import BUNDLED_MODELS
from app.activations.tokenize import tokenizer_checksum

LINES = [
    "2026",
    "1234567",
    "3.14159",
    "a  b",
    "  two",
    "tab\tx",
    "\r\n",
    "naïve café",
    "汉字",
    "العربية",
    "🙂👍🏽",
    "½ ² ٣",
]
LINES += [
    "def f(x):\n    return x+1",
    "$1,000.50",
    "1st 2nd",
    "\n\n1",
    "\n\n\n",
    "phone 555-0199",
    " 7",
    " 77",
    "A1B2C3",
]
ALPHABET = "abc xyz 0123456789 .,;!\n\t-'é漢🙂"


@pytest.fixture(scope="module")
def by_hand() -> Any:
    from gguf import GGUFReader
    from tokenizers import Tokenizer, models, pre_tokenizers

    package, file = next(iter(BUNDLED_MODELS.values()))
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    fields = GGUFReader(str(Path(spec.origin).parent / file)).fields
    vocabulary = {token: number for number, token in enumerate(fields["tokenizer.ggml.tokens"].contents())}
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    digits, words = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, words])
    return tokenizer


def test_odd_lines_are_the_same_tokens(tokenizer: Any, by_hand: Any) -> None:
    generator = random.Random(0)
    lines = LINES + ["".join(generator.choice(ALPHABET) for _ in range(30)) for _ in range(300)]
    found = tokenizer(lines, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert [line for line, ids in zip(lines, found, strict=True) if ids != by_hand.encode(line).ids] == []


def test_tokenizers_are_told_apart(tokenizer: Any) -> None:
    from tests.pipeline.world import make_tokenizer

    assert tokenizer_checksum(tokenizer) == tokenizer_checksum(tokenizer)
    assert tokenizer_checksum(tokenizer) != tokenizer_checksum(make_tokenizer())
    assert tokenizer_checksum(make_tokenizer()) == tokenizer_checksum(make_tokenizer())
