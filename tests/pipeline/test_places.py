"""The two SAEs of a comparison read the same place of the same model; a mismatch is refused, or said on every page."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from app.activations.language_model import ModelShelf
from app.errors import SaeError
from app.pipeline.register import add_sae
from app.records import SaeRequest
from app.store.read import get_comparison
from tests.activations.tiny_model import D_MODEL, save_tiny_model
from tests.pipeline.reading import HOOK, START, Reading, make_reading
from tests.pipeline.workplace import Workplace
from tests.pipeline.world import make_tokenizer

pytestmark = pytest.mark.slow


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    return make_reading(tmp_path)


def test_two_spellings_of_one_place_are_one_comparison(reading: Reading, workplace: Workplace) -> None:
    names = ["model.layers.0", "blocks.0.hook_resid_post", "blocks.1.hook_resid_pre", "model.layers.0.output"]
    narrow = reading.narrow()
    found = [
        reading.compare(workplace, narrow, reading.reference(f"r{number}", hook=name))
        for number, name in enumerate(names)
    ]
    assert {summary.mismatch for summary in found} == {None}
    assert len({summary.content_hash for summary in found}) == 1


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        ("model.layers.1", "narrow reads model.layers.0, but reference reads model.layers.1"),
        ("blocks.0.hook_mlp_out", "narrow reads model.layers.0, but reference reads blocks.0.hook_mlp_out"),
        ("blocks.0.hook_resid_post, centred", None),
        ("model.layers.7", "narrow reads model.layers.0, but reference reads model.layers.7"),
    ],
)
def test_saes_of_two_hooks_are_refused(reading: Reading, workplace: Workplace, hook: str, message: str | None) -> None:
    narrow, reference = reading.narrow(), reading.reference(hook=hook)
    if message is None:
        # RMSNorm: TransformerLens centres nothing there, so it is the same place.
        assert reading.compare(workplace, narrow, reference).mismatch is None
        return
    with pytest.raises(SaeError, match=f"{message}: the numbers would mean nothing; .* give --allow-mismatch"):
        reading.compare(workplace, narrow, reference)


def test_saes_of_two_models_are_refused(reading: Reading, workplace: Workplace, tmp_path: Path) -> None:
    other = save_tiny_model(tmp_path / "other", make_tokenizer(bos_token=START), seed=1)
    narrow, reference = reading.narrow(), reading.reference(model=str(other))
    with pytest.raises(SaeError, match=r"narrow is of model .*model, but reference is of .*other: the numbers"):
        reading.compare(workplace, narrow, reference)
    with pytest.raises(SaeError, match="narrow is of model"):
        reading.compare(workplace, narrow, reference, model=reading.model)


def test_a_copy_of_the_model_is_the_model(reading: Reading, workplace: Workplace, tmp_path: Path) -> None:
    copy = shutil.copytree(reading.model, tmp_path / "copy")
    summary = reading.compare(workplace, reading.narrow(), reading.reference(model=str(copy)))
    assert summary.mismatch is None
    assert summary.content_hash == reading.compare(workplace, reading.narrow(), reading.reference()).content_hash


def test_a_forced_mismatch_stays_with_the_comparison(reading: Reading, workplace: Workplace) -> None:
    right = reading.compare(workplace, reading.narrow(), reading.reference())
    forced = reading.compare(
        workplace, reading.narrow(), reading.reference("wrong", hook="model.layers.1"), allow_mismatch=True
    )
    assert forced.mismatch == "narrow reads model.layers.0, but wrong reads model.layers.1"
    assert "--allow-mismatch" in forced.command
    assert forced.content_hash != right.content_hash
    assert get_comparison(workplace.engine, forced.slug).mismatch == forced.mismatch


def test_files_that_name_no_place_take_it_from_the_options(reading: Reading, workplace: Workplace) -> None:
    narrow = reading.narrow(model=None, hook=None)
    reference = reading.reference(model=None, hook=None)
    with pytest.raises(SaeError, match="its files name no model and no hook; give --model and --hook"):
        reading.compare(workplace, narrow, reference)
    with pytest.raises(SaeError, match="its files name no hook; give --hook"):
        reading.compare(workplace, narrow, reference, model=reading.model)
    summary = reading.compare(workplace, narrow, reference, model=reading.model, hook=HOOK)
    assert summary.hook_name == HOOK
    assert "the files of narrow name no model and no hook: taken to fit the other SAE" in summary.notes
    named = reading.compare(workplace, reading.narrow("n2"), reading.reference("r2"))
    assert named.content_hash == summary.content_hash


def test_another_hook_than_the_files_say_is_refused(reading: Reading, workplace: Workplace) -> None:
    with pytest.raises(SaeError, match=r"narrow reads model.layers.0, but the activations are those of model.layers.1"):
        reading.compare(workplace, reading.narrow(), reading.reference(), hook="model.layers.1")


def test_saes_are_registered_with_the_hook_that_is_given(
    reading: Reading, workplace: Workplace, tmp_path: Path
) -> None:
    shelf = ModelShelf(tmp_path / "models")
    nameless = reading.narrow(model=None, hook=None)
    record = add_sae(workplace.engine, SaeRequest(nameless, model=reading.model, hook=HOOK), models=shelf)
    assert (record.hook_name, record.model_name) == (HOOK, reading.model)
    assert record.l0 is not None
    with pytest.raises(SaeError, match=r"its files say that it reads model.layers.0, but --hook says model.layers.1"):
        add_sae(workplace.engine, SaeRequest(reading.narrow("other"), hook="model.layers.1"), models=shelf)
    same = SaeRequest(reading.narrow("third"), hook="blocks.0.hook_resid_post")
    assert add_sae(workplace.engine, same, models=shelf).hook_name == HOOK


def activations(folder: Path) -> str:
    path = folder / "acts.safetensors"
    save_file({"activations": torch.randn(500, D_MODEL, generator=torch.Generator().manual_seed(0)) * 3}, path)
    return str(path)


def test_a_mismatch_is_refused_with_activations_too(reading: Reading, workplace: Workplace, tmp_path: Path) -> None:
    given: dict[str, Any] = {"text": None, "activations": activations(tmp_path)}
    with pytest.raises(SaeError, match=r"narrow reads model.layers.0, but reference reads model.layers.1"):
        reading.compare(workplace, reading.narrow(), reading.reference(hook="model.layers.1"), **given)
    same = reading.compare(workplace, reading.narrow(), reading.reference(hook="blocks.0.hook_resid_post"), **given)
    assert same.mismatch is None


def test_the_hook_of_cached_activations_is_checked(reading: Reading, workplace: Workplace, tmp_path: Path) -> None:
    import datasets

    rows = torch.randn(6, 16, D_MODEL, generator=torch.Generator().manual_seed(0)).tolist()
    datasets.Dataset.from_dict({"blocks.1.hook_resid_post": rows}).save_to_disk(tmp_path / "cached")
    with pytest.raises(SaeError, match=r"activations are those of blocks.1.hook_resid_post"):
        reading.compare(
            workplace, reading.narrow(), reading.reference(), text=None, activations=str(tmp_path / "cached")
        )


def test_another_model_than_in_training_is_noted(reading: Reading, workplace: Workplace, tmp_path: Path) -> None:
    other = save_tiny_model(tmp_path / "other", make_tokenizer(bos_token=START), seed=1)
    summary = reading.compare(workplace, reading.narrow(), reading.reference(), model=str(other))
    assert f"narrow was trained on {reading.model}; the activations are of {other}" in summary.notes
