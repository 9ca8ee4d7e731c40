"""An SAE whose configuration is not what would run is refused by name, or the difference is noted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from app.errors import PreflightError
from app.sae.load import load_sae
from tests.saved_saes import CONFIG_FILE, D_IN, D_SAE, HOOK_NAME, MODEL_NAME, edit_config, edit_weights, save_sae

FLAT: dict[str, Any] = {
    "architecture": "standard",
    "activation_fn_str": "relu",
    "activation_fn_kwargs": {},
    "hook_name": HOOK_NAME,
    "hook_layer": 8,
    "hook_head_index": None,
    "model_name": MODEL_NAME,
    "prepend_bos": True,
    "context_size": 128,
    "finetuning_scaling_factor": False,
    "d_in": D_IN,
    "d_sae": D_SAE,
    "dtype": "torch.float32",
    "device": "cpu",
    "apply_b_dec_to_input": True,
    "normalize_activations": "none",
    "sae_lens_training_version": "3.20.0",
}
"""As SAELens wrote it before its version 6."""


def flat(folder: Path, *without: str, **changes: Any) -> Path:
    save_sae(folder)
    config = {name: value for name, value in {**FLAT, **changes}.items() if name not in without}
    (folder / CONFIG_FILE).write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    ("changes", "without"),
    [
        ({"activation_fn_str": "topk", "activation_fn_kwargs": {"k": 5}}, ()),
        ({"activation_fn": "topk", "activation_fn_kwargs": {"k": 5}}, ("activation_fn_str",)),
        ({"activation_fn_str": "topk", "activation_fn_kwargs": {"k": 5}}, ("architecture",)),
        ({"architecture": "topk", "k": 5}, ("activation_fn_str", "activation_fn_kwargs")),
        ({"activation_fn": {"name": "topk", "k": 5}}, ("activation_fn_str", "activation_fn_kwargs")),
        ({"architecture": "topk", "activation_fn_kwargs": {"k": 5}}, ("activation_fn_str",)),
    ],
)
def test_old_top_k_configurations_run_as_top_k(
    tmp_path: Path, changes: dict[str, Any], without: tuple[str, ...]
) -> None:
    loaded = load_sae(str(flat(tmp_path / "a", *without, **changes)))
    record = loaded.record
    assert (record.architecture, record.model_name, record.hook_name) == ("topk", MODEL_NAME, HOOK_NAME)
    assert (record.context_length, record.bos) == (128, True)
    assert int(loaded.module.cfg.k) == 5


@pytest.mark.parametrize("activation", ["topk", {"name": "topk", "k": 5}])
def test_a_newer_configuration_that_only_names_its_activation_runs_as_top_k(tmp_path: Path, activation: Any) -> None:
    """SAELens 6 does not look at it, and would run ReLU."""
    folder = save_sae(tmp_path / "a")
    edit_config(folder, activation_fn=activation, activation_fn_kwargs={"k": 5})
    loaded = load_sae(str(folder))
    assert loaded.record.architecture == "topk"
    assert int((loaded.module.encode(torch.randn(9, D_IN)) > 0).sum(dim=1).max()) <= 5


def test_thresholds_that_were_saved_as_logarithms(tmp_path: Path) -> None:
    plain = load_sae(str(save_sae(tmp_path / "plain", "jumprelu")))
    folder = save_sae(tmp_path / "log", "jumprelu")
    edit_weights(folder, lambda tensors: tensors.update(log_threshold=tensors.pop("threshold").log()))
    assert torch.allclose(load_sae(str(folder)).module.threshold, plain.module.threshold)


@pytest.mark.parametrize(
    ("changes", "without", "message"),
    [
        ({"activation_fn_str": "tanh-relu"}, (), "activation_fn is 'tanh-relu', which would run as plain ReLU"),
        ({"activation_fn": "gelu"}, ("activation_fn_str",), "activation_fn is 'gelu'"),
        ({"activation_fn_str": "topk"}, (), "activation_fn is topk, but k is missing"),
        ({"activation_fn_str": "topk"}, ("activation_fn_kwargs",), "activation_fn is topk, but k is missing"),
        (
            {"activation_fn_str": "topk", "activation_fn_kwargs": {"k": 99}},
            (),
            "k is 99; expected .* 1 to the 24 latents",
        ),
        ({"activation_fn_str": "topk", "activation_fn_kwargs": {"k": 5, "postact_fn": "id"}}, (), "can be negative"),
        ({"finetuning_scaling_factor": True}, (), "finetuning_scaling_factor is true, but there is no such tensor"),
        ({"normalize_activations": True}, (), "normalize_activations is expected_average_only_in"),
        ({"hook_name_out": "model.layers.9"}, (), "so it is a transcoder; an SAE was expected"),
    ],
)
def test_old_configurations_that_would_run_as_something_else(
    tmp_path: Path, changes: dict[str, Any], without: tuple[str, ...], message: str
) -> None:
    with pytest.raises(PreflightError, match=message):
        load_sae(str(flat(tmp_path / "a", *without, **changes)))


@pytest.mark.parametrize("k", [None, 0, -1, 1000, D_SAE + 1, 4.5, "5", True])
def test_k_is_a_number_of_latents(tmp_path: Path, k: Any) -> None:
    folder = save_sae(tmp_path / "a", "topk", k=5)
    edit_config(folder, k=k)
    message = (
        "k is missing: .*SAELens would take 100" if k is None else rf"k is {k!r}; expected a whole number from 1 to"
    )
    with pytest.raises(PreflightError, match=message):
        load_sae(str(folder))


@pytest.mark.parametrize(
    ("normalize", "message"),
    [
        ("expected_average_only_in", "its inputs were scaled in training, and the scale is not folded"),
        ("covariance_whitening", "its inputs were whitened in training, and the whitening is not folded"),
        ("foo", "normalize_activations is 'foo'; expected one of none, layer_norm"),
    ],
)
@pytest.mark.parametrize("architecture", ["standard", "topk", "jumprelu", "gated"])
def test_inputs_that_are_not_those_of_training_are_refused(
    tmp_path: Path, architecture: Any, normalize: str, message: str
) -> None:
    folder = save_sae(tmp_path / "a", architecture)
    edit_config(folder, normalize_activations=normalize)
    with pytest.raises(PreflightError, match=message):
        load_sae(str(folder))


@pytest.mark.parametrize("normalize", ["layer_norm", "constant_norm_rescale"])
def test_norms_that_saelens_applies_are_noted(tmp_path: Path, normalize: str) -> None:
    folder = save_sae(tmp_path / "a")
    edit_config(folder, normalize_activations=normalize)
    loaded = load_sae(str(folder))
    assert any(normalize in note and "as in SAELens" in note for note in loaded.record.notes)


def test_the_scale_that_lies_beside_a_checkpoint_is_folded_in(tmp_path: Path) -> None:
    """SAELens' checkpoints keep it; folded by hand, the weights are the same."""
    from sae_lens import SAE

    by_hand: Any = SAE.load_from_disk(save_sae(tmp_path / "hand", "jumprelu"), dtype="float32")
    by_hand.fold_activation_norm_scaling_factor(0.25)
    folder = save_sae(tmp_path / "a", "jumprelu")
    edit_config(folder, normalize_activations="expected_average_only_in")
    (folder / "activation_scaler.json").write_text(json.dumps({"scaling_factor": 0.25, "has_whitening": False}))
    loaded = load_sae(str(folder))
    assert all(torch.equal(by_hand.state_dict()[name], tensor) for name, tensor in loaded.module.state_dict().items())
    assert loaded.record.notes == ()


def test_a_rescaling_of_latents_is_refused_and_one_of_ones_is_not(tmp_path: Path) -> None:
    folder = save_sae(tmp_path / "a")
    edit_config(folder, finetuning_scaling_factor=True)
    edit_weights(folder, lambda tensors: tensors.update(scaling_factor=torch.full((D_SAE,), 2.0)))
    with pytest.raises(PreflightError, match="rescaled by a finetuning_scaling_factor, which is not supported"):
        load_sae(str(folder))
    edit_weights(folder, lambda tensors: tensors["scaling_factor"].fill_(1.0))
    assert load_sae(str(folder)).d_sae == D_SAE


def test_a_configuration_without_a_version_keeps_its_model_and_hook(tmp_path: Path) -> None:
    folder = save_sae(tmp_path / "a", "topk")
    metadata = json.loads((folder / CONFIG_FILE).read_text())["metadata"]
    del metadata["sae_lens_version"]
    edit_config(folder, metadata=metadata)
    record = load_sae(str(folder)).record
    assert (record.model_name, record.hook_name) == (MODEL_NAME, HOOK_NAME)


@pytest.mark.parametrize("name", ["sae_weights.safetensors", "cfg.json"])
def test_a_git_lfs_pointer_is_called_one(tmp_path: Path, name: str) -> None:
    from app.errors import SaeError

    folder = save_sae(tmp_path / "a")
    (folder / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12345\n")
    with pytest.raises(SaeError, match=rf"{name}: is a Git LFS pointer, not the file itself; run `git lfs pull`"):
        load_sae(str(folder))
