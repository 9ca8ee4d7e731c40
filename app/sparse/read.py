"""Reading the shards of two SAEs together, as often as passes over a text need them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.arrays import Float64s
from app.records import BySide
from app.sae.load import LoadedSae
from app.sparse.csr import SparseActs
from app.sparse.shards import Shard, ShardStore, TokenShard
from app.sparse.storage import Folder


@dataclass(frozen=True)
class ShardPair:
    """One shard as both SAEs see it.

    Attributes:
        acts: active latents; residual: `[n_levels]` squared error of each Matryoshka prefix.
        tokens: what does not depend on the SAEs.
    """

    acts: BySide[SparseActs]
    residual: BySide[Float64s]
    tokens: TokenShard


@dataclass(frozen=True)
class ComparisonShape:
    """The sizes of the two SAEs and of the text.

    Attributes:
        n_latents, n_levels: latents and Matryoshka levels of the SAEs.
        d_in: width of their input; n_tokens: scored tokens.
        is_prefix: whether the narrow latents are the reference's first ones.
        folder: where large tables are written; the system's folder for temporary files, if None.
    """

    n_latents: BySide[int]
    n_levels: BySide[int]
    d_in: int
    n_tokens: int
    is_prefix: bool
    folder: Path | None = None


@dataclass(frozen=True)
class _Part:
    """What is read of an SAE's shards: the first `d_sae` latents and `n_levels` prefixes."""

    shard_key: str
    d_sae: int
    n_levels: int


class ShardReader:
    """Reads the shards of a comparison. Small enough to be sent to another machine.

    Attributes:
        shape: the sizes of what is compared.
    """

    def __init__(self, store: ShardStore, shards: Sequence[Shard], saes: BySide[LoadedSae]) -> None:
        self._store = store
        self._parts = saes.map(lambda sae: _Part(sae.shard_key, sae.d_sae, len(sae.levels)))
        self.shards = shards
        self.shape = ComparisonShape(
            n_latents=self._parts.map(lambda part: part.d_sae),
            n_levels=self._parts.map(lambda part: part.n_levels),
            d_in=saes.narrow.record.d_in,
            n_tokens=sum(shard.n_tokens for shard in shards),
            is_prefix=self._parts.narrow.shard_key == self._parts.reference.shard_key,
            folder=store.folder if isinstance(store.storage, Folder) else None,
        )

    def read_one(self, shard: Shard) -> ShardPair:
        """One shard.

        Raises:
            ShardError: it can't be read.
        """
        tokens = self._store.read_tokens(shard)
        found = self._parts.map(lambda part: self._acts(shard, part, tokens))
        return ShardPair(found.map(lambda pair: pair[0]), found.map(lambda pair: pair[1]), tokens)

    def _acts(self, shard: Shard, part: _Part, tokens: TokenShard) -> tuple[SparseActs, Float64s]:
        acts, residual = self._store.read_acts(shard, part.shard_key, tokens.rows)
        if part.d_sae < acts.n_latents:
            return acts.select(part.d_sae), residual[: part.n_levels]
        return acts, residual
