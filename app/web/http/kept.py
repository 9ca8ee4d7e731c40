"""Bytes that are kept in memory for the next client, the least recently used making room."""

from __future__ import annotations

import threading
from collections import OrderedDict


class KeptBytes:
    """Bytes by name, up to a size in all. Safe in any thread.

    Args:
        most: bytes.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str) -> bytes | None:
        """What is kept under a name."""
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
            return self._kept.get(name)

    def put(self, name: str, found: bytes) -> None:
        """Keep it, unless it takes more than a quarter of all."""
        if len(found) > self._most // 4:
            return
        with self._lock:
            self._size += len(found) - len(self._kept.pop(name, b""))
            self._kept[name] = found
            while self._size > self._most:
                self._size -= len(self._kept.popitem(last=False)[1])
