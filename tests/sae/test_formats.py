"""SAEs as other programs save them encode as those programs do; what is not supported is refused by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from app.errors import SaeError
from app.sae.load import load_sae
from tests.sae.other_formats import (
    D_IN,
    D_SAE,
    DICTIONARIES,
    TIMES_NORM,
    Saved,
    save_dictionary,
    save_gemma,
    save_gemma_2,
    save_llama,
    save_sparsify,
)
from tests.saved_saes import save_matryoshka, save_sae

TOLERANCE = 1e-5


def inputs() -> torch.Tensor:
    return 2 * torch.randn(200, D_IN, generator=torch.Generator().manual_seed(1))


def dictionary(kind: str) -> Callable[[Path], Saved]:
    return lambda path: save_dictionary(path / "sae", kind)


SAVE: dict[str, Callable[[Path], Saved]] = {
    **{f"dictionary_learning {kind}": dictionary(kind) for kind in DICTIONARIES},
    "sparsify": lambda path: save_sparsify(path / "layers.3"),
    "Gemma Scope": lambda path: save_gemma(path / "gemma-scope-2b-pt-res" / "layer_3" / "width_16k" / "average_l0_10"),
    "Gemma Scope 2": lambda path: save_gemma_2(path / "resid_post" / "layer_7_width_16k_l0_small"),
    "Llama Scope": lambda path: save_llama(path / "Llama3_1-8B-Base-L3R-8x"),
}


@pytest.mark.parametrize("name", SAVE)
def test_latents_are_those_of_the_program_that_saved_it(tmp_path: Path, name: str) -> None:
    saved = SAVE[name](tmp_path)
    loaded = load_sae(str(saved.folder))
    found = loaded.module.encode(inputs())
    if name.endswith(TIMES_NORM):
        found = found * torch.from_numpy(loaded.decoder_norms)
    expected = saved.encode(inputs())
    assert 0 < float((expected > 0).float().mean()) < 0.9
    assert float((found - expected).abs().max()) <= TOLERANCE
    assert (loaded.record.d_in, loaded.record.d_sae) == (D_IN, D_SAE)


@pytest.mark.parametrize(
    ("name", "model", "hook"),
    [
        ("dictionary_learning AutoEncoder", "EleutherAI/pythia-70m-deduped", "blocks.3.hook_resid_post"),
        ("sparsify", None, "blocks.3.hook_resid_post"),
        ("Gemma Scope", "google/gemma-2-2b", "blocks.3.hook_resid_post"),
        ("Gemma Scope 2", "google/gemma-3-1b-pt", "model.layers.7.output"),
        ("Llama Scope", "meta-llama/Llama-3.1-8B", "blocks.3.hook_resid_post"),
    ],
)
def test_model_and_hook_are_found(tmp_path: Path, name: str, model: str | None, hook: str) -> None:
    record = load_sae(str(SAVE[name](tmp_path).folder)).record
    assert (record.model_name, record.hook_name) == (model, hook)


def test_group_sizes_become_widths(tmp_path: Path) -> None:
    record = load_sae(str(save_dictionary(tmp_path / "m", "MatryoshkaBatchTopKSAE").folder)).record
    assert (record.matryoshka_widths, record.widths_source) == ((4, 12, 24), "group_sizes")
    assert (record.architecture, record.training_architecture) == ("jumprelu", "MatryoshkaBatchTopKSAE")
    assert record.context_length == 64


@pytest.mark.parametrize(
    ("trainer", "hook"),
    [
        ({"submodule_name": "mlp_out_layer_5"}, "blocks.5.hook_mlp_out"),
        ({"submodule_name": "attention_out_layer_5"}, "blocks.5.hook_attn_out"),
        ({"submodule_name": None}, "blocks.3.hook_resid_post"),
    ],
)
def test_hooks_of_dictionary_learning(tmp_path: Path, trainer: dict[str, Any], hook: str) -> None:
    record = load_sae(str(save_dictionary(tmp_path / "d", "AutoEncoder", **trainer).folder)).record
    assert record.hook_name == hook
    assert any("taken to read" in note for note in record.notes) == (trainer["submodule_name"] is None)


@pytest.mark.parametrize(
    ("folder", "hook"),
    [
        ("layers.3", "blocks.3.hook_resid_post"),
        ("layers.3.mlp", "blocks.3.hook_mlp_out"),
        ("gpt_neox.layers.3.mlp", "blocks.3.hook_mlp_out"),
        ("h.3.attn", "blocks.3.hook_attn_out"),
        ("mine", None),
        ("layers.3.odd", None),
    ],
)
def test_hooks_of_sparsify(tmp_path: Path, folder: str, hook: str | None) -> None:
    record = load_sae(str(save_sparsify(tmp_path / folder).folder)).record
    assert record.hook_name == hook
    assert any("its hook is not known; give --hook" in note for note in record.notes) == (hook is None)


def test_a_square_decoder_of_sparsify_is_as_it_is_saved(tmp_path: Path) -> None:
    square = torch.eye(D_IN) + torch.randn(D_IN, D_IN, generator=torch.Generator().manual_seed(0)) / 10
    tensors = {"encoder.weight": square.T.contiguous(), "encoder.bias": torch.zeros(D_IN), "W_dec": square}
    loaded = load_sae(str(save_sparsify(tmp_path / "layers.3", tensors, k=3).folder))
    assert torch.equal(loaded.module.W_dec, square)


@pytest.mark.parametrize(
    ("config", "tensors", "message"),
    [
        ({"transcode": True}, {}, "is a sparsify transcoder: it reads one place and writes another"),
        ({"skip_connection": True}, {}, "is a sparsify transcoder"),
        ({}, {"W_skip": torch.zeros(D_IN, D_IN)}, "is a sparsify transcoder"),
        ({"signed": True}, {}, "signed activations, but co-firing is defined only for positive ones"),
        ({"activation": "groupmax"}, {}, "SAE of activation 'groupmax', which is not supported; expected topk"),
        ({"num_latents": 128}, {}, "has 24 latents; cfg.json says 128"),
        ({"k": None}, {}, "k is missing"),
        ({"k": 99}, {}, "k is 99"),
        ({}, {"W_dec": torch.zeros(5, 5)}, r"W_dec has shape \[5, 5\]; expected \[24, 16\]"),
        ({}, {"encoder.bias": torch.zeros(3)}, "SAELens can't load it .*b_enc"),
    ],
)
def test_other_saes_of_sparsify_are_refused_by_name(
    tmp_path: Path, config: dict[str, Any], tensors: dict[str, torch.Tensor], message: str
) -> None:
    with pytest.raises(SaeError, match=message):
        load_sae(str(save_sparsify(tmp_path / "layers.3", tensors, **config).folder))


def broken(make: Callable[[Path], Saved], spoil: Callable[[Path], object]) -> Callable[[Path], Path]:
    def made(path: Path) -> Path:
        folder = make(path).folder
        spoil(folder)
        return folder

    return made


def only(*names: str) -> Callable[[Path], Path]:
    """A folder with files of these names that hold nothing of use."""

    def made(path: Path) -> Path:
        for name in names:
            (path / "odd" / name).parent.mkdir(parents=True, exist_ok=True)
            torch.save({"pre_bias": torch.zeros(3)}, path / "odd" / name)
        return path / "odd"

    return made


REFUSED: list[tuple[Callable[[Path], Path], str]] = [
    (
        lambda path: save_dictionary(path / "d", "CrossCoder").folder,
        "is a CrossCoder of dictionary_learning, which is not",
    ),
    (lambda path: save_gemma_2(path / "g", hf_hook_point_out="x").folder, "is a transcoder of Gemma Scope 2"),
    (
        lambda path: save_gemma(path / "gemma-scope-2b-pt-transcoders" / "layer_3").folder,
        "is a transcoder of Gemma Scope",
    ),
    (
        lambda path: save_llama(path / "l", hook_point_out="blocks.3.hook_mlp_out").folder,
        "is a transcoder of Llama Scope",
    ),
    (lambda path: save_llama(path / "l", act_fn="topk").folder, "is of OpenMOSS with act_fn 'topk'"),
    (
        lambda path: save_llama(path / "l", dataset_average_activation_norm=None).folder,
        "lacks dataset_average_activation",
    ),
    (broken(SAVE["Gemma Scope"], lambda path: (path / "params.npz").write_bytes(b"PK")), "not a complete npz file"),
    (broken(SAVE["Gemma Scope 2"], lambda path: (path / "params.safetensors").write_bytes(b"")), "not a complete safe"),
    (broken(SAVE["Llama Scope"], lambda path: (path / "hyperparams.json").unlink()), "has no hyperparams.json"),
    (broken(SAVE["sparsify"], lambda path: (path / "cfg.json").unlink()), "has no cfg.json .found sae.safetensors"),
    (only("1.pt"), "looks like OpenAI's: a .pt file without a configuration"),
    (only("Llama-3.1-8B-Instruct-SAE-l19.pth"), "looks like Goodfire's"),
    (only("pytorch_model.bin"), "holds a pickle .*never read"),
    (only("README.md"), "holds no SAE .found README.md.; expected a folder of SAELens, sparsify, dictionary_learning"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_is_not_supported_is_refused_by_its_name(
    tmp_path: Path, make: Callable[[Path], Path], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.sae.other_formats._dictionary", lambda kind, w: ({"W_enc": w["W_enc"]}, torch.relu))
    folder = make(tmp_path)
    with pytest.raises(SaeError, match=message) as caught:
        load_sae(str(folder))
    assert "\n" not in str(caught.value)


def test_code_in_a_weights_file_is_not_run(tmp_path: Path) -> None:
    folder = save_dictionary(tmp_path / "d", "AutoEncoder").folder
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (ran,))

    torch.save({"encoder.weight": Evil()}, folder / "ae.pt")
    with pytest.raises(SaeError, match=r"not a file of tensors alone: .* could run code, so it is not read"):
        load_sae(str(folder))
    assert not ran.exists()


def test_a_parent_folder_lists_what_is_in_it(tmp_path: Path) -> None:
    save_sae(tmp_path / "runs" / "a")
    save_matryoshka(tmp_path / "runs" / "deeper" / "b")
    save_sparsify(tmp_path / "runs" / "layers.3")
    with pytest.raises(SaeError, match=r"holds 3 SAEs, not one; choose one of a, deeper/b, layers.3"):
        load_sae(str(tmp_path / "runs"))


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("dictionary_learning AutoEncoder", "ae.pt"),
        ("sparsify", "sae.safetensors"),
        ("Gemma Scope", "params.npz"),
        ("Gemma Scope 2", "params.safetensors"),
        ("Llama Scope", "checkpoints/final.safetensors"),
    ],
)
def test_a_file_stands_for_its_folder(tmp_path: Path, name: str, file: str) -> None:
    folder = SAVE[name](tmp_path).folder
    assert load_sae(str(folder / file)).record == load_sae(str(folder)).record
