"""One shard on a processor or a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from app.activations.stream import ActivationStream
from app.errors import ExecutorError
from app.sae.load import LoadedSae
from app.sparse.encode import encode
from app.sparse.on_device import DeviceEncoder
from app.sparse.shards import Shard, ShardStore
from app.sparse.work import Encoder, encode_shard


@dataclass(frozen=True)
class Device:
    """How shards are computed in this process.

    Attributes:
        encoder: turns activations into active latents.
        at_once: shards under way at the same time. With two, one is written while the other one is
            computed; more would only take memory.
    """

    encoder: Encoder = field(default=encode)
    at_once: int = 1

    @classmethod
    def of(cls, device: torch.device, dtype: torch.dtype = torch.float32) -> Device:
        """The way that suits a device.

        Args:
            dtype: of the encoder's product on a GPU.
        """
        if device.type == "cpu":
            return cls()
        return cls(DeviceEncoder(device, dtype), at_once=2)

    def run_shard(self, stream: ActivationStream, saes: Sequence[LoadedSae], store: ShardStore, shard: Shard) -> None:
        """Compute what a shard lacks and write it.

        Raises:
            ExecutorError: out of memory.
            HedgescopeError: something else that `encode_shard` explains.
        """
        try:
            encode_shard(stream, saes, store, shard, self.encoder)
        except (torch.OutOfMemoryError, MemoryError) as error:
            what = "the GPU" if isinstance(error, torch.OutOfMemoryError) else "this machine"
            raise ExecutorError(
                f"rows {shard.start} to {shard.stop - 1}: {what} ran out of memory; set HEDGESCOPE_ROWS_PER_FORWARD to "
                "a small number such as 1, or end other programs there, then start again: whole shards are kept"
            ) from error
