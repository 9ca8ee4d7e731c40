"""Files in the format of safetensors, without NumPy: the pages run where it is not installed."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import orjson

ALIGNED = 8
"""Bytes that the head's length is a multiple of."""


def safetensors_file(tensors: Mapping[str, tuple[Sequence[int], bytes]], metadata: Mapping[str, str]) -> bytes:
    """A whole file.

    Args:
        tensors: name -> shape, and little-endian float32 values.
        metadata: texts that go with them.
    """
    head: dict[str, object] = {"__metadata__": dict(metadata)}
    end = 0
    for name, (shape, values) in tensors.items():
        head[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [end, end + len(values)]}
        end += len(values)
    text = orjson.dumps(head)
    text += b" " * (-len(text) % ALIGNED)
    return struct.pack("<Q", len(text)) + text + b"".join(values for _, values in tensors.values())
