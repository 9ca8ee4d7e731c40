"""What every reader gives: SAELens' configuration and tensors, and which files they are from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from app.errors import SaeError
from app.files import LFS_REMEDY, is_lfs_pointer

REASON_LENGTH = 300
"""Characters kept of a library's message: torch lists every tensor that does not fit."""

SAELENS_VERSION = "6.0.0"
"""Of the configurations that readers make: those before it name their fields otherwise."""


@dataclass(frozen=True)
class RawSae:
    """An SAE as its files hold it.

    Attributes:
        config: as SAELens 6 writes it; its `metadata` say what is known of model and hook.
        tensors: under SAELens' names and in its orientation, float32.
        weights: the file they are from.
        notes: what was taken for granted, one line each.
    """

    config: dict[str, Any]
    tensors: dict[str, torch.Tensor]
    weights: Path
    notes: tuple[str, ...] = field(default=())


def sae_config(architecture: str, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, Any], **more: Any) -> Any:
    """A configuration as SAELens 6 writes it, with the sizes of the tensors."""
    known = {name: value for name, value in metadata.items() if value is not None}
    d_in, d_sae = tensors["W_enc"].shape
    return {
        "architecture": architecture,
        "d_in": int(d_in),
        "d_sae": int(d_sae),
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": False,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {"sae_lens_version": SAELENS_VERSION, **known},
        **more,
    }


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        SaeError: it can't be read, or is something else.
    """
    refuse_pointer(path)
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SaeError(f"can't be read ({error.strerror})", place=path) from error
    except (ValueError, RecursionError) as error:
        raise SaeError("not JSON; expected an SAE configuration", place=path, reason=one_line(error)) from error
    if not isinstance(value, dict):
        raise SaeError("not a JSON object; expected an SAE configuration", place=path)
    return value


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The floating-point tensors of a weights file, as float32, and the others as they are; no pickle is run.

    Raises:
        SaeError: it is not a complete file of its kind.
    """
    refuse_pointer(path)
    readers: dict[str, Callable[[Path], dict[str, torch.Tensor]]] = {".safetensors": load_file, ".npz": _arrays}
    reader = readers.get(path.suffix, _torch_tensors)
    try:
        found = reader(path)
    except (SafetensorError, OSError) as error:
        raise SaeError(
            f"not a complete {path.suffix[1:]} file; download it again", place=path, reason=one_line(error)
        ) from error
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in found.items()}


def _arrays(path: Path) -> dict[str, torch.Tensor]:
    import zipfile

    try:
        # Opened here: NumPy leaves its own file open where it is damaged.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(np.asarray(arrays[name])) for name in arrays}
    except (ValueError, zipfile.BadZipFile, EOFError, TypeError) as error:
        raise SaeError(
            "not a complete npz file of numbers; download it again", place=path, reason=one_line(error)
        ) from error


def _torch_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a `.pt` file: only tensors are read from it, whatever else it holds."""
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise SaeError(
            "not a file of tensors alone: what else it holds could run code, so it is not read; save its state dict as "
            "safetensors",
            place=path,
            reason=one_line(error),
        ) from error
    if not isinstance(found, dict):
        raise SaeError("holds no named tensors; expected a state dict", place=path)
    return {name: value for name, value in found.items() if isinstance(name, str) and isinstance(value, torch.Tensor)}


def take(tensors: Mapping[str, torch.Tensor], path: Path, *names: str) -> torch.Tensor:
    """The first of these tensors that is there. Raises SaeError where none is."""
    for name in names:
        if name in tensors:
            return tensors[name]
    there = " ".join(", ".join(sorted(tensors)).split())
    raise SaeError(f"has no tensor {' or '.join(names)}; it has {there[:200]}", place=path)


def take_turned(tensors: Mapping[str, torch.Tensor], path: Path, name: str) -> torch.Tensor:
    """A matrix as `nn.Linear` keeps it, turned round. Raises SaeError where it is missing or not a matrix."""
    found = take(tensors, path, name)
    if found.ndim != 2:
        raise SaeError(f"{name} has shape {list(found.shape)}; expected a matrix", place=path)
    return found.T


def refuse_pointer(path: Path) -> None:
    """Raise SaeError for a Git LFS pointer."""
    if is_lfs_pointer(path):
        raise SaeError(LFS_REMEDY, place=path)


def one_line(error: BaseException) -> str:
    """An error of a library in one line."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words[:REASON_LENGTH]}" if words else type(error).__name__
