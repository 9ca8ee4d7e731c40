from __future__ import annotations

import numpy as np
import pytest
import torch

from app.errors import ShardError
from app.sparse.memory import memory_explained

TOO_MUCH = 1 << 60
"""Bytes that no machine gives."""


def test_numpy() -> None:
    expected = "out of memory while encoding rows 0 to 3; stop other programs"
    with pytest.raises(ShardError, match=expected), memory_explained("encoding rows 0 to 3"):
        np.zeros(TOO_MUCH, dtype=np.uint8)


def test_torch() -> None:
    with pytest.raises(ShardError, match=r"out of memory while scoring; .*run the same"), memory_explained("scoring"):
        torch.zeros(TOO_MUCH // 4, dtype=torch.float32)


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match=r"size mismatch|cannot be multiplied"), memory_explained("scoring"):
        torch.zeros(2, 3) @ torch.zeros(2, 3)
