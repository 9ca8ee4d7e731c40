"""Comparisons of odd sizes: few latents, few tokens, nothing active, everything active, short rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import datasets
import numpy as np
import torch
from numpy.typing import NDArray

from app.records import ComparisonRequest
from tests.pipeline.dense_comparison import DensePair, compare
from tests.pipeline.dense_sae import ROW
from tests.pipeline.world import make_activations, make_exact, save_activations
from tests.saved_saes import D_IN, WIDTHS, edit_weights, save_matryoshka, save_sae


@dataclass(frozen=True)
class Odd:
    """What is compared, and how its rows are cut.

    Attributes:
        n_narrow: latents of the narrow SAE; widths: prefixes of the reference.
        n_tokens: scored tokens.
        row: scored tokens a row; first: position of a row's first one.
        edit: changes the weights of both SAEs; change: the activations.
    """

    n_narrow: int = 6
    widths: tuple[int, ...] = WIDTHS
    n_tokens: int = 5 * ROW + 77
    row: int = ROW
    first: int = 0
    edit: Callable[[dict[str, torch.Tensor]], object] = lambda _tensors: None
    change: Callable[[NDArray[np.float32]], object] = lambda _acts: None

    def make(self, folder: Path) -> tuple[ComparisonRequest, DensePair]:
        """Write it; what to compare, and its oracle."""
        narrow = save_sae(folder / "narrow", "jumprelu", d_sae=self.n_narrow, seed=1, model_name=None, hook_name=None)
        reference = self._reference(folder / "reference")
        for sae in (narrow, reference):
            edit_weights(sae, make_exact)
            edit_weights(sae, self.edit)
        acts, _ = make_activations(self.n_tokens, seed=3)
        self.change(acts)
        file = self._save(folder, acts)
        request = ComparisonRequest(str(narrow), str(reference), activations=str(file), name="odd")
        return request, compare(narrow, reference, acts, row=self.row, first=self.first)

    def _reference(self, folder: Path) -> Path:
        if len(self.widths) == 1:
            return save_sae(folder, "jumprelu", d_sae=self.widths[0], seed=2, model_name=None, hook_name=None)
        return save_matryoshka(folder, widths=self.widths, seed=2, model_name=None, hook_name=None)

    def _save(self, folder: Path, acts: NDArray[np.float32]) -> Path:
        if self.row == ROW:
            return save_activations(folder / "acts.safetensors", acts)
        return save_rows(folder / "rows", acts.reshape(-1, self.row, D_IN), self.first)


def save_rows(folder: Path, acts: NDArray[np.float32], n_before: int) -> Path:
    """A cached-activations folder; each row begins with some positions of large activations that are not scored."""
    before = np.full((len(acts), n_before, D_IN), 1000.0, dtype=np.float32)
    whole = np.concatenate([before, acts], axis=1)
    features = datasets.Features({"hook": datasets.Array2D(shape=whole.shape[1:], dtype="float32")})
    datasets.Dataset.from_dict({"hook": whole}, features=features).save_to_disk(folder)
    return folder


def always(tensors: dict[str, torch.Tensor]) -> None:
    """Every latent fires on every token."""
    tensors["b_enc"] += 64.0


def gap(acts: NDArray[np.float32]) -> None:
    """A batch and a whole shard of zeros, on which nothing fires."""
    acts[8 * ROW : 128 * ROW] = 0


ONE_EACH = Odd(n_narrow=1, widths=(1,))
ODD_SIZES = {
    "one narrow latent": Odd(n_narrow=1),
    "one reference latent": Odd(widths=(1,)),
    "one latent each": ONE_EACH,
    "one token": Odd(n_tokens=1, edit=always),
    "one latent each, one token": replace(ONE_EACH, n_tokens=1, edit=always),
    "a batch and a shard with no active latent": Odd(n_tokens=136 * ROW, change=gap),
    "every latent always active": Odd(edit=always),
    "one scored token a row": Odd(row=1, first=1, n_tokens=301),
}
