"""What an executor is: it runs the shards of a stream, here or on other machines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from app.activations.stream import ActivationStream
from app.progress import Advance, unreported
from app.sae.load import LoadedSae
from app.sparse.shards import Shard, ShardStore

Opener = Callable[[], tuple[ActivationStream, Sequence[LoadedSae]]]


@dataclass(frozen=True)
class ShardWork:
    """A stream and the SAEs that read it.

    Attributes:
        stream, saes: opened in this process.
        opener: opens the same in another process, where it is sent pickled; None where only this process can.
    """

    stream: ActivationStream
    saes: Sequence[LoadedSae]
    opener: Opener | None = None


class Accumulator(Protocol):
    """A sum over shards that can be made of partial sums."""

    def merge(self, other: Any, /) -> None:
        """Add what another accumulator of the same kind saw."""
        ...


Sum = TypeVar("Sum", bound=Accumulator)


class Executor(Protocol):
    """Runs shards. Finished shards are kept, so a stopped run continues where it was."""

    def run_shards(
        self, work: ShardWork, store: ShardStore, shards: Sequence[Shard], *, progress: Advance = unreported
    ) -> None:
        """Make sure that every shard is in the store for every SAE.

        Raises:
            HedgescopeError: a shard can't be computed; the message says which and what to do.
        """
        ...

    def fold(
        self, empty: Sum, add: Callable[[Sum, Shard], None], shards: Sequence[Shard], *, progress: Advance = unreported
    ) -> Sum:
        """`add` every shard to an accumulator.

        Args:
            empty: an accumulator that has seen nothing; it may be modified.
            add: adds a shard to an accumulator; where other machines run it, it is sent pickled.

        Raises:
            HedgescopeError: a shard can't be read.
        """
        ...
