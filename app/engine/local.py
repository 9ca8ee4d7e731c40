"""All shards in this process, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.activations.stream import ActivationStream
from app.sae.load import LoadedSae
from app.sparse.shards import Shard, ShardStore
from app.sparse.work import encode_shard


def run_shards(
    stream: ActivationStream,
    saes: Sequence[LoadedSae],
    store: ShardStore,
    shards: Sequence[Shard],
    *,
    progress: Callable[[int], None] = lambda n: None,
) -> None:
    """Make sure that every shard is on disk for every SAE.

    Shards that are there are not computed again, so an interrupted run goes on where it stopped.

    Args:
        progress: called with the number of tokens of each shard when it is done.
    """
    store.describe(stream.description)
    for shard in shards:
        encode_shard(stream, saes, store, shard)
        progress(shard.n_tokens)
