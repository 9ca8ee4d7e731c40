"""Data sets of tokens, as SAELens' PretokenizeRunner saves them: read as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, DatasetDict

from app.activations.text import read_text
from app.activations.tokenize import tokenize
from app.errors import TextError
from app.records import RowRules
from tests.pipeline.world import make_tokenizer

ROWS = np.random.default_rng(1).integers(2, 20, (40, 16))
SPLITS = {"train": slice(0, 30), "test": slice(30, 40)}


def saved(folder: Path, rows: Any = ROWS, column: str = "tokens") -> Path:
    Dataset.from_dict({column: [list(map(int, row)) for row in rows]}).save_to_disk(folder)
    return folder


@pytest.fixture
def tokenizer() -> Any:
    return make_tokenizer(bos_token="<s>")


@pytest.mark.parametrize("column", ["tokens", "input_ids"])
def test_rows_are_those_of_the_set(tmp_path: Path, tokenizer: Any, column: str) -> None:
    text = read_text(str(saved(tmp_path / "set", column=column)))
    rows = tokenize(text, tokenizer, RowRules(length=128))
    assert (rows.ids == ROWS).all()
    assert not rows.keep[:, 0].any()
    assert rows.keep[:, 1:].all()
    assert tokenize(text, tokenizer, n_tokens=50).n_kept == 50
    assert f"column {column}" in text.notes[0]


def test_longer_rows_are_cut(tmp_path: Path, tokenizer: Any) -> None:
    rows = tokenize(read_text(str(saved(tmp_path / "set"))), tokenizer, RowRules(length=8))
    assert (rows.ids == ROWS[:, :8]).all()


def test_other_tokens_are_another_text(tmp_path: Path) -> None:
    first = read_text(str(saved(tmp_path / "a"))).checksum
    assert read_text(str(saved(tmp_path / "b"))).checksum == first
    changed = ROWS.copy()
    changed[-1, -1] += 1
    assert read_text(str(saved(tmp_path / "c", changed))).checksum != first
    assert read_text(str(saved(tmp_path / "d", ROWS.reshape(80, 8)))).checksum != first


def test_the_tokenizer_that_made_them_is_named(tmp_path: Path) -> None:
    folder = saved(tmp_path / "set")
    (folder / "sae_lens.json").write_text(json.dumps({"tokenizer_name": "gpt2", "context_size": 16}))
    assert "made with the tokenizer of gpt2" in read_text(str(folder)).notes[0]


def test_a_split_is_chosen(tmp_path: Path, tokenizer: Any) -> None:
    parts = {name: Dataset.from_dict({"tokens": ROWS[rows].tolist()}) for name, rows in SPLITS.items()}
    DatasetDict(parts).save_to_disk(tmp_path / "set")
    rows = tokenize(read_text(f"{tmp_path / 'set'}?split=test"), tokenizer)
    assert (rows.ids == ROWS[30:]).all()


def test_rows_of_several_lengths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="has rows of 3 to 16 tokens; expected rows of one length"):
        read_text(str(saved(tmp_path / "set", [*ROWS.tolist(), [1, 2, 3]])))


def test_a_set_with_text_is_read_as_text(tmp_path: Path) -> None:
    Dataset.from_dict({"text": ["w1 w2"], "input_ids": [[1, 2]]}).save_to_disk(tmp_path / "set")
    assert read_text(str(tmp_path / "set")).tokens is None
