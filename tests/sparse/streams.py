"""Activation streams for tests: real files, and a count of what is read of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file

from app.activations.batch import ActivationBatch
from app.activations.cached import FileStream
from tests.saved_saes import D_IN

ROW_LENGTH = 128


class CountingStream(FileStream):
    """A file of activations that remembers which rows were read.

    Attributes:
        reads: `(start, stop)` rows of each call of `batches`.
    """

    def __init__(self, path: Path, *, n_tokens: int | None = None) -> None:
        super().__init__(path, n_tokens=n_tokens)
        self.reads: list[tuple[int, int]] = []

    def batches(self, start: int, stop: int) -> Iterator[ActivationBatch]:
        self.reads.append((start, stop))
        return super().batches(start, stop)


def random_acts(n_tokens: int, *, d_in: int = D_IN, seed: int = 0) -> torch.Tensor:
    """`[n_tokens, d_in]` float32."""
    return 2 * torch.randn(n_tokens, d_in, generator=torch.Generator().manual_seed(seed)) + 0.3


def save_acts(path: Path, acts: torch.Tensor) -> Path:
    """Save activations with token ids 0, 1, 2, …"""
    save_file({"activations": acts, "tokens": torch.arange(len(acts))}, path)
    return path
