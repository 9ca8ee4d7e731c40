"""Registering SAEs and opening them by name, `name@width` or path."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app.activations.language_model import ModelShelf
from app.errors import ConflictError, PreflightError, SaeError
from app.pipeline.allowed import allowed
from app.pipeline.register import add_sae, open_sae
from app.records import SaeRequest
from app.store.read import get_sae, list_saes
from tests.activations.tiny_model import D_MODEL, save_tiny_model
from tests.pipeline.workplace import Workplace
from tests.pipeline.world import World, make_tokenizer
from tests.saved_saes import edit_config, edit_weights, save_matryoshka, save_sae

HOOK = "model.layers.0"


@pytest.fixture
def shelf(tmp_path: Path) -> ModelShelf:
    return ModelShelf(tmp_path / "models")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("model") / "tiny"
    return str(save_tiny_model(folder, make_tokenizer(bos_token="<s>")))


def test_a_sample_is_reconstructed(workplace: Workplace, shelf: ModelShelf, model: str, tmp_path: Path) -> None:
    source = save_sae(tmp_path / "small", d_in=D_MODEL, d_sae=12, model_name=None, hook_name=HOOK)
    record = add_sae(workplace.engine, SaeRequest(str(source), model=model), models=shelf)
    assert record.model_name == model
    assert record.l0 is not None
    assert 0 < record.l0 <= 12
    assert record.explained_variance is not None
    assert any("is it the right model, hook and architecture?" in note for note in record.notes)
    assert get_sae(workplace.engine, "small") == record


def test_another_width_than_the_models_is_refused(
    workplace: Workplace, shelf: ModelShelf, model: str, tmp_path: Path
) -> None:
    source = save_sae(tmp_path / "wide", model_name=model, hook_name=HOOK)
    with pytest.raises(PreflightError, match=rf"d_in is 16, but {HOOK} of .* has width {D_MODEL}"):
        add_sae(workplace.engine, SaeRequest(str(source)), models=shelf)
    assert list_saes(workplace.engine) == []


def test_without_a_model_a_note_says_so(workplace: Workplace, shelf: ModelShelf, tmp_path: Path) -> None:
    nameless = save_sae(tmp_path / "nameless", model_name=None, hook_name=None)
    record = add_sae(workplace.engine, SaeRequest(str(nameless)), models=shelf)
    assert record.explained_variance is None
    assert any("its files name no model and no hook; give --model and --hook" in note for note in record.notes)
    elsewhere = save_sae(tmp_path / "elsewhere", model_name="/no/such/model", hook_name=HOOK)
    record = add_sae(workplace.engine, SaeRequest(str(elsewhere)), models=shelf)
    assert any("not tried on text: model: no such folder" in note for note in record.notes)


@pytest.mark.parametrize("named", ["{outside}", "/etc", "../outside", "~/models"])
def test_a_job_opens_no_model_outside_the_input_folder(
    workplace: Workplace, shelf: ModelShelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    """The metadata are the file's own words: whoever made it wrote them."""
    inputs = tmp_path / "input"
    inputs.mkdir()
    outside = save_tiny_model(tmp_path / "outside", make_tokenizer(bos_token="<s>"))
    source = save_sae(inputs / "sae", d_in=D_MODEL, model_name=named.format(outside=outside), hook_name=HOOK)
    monkeypatch.setattr(shelf, "get", lambda *_: pytest.fail("the model was opened"))
    record = add_sae(
        workplace.engine, SaeRequest(str(source)), models=shelf, find_model=lambda name: allowed(name, inputs)
    )
    assert record.model_name is None
    assert any("was not opened" in note and "HEDGESCOPE_INPUT_DIR" in note for note in record.notes)
    assert str(tmp_path) not in str(record.notes)


def test_a_job_opens_a_model_in_the_input_folder(workplace: Workplace, shelf: ModelShelf, tmp_path: Path) -> None:
    model = save_tiny_model(tmp_path / "model", make_tokenizer(bos_token="<s>"))
    source = save_sae(tmp_path / "sae", d_in=D_MODEL, d_sae=12, model_name="model", hook_name=HOOK)
    record = add_sae(
        workplace.engine, SaeRequest(str(source)), models=shelf, find_model=lambda name: allowed(name, tmp_path)
    )
    assert record.model_name == str(model)
    assert record.l0 is not None


def test_a_tokenizer_that_can_not_be_used_is_noted(workplace: Workplace, shelf: ModelShelf, tmp_path: Path) -> None:
    """It has no token that could start a row; the SAE may still be compared on activations from a file."""
    model = save_tiny_model(tmp_path / "model", make_tokenizer())
    source = save_sae(tmp_path / "sae", d_in=D_MODEL, model_name=str(model), hook_name=HOOK)
    record = add_sae(workplace.engine, SaeRequest(str(source)), models=shelf)
    assert any("neither a beginning nor an end-of-sequence token" in note for note in record.notes)


def test_adding_again(workplace: Workplace, shelf: ModelShelf, tmp_path: Path) -> None:
    """The same SAE under the same name is brought up to date; another one is refused."""
    source = save_sae(tmp_path / "sae", model_name=None)
    first = add_sae(workplace.engine, SaeRequest(str(source)), models=shelf)
    assert add_sae(workplace.engine, SaeRequest(str(source)), models=shelf) == first
    other = save_sae(tmp_path / "other", seed=5, model_name=None)
    with pytest.raises(ConflictError, match="choose another with --name"):
        add_sae(workplace.engine, SaeRequest(str(other), name="sae"), models=shelf)
    assert list_saes(workplace.engine) == [first]


def test_a_name_unfit_for_a_url_is_refused(workplace: Workplace, shelf: ModelShelf, world: World) -> None:
    with pytest.raises(SaeError, match="choose one with --name"):
        add_sae(workplace.engine, SaeRequest(str(world.narrow), name="A@4"), models=shelf)


def test_by_name_width_and_path(workplace: Workplace, shelf: ModelShelf, world: World) -> None:
    add_sae(workplace.engine, SaeRequest(str(world.reference), name="ref"), models=shelf, sample=False)
    by_name = open_sae(workplace.engine, "ref")
    by_path = open_sae(workplace.engine, str(world.reference))
    prefix = open_sae(workplace.engine, "ref@12")
    assert by_name.record.name == "ref"
    assert by_name.shard_key == by_path.shard_key == prefix.shard_key
    assert (prefix.d_sae, prefix.levels, prefix.record.name) == (12, (4, 12), "ref@12")
    assert prefix.record.matryoshka_widths == (4, 12)


def test_a_registered_name_comes_before_a_folder(
    workplace: Workplace, shelf: ModelShelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Widths that were declared at registration hold, also in the folder that the SAE was added from."""
    monkeypatch.chdir(tmp_path)
    save_matryoshka(tmp_path / "mine", widths_in="nowhere")
    add_sae(workplace.engine, SaeRequest("mine", matryoshka_widths=(4, 12)), models=shelf, sample=False)
    assert open_sae(workplace.engine, "mine").levels == (4, 12, 24)
    assert open_sae(workplace.engine, "./mine").levels == (24,)


def test_files_that_changed_are_noticed(workplace: Workplace, shelf: ModelShelf, world: World, tmp_path: Path) -> None:
    """Shards of the old SAE must not be taken for the new one's."""
    folder = tmp_path / "changing"
    shutil.copytree(world.narrow, folder)
    add_sae(workplace.engine, SaeRequest(str(folder)), models=shelf, sample=False)
    edit_config(folder, apply_b_dec_to_input=False)
    with pytest.raises(SaeError, match=r"changing \(.*changing\): the configuration changed since it was registered"):
        open_sae(workplace.engine, "changing")
    edit_weights(folder, lambda tensors: tensors.update(b_enc=tensors["b_enc"] + 1))
    with pytest.raises(SaeError, match=r"changing \(.*changing\): the weights changed since it was registered"):
        open_sae(workplace.engine, "changing")
