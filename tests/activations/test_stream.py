from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from app.activations.hooks import activations_of
from app.activations.language_model import LanguageModel, load_language_model
from app.activations.stream import ModelStream, stream_key
from app.activations.text import Text
from app.errors import ModelError
from tests.activations.tiny_model import HOOK, save_tiny_model

TEXT = Text("a text", [f"{'ab ' * (n % 5)}cab" for n in range(400)], "checksum")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, tokenizer: Any) -> LanguageModel:
    """A tiny model whose vocabulary has all of the tokenizer's tokens."""
    folder = tmp_path_factory.mktemp("models")
    name = str(save_tiny_model(folder / "tiny", tokenizer, vocabulary=len(tokenizer)))
    return load_language_model(name, cache_dir=folder)


def test_rows_can_be_read_from_anywhere(tiny: LanguageModel) -> None:
    stream = ModelStream(tiny, TEXT, HOOK, rows_per_forward=3)
    n_rows = len(stream.rows)
    assert n_rows > 6
    acts = activations_of(tiny, torch.from_numpy(stream.rows.ids).long(), HOOK)
    for start, stop in [(0, n_rows), (1, 2), (2, 7), (n_rows - 1, n_rows)]:
        batches = list(stream.batches(start, stop))
        keep = stream.rows.keep[start:stop]
        read = torch.cat([batch.acts for batch in batches])
        torch.testing.assert_close(read, acts[start:stop][torch.from_numpy(keep)])
        where = np.concatenate([np.stack([batch.row, batch.position], axis=1) for batch in batches])
        np.testing.assert_array_equal(where, np.argwhere(keep) + np.array([start, 0]))
        assert [batch.first_row for batch in batches] == list(range(start, stop, 3))


def test_the_number_of_tokens_is_no_part_of_the_key(tiny: LanguageModel) -> None:
    whole, part = ModelStream(tiny, TEXT, HOOK), ModelStream(tiny, TEXT, HOOK, n_tokens=300)
    assert part.rows.n_kept == 300 < whole.rows.n_kept
    assert part.key == whole.key


def test_all_that_decides_the_activations_is(tiny: LanguageModel, tmp_path: Path, tokenizer: Any) -> None:
    folder = save_tiny_model(tmp_path / "other", tokenizer, vocabulary=len(tokenizer), seed=1)
    other = load_language_model(str(folder), cache_dir=tmp_path)
    streams = [
        ModelStream(tiny, TEXT, HOOK),
        ModelStream(tiny, TEXT, "model.layers.0"),
        ModelStream(tiny, Text("a text", TEXT.documents, "another checksum"), HOOK),
        ModelStream(other, TEXT, HOOK),
    ]
    assert len({stream.key for stream in streams}) == len(streams)
    assert len({len(stream.key) for stream in streams}) == 1


def test_the_key_is_of_the_description_in_any_order() -> None:
    assert stream_key({"a": 1, "b": 2}) == stream_key({"b": 2, "a": 1})
    assert stream_key({"a": 1, "b": 2}) != stream_key({"a": 2, "b": 1})


@pytest.mark.parametrize(("hook_name", "width"), [(HOOK, 8), ("blocks.1.hook_mlp_out", 8), (f"{HOOK}.mlp.act_fn", 16)])
def test_the_width_is_the_hooks(tiny: LanguageModel, hook_name: str, width: int) -> None:
    stream = ModelStream(tiny, TEXT, hook_name, n_tokens=5)
    assert stream.d_in == width
    assert next(iter(stream.batches(0, 1))).acts.shape == (5, width)


def test_a_hook_that_is_not_there_is_refused_at_once(tiny: LanguageModel) -> None:
    with pytest.raises(ModelError, match=r"no module model.layers.2; it has model.layers.0 to model.layers.1"):
        ModelStream(tiny, TEXT, "model.layers.2")
