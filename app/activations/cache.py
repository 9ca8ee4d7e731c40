"""Activations of a text kept on disk, so that several SAEs can be trained on one model pass."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from app.activations.batch import TokenRows
from app.activations.hooks import model_batches
from app.activations.language_model import LanguageModel
from app.errors import ActivationsError
from app.progress import Advance, unreported

ROWS_PER_PART = 256
"""Rows a file: 128-token rows of width 576 in float16 make 37 MB, about 15 s of work on two cores."""


def cache_activations(
    language_model: LanguageModel,
    rows: TokenRows,
    hook_name: str,
    folder: Path,
    *,
    progress: Advance = unreported,
) -> None:
    """Write the activations of the scored tokens of `rows` to `folder`, in float16.

    Each part is written to a temporary name and then renamed, so a folder holds whole parts only,
    and a second call continues where the first one stopped.

    Args:
        progress: called with the number of tokens done since the last call.

    Raises:
        ActivationsError: the folder holds something else, or can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, language_model, rows, hook_name)
    for number, start in enumerate(range(0, len(rows), ROWS_PER_PART)):
        path = folder / f"{number:05d}.safetensors"
        part = rows.slice(start, start + ROWS_PER_PART)
        if not path.exists():
            batches = model_batches(language_model, part, hook_name, first_row=start)
            _write(path, torch.cat([batch.acts.half() for batch in batches]))
        progress(part.n_kept)


def _claim(folder: Path, language_model: LanguageModel, rows: TokenRows, hook_name: str) -> None:
    """Write a description into the folder, and refuse to mix two streams in one folder."""
    path = folder / "cache.json"
    claim = {
        "model": language_model.name,
        "model_checksum": language_model.checksum,
        "hook_name": hook_name,
        "rows": list(rows.ids.shape),
        "tokens": rows.n_kept,
        "first_tokens": rows.ids[0, :32].tolist(),
    }
    if path.exists() and json.loads(path.read_text()) != claim:
        raise ActivationsError("holds activations of another model, hook or text; choose another folder", place=folder)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(claim, indent=1))
    partial.rename(path)


def _write(path: Path, acts: torch.Tensor) -> None:
    """Write one part, all or nothing."""
    if not torch.isfinite(acts).all():
        raise ActivationsError("has activations beyond the range of float16; choose another hook", place=path)
    partial = path.with_suffix(".partial")
    try:
        save_file({"activations": acts}, partial)
        partial.rename(path)
    except (SafetensorError, OSError) as error:
        partial.unlink(missing_ok=True)
        raise ActivationsError(
            "can't be written; free some space and run the same command again", place=path, reason=str(error)
        ) from error


class CachedActivations:
    """Endless stream of shuffled training batches from a folder of cached activations.

    All activations are held in memory in float16 (4 million tokens of width 576: 4.6 GB), so that
    every batch is a fair sample of the whole text; a new order is drawn for each epoch.

    Args:
        folder: as written by `cache_activations`, or any folder of `.safetensors` files with a
            tensor `activations [n, d_in]`, or one such file.
        batch_size: tokens a batch.
        seed: of the order.
    """

    def __init__(self, folder: Path, *, batch_size: int, seed: int) -> None:
        acts = load_cached(folder)
        if len(acts) < batch_size:
            raise ActivationsError(
                f"has {len(acts)} activations; expected at least one batch of {batch_size}", place=folder
            )
        self._set(acts, batch_size, seed)

    def _set(self, acts: torch.Tensor, batch_size: int, seed: int) -> None:
        self._acts, self._batch_size, self._seed = acts, batch_size, seed
        self.restart()

    def reordered(self, seed: int) -> CachedActivations:
        """The same activations in the order of another seed; they are not copied."""
        other = CachedActivations.__new__(CachedActivations)
        other._set(self._acts, self._batch_size, seed)
        return other

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of all activations, as they are kept."""
        return hashlib.sha256(self._acts.contiguous().view(torch.uint8).numpy().data).hexdigest()

    def restart(self) -> None:
        """Go back to the first batch: what follows is the same as from a new stream."""
        self._rng = np.random.default_rng(self._seed)
        self._order: Iterator[torch.Tensor] = iter(())

    @property
    def n_tokens(self) -> int:
        """Number of different tokens."""
        return len(self._acts)

    @property
    def d_in(self) -> int:
        """Width of an activation."""
        return int(self._acts.shape[1])

    def __iter__(self) -> Iterator[torch.Tensor]:
        return self

    def __next__(self) -> torch.Tensor:
        index = next(self._order, None)
        if index is None:
            self._order = self._new_order()
            index = next(self._order)
        return self._acts[index].float()

    def _new_order(self) -> Iterator[torch.Tensor]:
        order = torch.from_numpy(self._rng.permutation(len(self._acts)))
        n_batches = len(order) // self._batch_size
        return iter(order[: n_batches * self._batch_size].split(self._batch_size))


def load_cached(path: Path) -> torch.Tensor:
    """`[n_tokens, d_in]` of a cache folder or of one file, in the dtype they were saved in.

    Raises:
        ActivationsError: nothing there, not of the expected form, or NaN.
    """
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise ActivationsError("no cached activations there; expected .safetensors files", place=path)
    parts = []
    for file in files:
        try:
            acts = load_file(file)["activations"]
        except (SafetensorError, KeyError, OSError) as error:
            raise ActivationsError(
                'expected a safetensors file with a tensor "activations"', place=file, reason=str(error)
            ) from error
        if n_bad := int((~torch.isfinite(acts)).any(dim=-1).sum()):
            raise ActivationsError(
                f"{n_bad} of {len(acts)} activations are NaN or infinite; expected none: recompute the file", place=file
            )
        parts.append(acts)
    return torch.cat(parts)
