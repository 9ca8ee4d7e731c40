"""Keys of the API, and what they allow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

ScopeName = Literal["read", "prompt", "write", "admin"]

SCOPES: Final[tuple[ScopeName, ...]] = get_args(ScopeName)

INCLUDED: Final[dict[ScopeName, frozenset[ScopeName]]] = {
    "read": frozenset({"read"}),
    "prompt": frozenset({"read", "prompt"}),
    "write": frozenset({"read", "write"}),
    "admin": frozenset(SCOPES),
}
"""Scope -> all that it allows."""


@dataclass(frozen=True)
class KeyRecord:
    """A key, without its secret.

    Attributes:
        public_id: names it in lists and logs.
        name: what its owner calls it.
        scopes: what it was made for.
        revoked_at: None while it can be used.
    """

    public_id: str
    name: str
    scopes: tuple[ScopeName, ...]
    created_at: datetime
    revoked_at: datetime | None = None


def allowed_by(scopes: Iterable[ScopeName]) -> frozenset[ScopeName]:
    """All that some scopes allow."""
    return frozenset().union(*(INCLUDED[scope] for scope in scopes))
