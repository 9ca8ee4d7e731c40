"""How many requests each client may send: buckets that fill up again, in the memory of this process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from time import monotonic
from typing import Final

WINDOW_S: Final = 60
MOST_CLIENTS: Final = 10_000
"""Clients that are remembered; the one that was seen least recently is forgotten first."""


@dataclass
class _Bucket:
    left: float
    at: float


@dataclass(frozen=True)
class Verdict:
    """Whether a request is within a client's share.

    Attributes:
        is_allowed: whether it is.
        quota: requests a window.
        left: requests that are left now.
        wait_s: until the bucket is full again, or until this request would be allowed.
    """

    is_allowed: bool
    quota: int
    left: int
    wait_s: int

    def headers(self) -> dict[str, str]:
        """`RateLimit` fields, and `Retry-After` for a request that is refused."""
        fields = {
            "RateLimit-Policy": f'"client";q={self.quota};w={WINDOW_S}',
            "RateLimit": f'"client";r={self.left};t={self.wait_s}',
        }
        return fields if self.is_allowed else {**fields, "Retry-After": str(self.wait_s)}


class Rates:
    """Buckets by client.

    Args:
        quota: requests a window, and at once.
        clock: seconds that only grow.
    """

    def __init__(self, quota: int, clock: Callable[[], float] = monotonic) -> None:
        self._quota, self._clock = quota, clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, client: str, cost: int = 1) -> Verdict:
        """Take what a request costs out of a client's bucket, if there is enough in it."""
        bucket = self._bucket(client)
        is_allowed = bucket.left >= cost
        if is_allowed:
            bucket.left -= cost
        missing = self._quota - bucket.left if is_allowed else cost - bucket.left
        return Verdict(is_allowed, self._quota, int(bucket.left), max(1, ceil(missing * WINDOW_S / self._quota)))

    def look(self, client: str) -> Verdict:
        """Whether one more would be allowed; nothing is taken."""
        left = self._bucket(client).left
        return Verdict(left >= 1, self._quota, int(left), max(1, ceil((1 - left) * WINDOW_S / self._quota)))

    def _bucket(self, client: str) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.setdefault(client, _Bucket(self._quota, now))
        self._buckets.move_to_end(client)
        bucket.left = min(self._quota, bucket.left + (now - bucket.at) * self._quota / WINDOW_S)
        bucket.at = now
        while len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return bucket
