"""SAEs, token rows and active latents made at random, with the shapes and frequencies of trained ones.

Speed depends on shapes and on how often latents fire, not on what weights mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.activations.batch import NO_TOKEN, ActivationBatch, TokenRows
from app.records import BySide, SaeRecord
from app.sae.load import LoadedSae
from app.sparse.csr import SparseActs
from app.sparse.inputs import pack, sampled_rows
from app.sparse.shards import Shard, ShardStore, TokenShard

ROW = 128
"""Positions of a row."""


@dataclass(frozen=True)
class Size:
    """Of a synthetic comparison: scored tokens, latents of both SAEs, width, and active latents a token."""

    n_tokens: int
    narrow: int
    reference: int
    d_in: int
    l0: int


@dataclass(frozen=True)
class TiedEncoder:
    """Stands in for an SAE's module where only encoder weights are read. It can't encode.

    Attributes:
        W_enc: `[d_in, d_sae]`, the decoder transposed.
    """

    W_enc: torch.Tensor


@dataclass
class RowsOnly:
    """An activation stream of which only the rows are read, since the shards are there already."""

    rows: TokenRows
    d_in: int
    key: str
    description: Mapping[str, Any]

    def batches(self, start: int, stop: int) -> Iterator[ActivationBatch]:
        """There are none."""
        raise NotImplementedError("synthetic shards are written directly; there are no activations to read")


def token_rows(n_tokens: int) -> TokenRows:
    """Rows of `ROW` positions with so many scored tokens, without token ids."""
    n_rows = -(-n_tokens // ROW)
    keep = np.arange(n_rows * ROW).reshape(n_rows, ROW) < n_tokens
    return TokenRows(np.full((n_rows, ROW), NO_TOKEN, dtype=np.int32), keep)


def loaded(name: str, module: Any, decoder: NDArray[np.float32], checksum: str) -> LoadedSae:
    """An SAE as the program holds it.

    Args:
        decoder: `[d_sae, d_in]` unit rows.
    """
    d_sae, d_in = decoder.shape
    record = SaeRecord(
        name=name,
        checksum=checksum,
        source=name,
        architecture="jumprelu",
        training_architecture=None,
        d_in=d_in,
        d_sae=d_sae,
        dtype="float32",
        model_name=None,
        hook_name=None,
        matryoshka_widths=None,
        widths_source=None,
        explained_variance=None,
        l0=None,
        config_checksum="0" * 64,
    )
    return LoadedSae(record, module, decoder, np.ones(d_sae, dtype=np.float32), (d_sae,))


def synthetic_sae(name: str, d_sae: int, d_in: int, seed: int) -> LoadedSae:
    """A random unit decoder with tied encoder weights; it can't encode."""
    decoder = unit_rows(d_sae, d_in, seed)
    return loaded(name, TiedEncoder(torch.from_numpy(decoder).T), decoder, f"{seed:064x}")


def unit_rows(n: int, width: int, seed: int) -> NDArray[np.float32]:
    """`[n, width]` random rows at unit norm."""
    rows = np.random.default_rng(seed).standard_normal((n, width), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def jumprelu(decoder: torch.Tensor) -> Any:
    """A JumpReLU SAE of SAELens with this decoder and its transpose as encoder; its thresholds are still to be set.

    Args:
        decoder: `[d_sae, d_in]`.
    """
    from sae_lens import JumpReLUSAE, JumpReLUSAEConfig

    d_sae, d_in = decoder.shape
    module: Any = JumpReLUSAE(JumpReLUSAEConfig(d_in=d_in, d_sae=d_sae))
    with torch.no_grad():
        module.W_dec.copy_(decoder)
        module.W_enc.copy_(decoder.T)
    module.eval().requires_grad_(False)
    return module


def draw(rng: np.random.Generator, rows: TokenRows, start: int, d_sae: int, l0: int) -> SparseActs:
    """Active latents of some rows: latent `floor(d_sae · u²)`, so that low indices fire often, each once a token."""
    row, position = np.nonzero(rows.keep)
    n = len(row)
    latent = np.sort((d_sae * rng.random((n, l0), dtype=np.float32) ** 2).astype(np.int32), axis=1)
    np.minimum(latent, d_sae - 1, out=latent)
    first = np.ones((n, l0), dtype=np.bool_)
    first[:, 1:] = latent[:, 1:] != latent[:, :-1]
    indptr = np.concatenate([[0], np.cumsum(first.sum(axis=1))])
    value = rng.exponential(1.0, int(indptr[-1])).astype(np.float32) + np.float32(0.01)
    return SparseActs(indptr, latent[first], value, row.astype(np.int64) + start, position.astype(np.int32), d_sae)


def make_shards(store: ShardStore, shards: list[Shard], rows: TokenRows, saes: BySide[LoadedSae], l0: int) -> None:
    """Write the shards of both SAEs."""
    d_in = saes.narrow.record.d_in
    for shard in shards:
        part = rows.slice(shard.start, shard.stop)
        kept = part.keep & sampled_rows(rows, shard.start, shard.stop, d_in)[:, None]
        sampled = np.flatnonzero(kept[part.keep])
        inputs = np.random.default_rng([shard.start, 2]).standard_normal((len(sampled), d_in), dtype=np.float32)
        sample = sampled, *pack(inputs)
        for number, sae in enumerate(saes):
            rng = np.random.default_rng([shard.start, number])
            acts = draw(rng, part, shard.start, sae.d_sae, l0)
            store.write_acts(shard, sae.shard_key, acts, np.array([float(shard.n_tokens)]))
        store.write_tokens(shard, TokenShard(part, np.zeros(d_in), 2.0 * shard.n_tokens, *sample))
