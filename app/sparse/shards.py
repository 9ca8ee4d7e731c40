"""Shards in storage: active latents of a text, one folder per (stream, SAE), reused by every comparison.

    <root>/<stream key>/stream.json               what the stream is
    <root>/<stream key>/tokens-3/<shard>          token ids, which are scored, moments and a sample of the activations
    <root>/<stream key>/<SAE's shard key>/<shard> active latents in CSR, error of each prefix

A shard is a run of whole rows; its file name says which and how many scored tokens. What is there is
whole: a file is written under a temporary name, then renamed, and an object is put at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from app.activations.batch import TokenRows
from app.errors import ShardError
from app.sparse.csr import SparseActs
from app.sparse.storage import Folder, open_storage

ROWS_PER_SHARD = 64
"""Rows a shard: 64 × 128 tokens are about 4 s of work on two cores, the most a kill can cost."""

TOKEN_ARRAYS = ("ids", "keep", "sum_acts", "sum_squares", "input_token", "inputs", "input_scale")
TOKEN_FOLDER = "tokens-3"
"""Its number rises with what a token shard holds."""


@dataclass(frozen=True)
class Shard:
    """Rows `[start, stop)` of a stream, `n_tokens` of their tokens scored."""

    start: int
    stop: int
    n_tokens: int

    @property
    def file_name(self) -> str:
        """Name of its files."""
        return f"{self.start:08d}-{self.stop:08d}-{self.n_tokens}.safetensors"


@dataclass(frozen=True)
class TokenShard:
    """What belongs to the tokens of a shard, whichever SAE reads them.

    Attributes:
        rows: token ids and which are scored.
        sum_acts: `[d_in]` float64 sum of the activations.
        sum_squares: sum of their squared norms.
        input_token: `[m]` int64 ascending, scored tokens of the shard whose activations are kept (`app.sparse.inputs`).
        inputs: `[m, d_in]` float16 their activations, divided by `input_scale`.
    """

    rows: TokenRows
    sum_acts: NDArray[np.float64]
    sum_squares: float
    input_token: NDArray[np.int64]
    inputs: NDArray[np.float16]
    input_scale: float


def plan_shards(rows: TokenRows, rows_per_shard: int = ROWS_PER_SHARD) -> list[Shard]:
    """Cut a stream into shards, in order; shards without a scored token are left out."""
    per_row = rows.keep.sum(axis=1)
    shards = []
    for start in range(0, len(rows), rows_per_shard):
        stop = min(start + rows_per_shard, len(rows))
        if n_tokens := int(per_row[start:stop].sum()):
            shards.append(Shard(start, stop, n_tokens))
    return shards


class ShardStore:
    """The shards of one stream. Holds names only, so it can be sent to another process.

    Args:
        root: folder of all streams, or the URL of one as `open_storage` takes it.
        stream_key: hash that identifies model, hook and text.
    """

    def __init__(self, root: Path | str, stream_key: str) -> None:
        self.storage = open_storage(root)
        self.stream_key = stream_key

    @property
    def folder(self) -> Path:
        """Where the files are, of a store on this machine."""
        assert isinstance(self.storage, Folder)
        return self.storage.root / self.stream_key

    def describe(self, description: Mapping[str, Any]) -> None:
        """Write a description of the stream, for people who look into the folder."""
        self.storage.write(f"{self.stream_key}/stream.json", json.dumps(description, indent=1).encode() + b"\n")

    def has_tokens(self, shard: Shard) -> bool:
        """Whether the shard's tokens are on disk."""
        return self.storage.exists(self._tokens_name(shard))

    def has_acts(self, shard: Shard, sae_key: str) -> bool:
        """Whether an SAE's active latents of this shard are on disk."""
        return self.storage.exists(self._acts_name(shard, sae_key))

    def write_tokens(self, shard: Shard, tokens: TokenShard) -> None:
        """Write what belongs to the shard's tokens."""
        arrays: dict[str, NDArray[Any]] = {
            "ids": tokens.rows.ids,
            "keep": tokens.rows.keep.astype(np.uint8),
            "sum_acts": tokens.sum_acts,
            "sum_squares": np.array([tokens.sum_squares]),
            "input_token": tokens.input_token,
            "inputs": tokens.inputs,
            "input_scale": np.array([tokens.input_scale]),
        }
        self.storage.write(self._tokens_name(shard), save(arrays))

    def write_acts(self, shard: Shard, sae_key: str, acts: SparseActs, residual: NDArray[np.float64]) -> None:
        """Write an SAE's active latents of the shard."""
        arrays: dict[str, NDArray[Any]] = {
            "indptr": acts.indptr,
            "latent": acts.latent,
            "value": acts.value,
            "n_latents": np.array([acts.n_latents]),
            "residual": residual,
        }
        self.storage.write(self._acts_name(shard, sae_key), save(arrays))

    def read_tokens(self, shard: Shard) -> TokenShard:
        """Read what belongs to the shard's tokens."""
        arrays = self._read(self._tokens_name(shard), TOKEN_ARRAYS)
        return TokenShard(
            rows=TokenRows(arrays["ids"], arrays["keep"].astype(np.bool_)),
            sum_acts=arrays["sum_acts"],
            sum_squares=float(arrays["sum_squares"][0]),
            input_token=arrays["input_token"],
            inputs=arrays["inputs"],
            input_scale=float(arrays["input_scale"][0]),
        )

    def read_acts(self, shard: Shard, sae_key: str, rows: TokenRows) -> tuple[SparseActs, NDArray[np.float64]]:
        """Read an SAE's active latents of the shard, and its `[n_levels]` squared errors.

        Args:
            rows: the shard's rows, from `read_tokens`.
        """
        arrays = self._read(self._acts_name(shard, sae_key), ("indptr", "latent", "value", "n_latents", "residual"))
        row, position = np.nonzero(rows.keep)
        try:
            acts = SparseActs(
                indptr=arrays["indptr"],
                latent=arrays["latent"],
                value=arrays["value"],
                row=row.astype(np.int64) + shard.start,
                position=position.astype(np.int32),
                n_latents=int(arrays["n_latents"][0]),
            )
        except ShardError as error:
            raise ShardError(error.detail, place=self.storage.where(self._acts_name(shard, sae_key))) from error
        return acts, arrays["residual"]

    def _tokens_name(self, shard: Shard) -> str:
        return f"{self.stream_key}/{TOKEN_FOLDER}/{shard.file_name}"

    def _acts_name(self, shard: Shard, sae_key: str) -> str:
        return f"{self.stream_key}/{sae_key}/{shard.file_name}"

    def _read(self, name: str, arrays: Sequence[str]) -> dict[str, NDArray[Any]]:
        try:
            found: dict[str, NDArray[Any]] = load(self.storage.read(name))
            return {array: found[array] for array in arrays}
        except (OSError, SafetensorError, KeyError) as error:
            raise ShardError(
                "this shard can't be read; delete the file and run the same command again",
                place=self.storage.where(name),
                reason=str(error),
            ) from error
