"""What identifies an SAE: its weights, and how its configuration says to encode with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_NOT_ABOUT_ENCODING = {"metadata", "device", "dtype", "hook_name", "model_name", "dataset_path"}


def tensors_checksum(tensors: Mapping[str, Any]) -> str:
    """SHA-256 of named torch tensors, for SAEs that come from elsewhere than one local file."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().float().contiguous()
        digest.update(f"{name}{list(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def config_checksum(config: Mapping[str, Any]) -> str:
    """SHA-256 of the parts of an SAE configuration that decide how it encodes."""
    relevant = {key: value for key, value in config.items() if key not in _NOT_ABOUT_ENCODING}
    return hashlib.sha256(json.dumps(relevant, sort_keys=True, default=str).encode()).hexdigest()
