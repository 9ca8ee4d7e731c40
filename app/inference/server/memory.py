"""What the worker holds in memory, within a budget: the least recently used goes first."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from app.errors import WorkerError

Value = TypeVar("Value")

MIB = 1 << 20


@dataclass(frozen=True)
class Key:
    """A thing that can be held: `name` is for people, `identity` distinguishes it from others of its kind."""

    kind: Literal["model", "sae"]
    identity: str
    name: str


@dataclass
class Entry(Generic[Value]):
    """A thing that is held."""

    value: Value
    n_bytes: int
    used_at: float


class Memory(Generic[Value]):
    """Holds things up to a number of bytes. One thread loads; others may look at what is there.

    Args:
        budget: bytes.
        clock: seconds, ascending.
    """

    def __init__(self, budget: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.budget = budget
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[Key, Entry[Value]] = OrderedDict()

    @property
    def n_bytes(self) -> int:
        """Bytes held now."""
        with self._lock:
            return sum(entry.n_bytes for entry in self._entries.values())

    def held(self) -> list[tuple[Key, int, float]]:
        """(what, bytes, seconds since it was used), used longest ago first."""
        now = self._clock()
        with self._lock:
            return [(key, entry.n_bytes, now - entry.used_at) for key, entry in self._entries.items()]

    def get(
        self,
        key: Key,
        load: Callable[[], Value],
        size_of: Callable[[Value], int],
        *,
        expected: int = 0,
        needed: Collection[Key] = (),
    ) -> Value:
        """The thing, loaded where it isn't held.

        Args:
            load: makes it.
            size_of: bytes of what was loaded.
            expected: bytes that it will have, where that is known: room is made before it is loaded.
            needed: others that must stay, since they are in use.

        Raises:
            WorkerError: it and what must stay are more than the budget.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                entry.used_at = self._clock()
                self._entries.move_to_end(key)
                return entry.value
            self._make_room(key, expected, needed)
        value = load()
        n_bytes = size_of(value)
        with self._lock:
            self._make_room(key, n_bytes, needed)
            self._entries[key] = Entry(value, n_bytes, self._clock())
        return value

    def _make_room(self, key: Key, n_bytes: int, needed: Collection[Key]) -> None:
        """Release what was used longest ago until there is room."""
        stays = sum(entry.n_bytes for other, entry in self._entries.items() if other in needed)
        if n_bytes + stays > self.budget:
            raise WorkerError(
                f"{key.kind} {key.name} needs {_mib(n_bytes)} MiB in addition to {_mib(stays)} MiB in use, but the "
                f"worker may hold {_mib(self.budget)} MiB; raise HEDGESCOPE_WORKER_MEMORY_MIB"
            )
        while sum(entry.n_bytes for entry in self._entries.values()) + n_bytes > self.budget:
            oldest = next(other for other in self._entries if other not in needed)
            del self._entries[oldest]


def _mib(n_bytes: int) -> int:
    return -(-n_bytes // MIB)
