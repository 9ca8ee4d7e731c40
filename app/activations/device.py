"""Which device computes, and how many rows of a text fit into one of its forward passes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from app.activations.layers import text_config
from app.errors import SettingsError

MEMINFO = Path("/proc/meminfo")

USED_SHARE = 0.5
"""Of the free memory; the rest is for what PyTorch sets aside and for fragments."""

MOST_ROWS = {"cpu": 16, "cuda": 64}
"""Rows after which a forward pass gets no faster: measured for the processor, a whole shard for a GPU."""

AFTER_HOOK = 4
"""Copies of an activation that stay behind the hook: as caught, as kept, in float32 and in float64."""


def choose_device(name: str) -> torch.device:
    """The device a setting means; `auto` is the first GPU where there is one.

    Raises:
        SettingsError: it is unknown, or not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise SettingsError(f"device {name!r}: expected auto, cpu, cuda or cuda:N") from error
    if device.type not in MOST_ROWS:
        raise SettingsError(f"device {name!r}: expected auto, cpu, cuda or cuda:N")
    n_gpus = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= n_gpus:
        raise SettingsError(
            f"device {name!r}: PyTorch sees {n_gpus} GPUs here; use cpu, or check the driver and `torch`"
        )
    return device


def free_memory(device: torch.device) -> int:
    """Bytes that can still be used: of the GPU, or of this computer's memory."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return available_memory(MEMINFO.read_text() if MEMINFO.exists() else "")


def available_memory(meminfo: str) -> int:
    """Bytes that programs can have, cached files given up for them; of Linux's own account, if there is one."""
    for line in meminfo.splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


@dataclass(frozen=True)
class ModelSize:
    """What a forward pass needs for each token.

    Attributes:
        d_model, d_mlp: widths of the residual stream and inside the MLP.
        n_heads: attention heads; number_bytes: of one number in the model's dtype.
    """

    d_model: int
    d_mlp: int
    n_heads: int
    number_bytes: int

    def row_bytes(self, row_length: int) -> int:
        """Bytes of one row at the largest moment of a layer.

        Residual stream, its norm, queries, keys, values and output (6 × `d_model`); gate, up and their
        product (3 × `d_mlp`); attention scores in float32, for implementations that make them.
        """
        token = (6 * self.d_model + 3 * self.d_mlp) * self.number_bytes + AFTER_HOOK * 8 * self.d_model
        return row_length * token + 4 * self.n_heads * row_length * row_length


def size_of(model: Any) -> ModelSize:
    """The size of a transformers model."""
    config = text_config(model)
    d_model = int(config.hidden_size)
    d_mlp = int(getattr(config, "intermediate_size", None) or 4 * d_model)
    return ModelSize(d_model, d_mlp, int(getattr(config, "num_attention_heads", 1)), model.dtype.itemsize)


def rows_that_fit(size: ModelSize, row_length: int, free_bytes: int, most: int) -> int:
    """Rows for one forward pass: a power of two, at least 1, at most `most`."""
    fit = int(free_bytes * USED_SHARE) // size.row_bytes(row_length)
    rows = 1
    while 2 * rows <= min(fit, most):
        rows *= 2
    return rows


def to_host(*tensors: torch.Tensor) -> list[Any]:
    """NumPy arrays of tensors; from a GPU through pinned memory, all copies under way at once."""
    if all(tensor.device.type == "cpu" for tensor in tensors):
        return [tensor.numpy() for tensor in tensors]
    pinned = [torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True) for tensor in tensors]
    for host, tensor in zip(pinned, tensors, strict=True):
        host.copy_(tensor, non_blocking=True)
    torch.cuda.current_stream(tensors[0].device).synchronize()
    return [host.numpy() for host in pinned]


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The tensor on a device; to a GPU without waiting for it."""
    if tensor.device == device or device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
