"""SAELens' own folders, of all its versions: `cfg.json` and `sae_weights.safetensors`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from app.errors import PreflightError, SaeError
from app.sae.formats.checks import config_problems
from app.sae.formats.raw import SAELENS_VERSION, RawSae, one_line, read_json, read_tensors
from app.sae.formats.spelling import tidy_config, tidy_tensors

CONFIG_FILE = "cfg.json"
WEIGHTS_FILE = "sae_weights.safetensors"
SCALER_FILE = "activation_scaler.json"

OF_TRAINING = ("batchtopk", "matryoshka_batchtopk")
"""Architectures that exist in training only: SAELens saves them as JumpReLU SAEs for use."""

SHAPES = {
    "W_enc": ("d_in", "d_sae"),
    "W_dec": ("d_sae", "d_out"),
    "b_enc": ("d_sae",),
    "b_dec": ("d_out",),
    "threshold": ("d_sae",),
}


def read(folder: Path) -> RawSae:
    """A folder that SAELens saved, for use or in training.

    Raises:
        SaeError: a file is missing or broken.
        PreflightError: its configuration is not what would run, or does not fit its tensors.
    """
    weights = folder / WEIGHTS_FILE
    config = tidy_config(read_config(folder / CONFIG_FILE), folder)
    tensors, notes = tidy_tensors(read_tensors(weights), config.get("architecture", "standard"), weights)
    problems = _shape_problems(tensors, config) or config_problems(config, tensors, has_scaler(folder))
    if problems:
        raise PreflightError(str(folder), problems)
    config = _with_top_k(config)
    if config.get("architecture") == "jumprelu" and "log_threshold" in tensors and "threshold" not in tensors:
        # As SAELens saved it in training, in some of its versions.
        tensors["threshold"] = tensors.pop("log_threshold").exp()
    metadata = config.get("metadata")
    if isinstance(metadata, dict) and not metadata.get("sae_lens_version") and "activation_fn_str" not in config:
        # Without a version SAELens takes it for one of before its version 6, and drops what it knows of the model.
        config = {**config, "metadata": {"sae_lens_version": SAELENS_VERSION, **metadata}}
    if config.get("architecture") in OF_TRAINING:
        return _of_training(folder, config, weights)
    return RawSae(config, tensors, weights, notes)


def _with_top_k(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration with architecture topk and its k where only its activation function says so.

    SAELens finds that out for some spellings; the others would run as ReLU.
    """
    said, options = config.get("activation_fn_str", config.get("activation_fn")), config.get("activation_fn_kwargs")
    if isinstance(said, dict):
        said, options = said.get("name"), said
    if said not in ("topk", "TopK") or config.get("architecture") not in (None, "standard"):
        return config
    without = {name: value for name, value in config.items() if not name.startswith("activation_fn")}
    return {**without, "architecture": "topk", "k": options["k"] if isinstance(options, dict) else config.get("k")}


def read_config(path: Path) -> dict[str, Any]:
    """An SAE's configuration file.

    Raises:
        SaeError: it is not a JSON object, or does not describe an SAE.
    """
    config = read_json(path)
    if not isinstance(config.get("d_in"), int) or isinstance(config.get("d_in"), bool):
        raise SaeError("d_in is missing or not a number; expected an SAE configuration", place=path)
    return config


def has_scaler(folder: Path) -> bool:
    """Whether SAELens kept next to a training save what it did to the inputs."""
    return (folder / SCALER_FILE).is_file()


def _shape_problems(tensors: Mapping[str, torch.Tensor], config: Mapping[str, Any]) -> list[str]:
    """Tensors whose shape is not the configuration's, one line each; SAELens' message would name them all."""
    sizes = {"d_in": config["d_in"], "d_sae": config.get("d_sae"), "d_out": config.get("d_out", config["d_in"])}
    expected = {name: [sizes[size] for size in shape] for name, shape in SHAPES.items()}
    odd = [name for name, tensor in tensors.items() if not tensor.is_floating_point()]
    wrong = [f"{name} has dtype {tensors[name].dtype}; expected a floating-point one" for name in odd]
    return wrong + [
        f"{name} has shape {list(tensors[name].shape)}; {CONFIG_FILE} says {shape}"
        for name, shape in expected.items()
        if name in tensors and None not in shape and list(tensors[name].shape) != shape
    ]


def _of_training(folder: Path, config: Mapping[str, Any], weights: Path) -> RawSae:
    """What SAELens would save for use of a save in training."""
    from sae_lens import TrainingSAE

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module: Any = TrainingSAE.load_from_disk(folder, device="cpu", dtype="float32")
        fold_scaler(module, folder)
        tensors = module.state_dict()
        module.process_state_dict_for_saving_inference(tensors)
        found = module.cfg.get_inference_sae_cfg_dict()
    except Exception as error:
        raise SaeError("SAELens can't load it", place=folder, reason=one_line(error)) from error
    metadata = dict(found["metadata"])
    if isinstance(config.get("metadata"), dict):
        metadata = {**config["metadata"], **metadata}
    note = "saved in training; read as SAELens would save it for use"
    return RawSae({**found, "metadata": metadata}, {k: v.float() for k, v in tensors.items()}, weights, (note,))


def fold_scaler(module: Any, folder: Path) -> None:
    """Fold what SAELens did to the inputs in training into the weights, as it does at the end of a training."""
    from sae_lens.training.activation_scaler import ActivationScaler

    if module.cfg.normalize_activations not in ("expected_average_only_in", "covariance_whitening"):
        return
    scaler = ActivationScaler()
    scaler.load(folder / SCALER_FILE)
    if scaler.scaling_factor is not None:
        module.fold_activation_norm_scaling_factor(scaler.scaling_factor)
    if scaler.whitening is not None:
        whitening = scaler.whitening
        module.fold_activation_whitening(
            mean=whitening.mean,
            whitening_matrix=whitening.matrix,
            unwhitening_matrix=whitening.inverse_matrix,
        )
