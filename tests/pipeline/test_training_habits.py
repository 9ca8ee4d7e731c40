"""How SAEs were trained to read: honoured where it can be, else said with the comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.activations.language_model import ModelShelf
from app.errors import ModelError, PreflightError
from app.pipeline.register import add_sae
from app.records import RowRules, SaeRequest
from app.sae.load import load_sae
from tests.activations.tiny_model import D_MODEL
from tests.pipeline.reading import Reading, make_reading
from tests.pipeline.workplace import Workplace

pytestmark = pytest.mark.slow


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    return make_reading(tmp_path)


def test_rows_are_as_long_as_in_training(reading: Reading, workplace: Workplace) -> None:
    reference = reading.reference()
    plain = reading.compare(workplace, reading.narrow("plain"), reference)
    assert plain.rows == RowRules(length=128)
    short = reading.compare(workplace, reading.narrow("short", context_size=64), reference)
    assert short.rows == RowRules(length=64)
    assert short.content_hash != plain.content_hash
    chosen = reading.compare(workplace, reading.narrow("short", context_size=64), reference, context_length=32)
    assert chosen.rows == RowRules(length=32)
    assert "short was trained on rows of 64 tokens; rows here have 32" in chosen.notes


def test_rows_begin_as_in_training(reading: Reading, workplace: Workplace) -> None:
    reference = reading.reference(prepend_bos=True)
    without = reading.compare(workplace, reading.narrow("without", prepend_bos=False), reference)
    assert without.rows == RowRules(bos=False)
    note = "reference was trained on rows with a beginning-of-sequence token; rows here are without one"
    assert note in without.notes
    chosen = reading.compare(workplace, reading.narrow("without", prepend_bos=False), reference, bos=True)
    assert chosen.rows == RowRules(bos=True)
    assert any(note.startswith("without was trained on rows without") for note in chosen.notes)
    assert chosen.content_hash != without.content_hash


def test_positions_that_were_left_out_in_training_are_not_scored(reading: Reading, workplace: Workplace) -> None:
    reference = reading.reference()
    plain = reading.compare(workplace, reading.narrow(), reference)
    sliced = reading.compare(workplace, reading.narrow("sliced", seqpos_slice=[10, -8]), reference)
    assert sliced.rows == RowRules(first=10, last=-8)
    assert "positions 10 to -8 of each row are scored, as sliced was trained" in sliced.notes
    assert 0.8 * plain.n_tokens < sliced.n_tokens < 0.9 * plain.n_tokens


def test_a_context_that_the_model_can_not_read_is_cut_and_noted(reading: Reading, workplace: Workplace) -> None:
    summary = reading.compare(workplace, reading.narrow(context_size=10_000), reading.reference())
    assert "narrow was trained on rows of 10000 tokens; the model reads 2048 at once" in summary.notes
    with pytest.raises(ModelError, match="reads at most 2048 tokens at once"):
        reading.compare(workplace, reading.narrow("n"), reading.reference("r"), context_length=3000)


@pytest.mark.parametrize(
    ("metadata", "note"),
    [
        ({"model_from_pretrained_kwargs": {"center_writing_weights": True}}, "trained with center_writing_weights"),
        (
            {"model_from_pretrained_kwargs": {"fold_value_biases": True, "odd": 3}},
            "loaded with odd=3, which is not done",
        ),
        ({"disable_concat_sequences": True}, "trained on rows of one document each"),
        ({"sequence_separator_token": "eos"}, "trained with 'eos' between documents"),
        ({"seqpos_slice": [0, 100, 2]}, "trained on every 2th position"),
        ({"exclude_special_tokens": [1, 2]}, "trained without a list of tokens"),
    ],
)
def test_what_can_not_be_honoured_is_noted_on_every_way_in(
    reading: Reading, workplace: Workplace, tmp_path: Path, metadata: dict[str, Any], note: str
) -> None:
    narrow = reading.narrow(**metadata)
    shelf = ModelShelf(tmp_path / "models")
    for sample in (True, False):
        record = add_sae(workplace.engine, SaeRequest(narrow, name=f"s{sample}".lower()), models=shelf, sample=sample)
        assert any(note in each for each in record.notes)
    summary = reading.compare(workplace, narrow, reading.reference())
    assert any(note in each for each in summary.notes)


def test_usual_metadata_need_no_note(reading: Reading, workplace: Workplace) -> None:
    usual: dict[str, Any] = {"context_size": 128, "prepend_bos": True, "seqpos_slice": [None], "hook_head_index": None}
    usual |= {"model_from_pretrained_kwargs": {}, "exclude_special_tokens": False, "dataset_path": "x"}
    summary = reading.compare(workplace, reading.narrow(**usual), reading.reference(**usual))
    # Its weights are random.
    assert [note for note in summary.notes if "explains only" not in note] == []
    assert summary.mismatch is None


def test_a_head_and_centring_are_part_of_the_hooks_name(reading: Reading) -> None:
    kwargs: dict[str, Any] = {"model_from_pretrained_kwargs": {"center_writing_weights": True}}
    record = load_sae(reading.narrow(hook="blocks.0.attn.hook_z", hook_head_index=1, **kwargs)).record
    assert record.hook_name == "blocks.0.attn.hook_z, head 1, centred"
    revised: dict[str, Any] = {"model_from_pretrained_kwargs": {"revision": "step3000"}}
    assert load_sae(reading.narrow("at", model="pythia-70m", **revised)).record.model_name == "pythia-70m@step3000"


def test_a_head_that_the_hook_does_not_have_is_refused(reading: Reading, workplace: Workplace) -> None:
    narrow, reference = (make(hook_head_index=1) for make in (reading.narrow, reading.reference))
    with pytest.raises(ModelError, match=r"has no heads to choose from; expected attn.hook_z with a head index"):
        reading.compare(workplace, narrow, reference)


def test_heads_of_a_model_that_was_loaded_otherwise_are_refused(reading: Reading) -> None:
    changed: dict[str, Any] = {"model_from_pretrained_kwargs": {"fold_value_biases": True}}
    with pytest.raises(PreflightError, match=r"loaded with fold_value_biases, which changes blocks.0.attn.hook_z"):
        load_sae(reading.narrow(hook="blocks.0.attn.hook_z", **changed))
    assert load_sae(reading.narrow("resid", **changed)).record.d_in == D_MODEL
