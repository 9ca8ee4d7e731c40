"""Activations from a file, so that no model is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from app.activations.batch import NO_TOKEN, ActivationBatch, TokenRows
from app.activations.stream import ActivationStream, stream_key
from app.activations.tokenize import ROW_LENGTH
from app.errors import ActivationsError
from app.hashing import file_checksum

ROWS_PER_BATCH = 16


def open_activations(source: str, *, n_tokens: int | None = None) -> ActivationStream:
    """A `.safetensors` file, or a folder with a SAELens cached-activations dataset.

    Raises:
        ActivationsError: nothing there, or not of the expected form.
    """
    path = Path(source)
    if path.is_file():
        return FileStream(path, n_tokens=n_tokens)
    if path.is_dir():
        return DatasetStream(path, n_tokens=n_tokens)
    raise ActivationsError("no such file; expected a .safetensors file or a cached-activations folder", place=source)


class FileStream:
    """Tensor `activations [n_tokens, d_in]` of a safetensors file, optionally `tokens [n_tokens]`.

    The file is taken as it is: every token is scored. Rows are runs of 128 tokens; they are only
    used to show contexts. Activations are read from the disk a few rows at a time.
    """

    def __init__(self, path: Path, *, n_tokens: int | None = None) -> None:
        self._path = path
        shape, ids = self._read_head()
        n = shape[0] if n_tokens is None else min(n_tokens, shape[0])
        self.d_in = shape[1]
        self.rows = _rows_of_flat(ids, n)
        self.description: Mapping[str, Any] = {"activations_checksum": file_checksum(path), "row_length": ROW_LENGTH}
        self.key = stream_key(self.description)

    def _read_head(self) -> tuple[list[int], NDArray[np.int32] | None]:
        try:
            with safe_open(self._path, framework="pt") as handle:
                names = set(handle.keys())
                if "activations" not in names:
                    raise ActivationsError(
                        f'has tensors {sorted(names)}; expected one named "activations"', place=self._path
                    )
                shape = list(handle.get_slice("activations").get_shape())
                tokens = handle.get_tensor("tokens") if "tokens" in names else None
        except (SafetensorError, OSError) as error:
            raise ActivationsError("not a readable safetensors file", place=self._path, reason=str(error)) from error
        if len(shape) != 2 or 0 in shape:
            raise ActivationsError(
                f"activations have shape {shape}; expected [n_tokens, d_in] with at least one token", place=self._path
            )
        if tokens is None:
            return shape, None
        if list(tokens.shape) != shape[:1] or tokens.is_floating_point():
            raise ActivationsError(
                f"tokens have shape {list(tokens.shape)} and dtype {tokens.dtype}; expected [{shape[0]}] whole numbers",
                place=self._path,
            )
        return shape, tokens.numpy().astype(np.int32)

    def batches(self, start: int, stop: int) -> Iterator[ActivationBatch]:
        """Activations of rows `[start, stop)`, a few rows at a time."""
        with safe_open(self._path, framework="pt") as handle:
            tensor = handle.get_slice("activations")
            for first in range(start, stop, ROWS_PER_BATCH):
                part = self.rows.slice(first, min(first + ROWS_PER_BATCH, stop))
                begin = first * ROW_LENGTH
                acts = tensor[begin : begin + part.n_kept].float()
                yield _batch(acts, part, first, self._path)


class DatasetStream:
    """A dataset as SAELens' `CacheActivationsRunner` saves it: one row of tokens per record.

    The first position of each row is left out: it holds the beginning-of-sequence token, whose
    activation has an outsized norm.
    """

    def __init__(self, folder: Path, *, n_tokens: int | None = None) -> None:
        dataset = _load_dataset(folder)
        self._folder = folder
        self._column = _activations_column(folder, dataset)
        self._dataset = dataset.with_format("torch")
        row_length, self.d_in = self._row_shape()
        ids = self._token_ids(dataset, row_length)
        keep = np.ones(ids.shape, dtype=np.bool_)
        keep[:, 0] = False
        rows = TokenRows(ids, keep)
        self.rows = rows if n_tokens is None else rows.limited(n_tokens)
        # Not the dataset's own fingerprint: that is made of the files' names and times, not of their content.
        files = sorted(Path(file["filename"]) for file in dataset.cache_files)
        self.description: Mapping[str, Any] = {
            "activations_checksum": file_checksum(*files),
            "hook_name": self._column,
            "row_length": row_length,
        }
        self.key = stream_key(self.description)

    def _row_shape(self) -> tuple[int, int]:
        first = self._dataset[0][self._column]
        if not isinstance(first, torch.Tensor) or first.ndim != 2 or not first.is_floating_point():
            raise ActivationsError(
                f"column {self._column} holds {self._dataset.features[self._column]}; "
                "expected [row_length, d_in] numbers in each row",
                place=self._folder,
            )
        if len(first) < 2:
            raise ActivationsError(
                f"has rows of {len(first)} activation; expected at least 2, since the first "
                "of each row is not scored; cache longer rows",
                place=self._folder,
            )
        return int(first.shape[0]), int(first.shape[1])

    def _token_ids(self, dataset: Any, row_length: int) -> NDArray[np.int32]:
        if "token_ids" not in dataset.column_names:
            return np.full((len(dataset), row_length), NO_TOKEN, dtype=np.int32)
        rows = dataset["token_ids"][:]
        if {len(row) for row in rows} != {row_length}:
            raise ActivationsError(
                f"has rows whose token_ids are not {row_length}, one per activation", place=self._folder
            )
        return np.array(rows, dtype=np.int32)

    def batches(self, start: int, stop: int) -> Iterator[ActivationBatch]:
        """Activations of rows `[start, stop)`, a few rows at a time."""
        for first in range(start, stop, ROWS_PER_BATCH):
            part = self.rows.slice(first, min(first + ROWS_PER_BATCH, stop))
            acts = self._dataset[first : first + len(part)][self._column]
            if not isinstance(acts, torch.Tensor) or acts.shape != (*part.ids.shape, self.d_in):
                raise ActivationsError(
                    f"rows {first} to {first + len(part) - 1} are not all "
                    f"{part.ids.shape[1]} activations of width {self.d_in}, as the first row is",
                    place=self._folder,
                )
            yield _batch(acts[torch.from_numpy(part.keep)].float(), part, first, self._folder)


def _load_dataset(folder: Path) -> Any:
    import datasets

    try:
        dataset: Any = datasets.load_from_disk(str(folder))
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ActivationsError("not a cached-activations dataset", place=folder, reason=reason) from error
    if isinstance(dataset, datasets.DatasetDict):
        raise ActivationsError(f"has splits {list(dataset)}; expected the folder of one of them", place=folder)
    if not len(dataset):
        raise ActivationsError("has no rows; expected at least one row of activations", place=folder)
    return dataset


def _activations_column(folder: Path, dataset: Any) -> str:
    columns = [name for name in dataset.column_names if name != "token_ids"]
    if len(columns) != 1:
        raise ActivationsError(
            f"has columns {dataset.column_names}; expected one hook's activations and token_ids", place=folder
        )
    return str(columns[0])


def _rows_of_flat(ids: NDArray[np.int32] | None, n_tokens: int) -> TokenRows:
    """Rows of `ROW_LENGTH` tokens; the last one is padded with tokens that are not scored."""
    n_rows = -(-n_tokens // ROW_LENGTH)
    flat = np.full(n_rows * ROW_LENGTH, NO_TOKEN, dtype=np.int32)
    if ids is not None:
        flat[:n_tokens] = ids[:n_tokens]
    keep = np.arange(n_rows * ROW_LENGTH) < n_tokens
    return TokenRows(flat.reshape(n_rows, ROW_LENGTH), keep.reshape(n_rows, ROW_LENGTH))


def _batch(acts: torch.Tensor, part: TokenRows, first: int, source: Path) -> ActivationBatch:
    if not torch.isfinite(acts).all():
        raise ActivationsError(f"NaN or infinite activations in rows {first} to {first + len(part) - 1}", place=source)
    row, position = np.nonzero(part.keep)
    return ActivationBatch(acts, row.astype(np.int64) + first, position.astype(np.int64), part, first)
