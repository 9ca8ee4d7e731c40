"""The work on one shard: read its activations once, encode them with every SAE that lacks it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from app.activations.batch import ActivationBatch
from app.activations.stream import ActivationStream
from app.errors import ActivationsError, SaeError
from app.sae.load import LoadedSae
from app.sparse.csr import SparseActs
from app.sparse.encode import EncodedBatch, encode, join
from app.sparse.inputs import pack, sampled_rows
from app.sparse.shards import Shard, ShardStore, TokenShard

Encoder = Callable[[LoadedSae, torch.Tensor], EncodedBatch]


@dataclass
class _Moments:
    """Running sums of the activations of a shard."""

    sum_acts: NDArray[np.float64]
    sum_squares: float = 0.0

    def add(self, batch: ActivationBatch) -> None:
        acts = batch.acts.double()
        self.sum_acts += acts.sum(dim=0).cpu().numpy()
        flat = acts.flatten()
        self.sum_squares += float(flat @ flat)


class _Inputs:
    """The activations of the tokens whose rows are sampled."""

    def __init__(self, sampled: NDArray[np.bool_], first_row: int, d_in: int) -> None:
        self._sampled, self._first_row = sampled, first_row
        self._n_tokens = 0
        self._tokens: list[NDArray[np.int64]] = []
        self._acts: list[NDArray[np.float32]] = [np.empty((0, d_in), dtype=np.float32)]

    def add(self, batch: ActivationBatch) -> None:
        kept = np.flatnonzero(self._sampled[batch.row - self._first_row])
        self._tokens.append(kept + self._n_tokens)
        self._acts.append(batch.acts[torch.from_numpy(kept).to(batch.acts.device)].cpu().numpy())
        self._n_tokens += len(batch.acts)

    def packed(self) -> tuple[NDArray[np.int64], NDArray[np.float16], float]:
        """(tokens of the shard, their activations, scale) as a token shard has them."""
        return np.concatenate(self._tokens), *pack(np.concatenate(self._acts))


def missing_saes(store: ShardStore, shard: Shard, saes: Sequence[LoadedSae]) -> list[LoadedSae]:
    """The SAEs whose active latents of this shard are not on disk, each once."""
    unique = {sae.shard_key: sae for sae in saes}
    if not store.has_tokens(shard):
        return list(unique.values())
    return [sae for key, sae in unique.items() if not store.has_acts(shard, key)]


def encode_shard(
    stream: ActivationStream,
    saes: Sequence[LoadedSae],
    store: ShardStore,
    shard: Shard,
    encoder: Encoder = encode,
) -> None:
    """Compute what a shard lacks and write it; nothing is done for what is there.

    The tokens are written last: a shard that has them was whole once for every SAE of that run.

    Args:
        encoder: `encode`, or what does the same on a GPU.

    Raises:
        SaeError: an SAE's `d_in` is not the stream's.
        ActivationsError: NaN or infinite activations.
        ShardError: the disk is full.
    """
    missing = missing_saes(store, shard, saes)
    if not missing:
        return
    for sae in missing:
        check_width(stream, sae)
    moments = _Moments(np.zeros(stream.d_in))
    inputs = _Inputs(sampled_rows(stream.rows, shard.start, shard.stop, stream.d_in), shard.start, stream.d_in)
    encoded: dict[str, list[EncodedBatch]] = {sae.shard_key: [] for sae in missing}
    for batch in stream.batches(shard.start, shard.stop):
        moments.add(batch)
        inputs.add(batch)
        if not np.isfinite(moments.sum_squares):
            raise ActivationsError(f"NaN or infinite activations in rows {shard.start} to {shard.stop - 1}")
        for sae in missing:
            encoded[sae.shard_key].append(encoder(sae, batch.acts))
    rows = stream.rows.slice(shard.start, shard.stop)
    for sae in missing:
        acts, residual = _joined(encoded[sae.shard_key], sae, rows.keep, shard)
        store.write_acts(shard, sae.shard_key, acts, residual)
    if not store.has_tokens(shard):
        store.write_tokens(shard, TokenShard(rows, moments.sum_acts, moments.sum_squares, *inputs.packed()))


def check_width(stream: ActivationStream, sae: LoadedSae) -> None:
    """Refuse an SAE of another width than the activations.

    Raises:
        SaeError: it is one.
    """
    if sae.record.d_in != stream.d_in:
        raise SaeError(
            f"{sae.record.name}: reads activations of width {sae.record.d_in}, but these have width {stream.d_in}; "
            "give the model and hook the SAE was trained on"
        )


def _joined(
    batches: Sequence[EncodedBatch], sae: LoadedSae, keep: NDArray[np.bool_], shard: Shard
) -> tuple[SparseActs, NDArray[np.float64]]:
    """One CSR of all batches of a shard, and the squared errors summed."""
    encoded = join(batches)
    row, position = np.nonzero(keep)
    acts = SparseActs(
        indptr=np.concatenate([[0], np.cumsum(encoded.counts)]).astype(np.int64),
        latent=encoded.latent,
        value=encoded.value,
        row=row.astype(np.int64) + shard.start,
        position=position.astype(np.int32),
        n_latents=int(sae.module.cfg.d_sae),
    )
    return acts, encoded.residual
