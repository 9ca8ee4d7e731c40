"""Who sends a request: from which address, whether from this computer, and with which key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from app.records.access import SCOPES, ScopeName, allowed_by
from app.settings import Settings

FORWARDED: Final = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-prefix",
    "x-real-ip",
)
"""Headers that a proxy adds: the client is somewhere else."""

Address = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Caller:
    """Who sends a request.

    Attributes:
        address: of the client; of the proxy where that is not trusted.
        is_local: it comes from this computer, and was meant for it.
        key: names the key that it came with; None without one.
        scopes: what it may do.
    """

    address: str
    is_local: bool
    key: str | None = None
    scopes: frozenset[ScopeName] = frozenset()

    def may(self, scope: ScopeName) -> bool:
        """Whether it may do this."""
        return scope in self.scopes

    @property
    def share(self) -> str:
        """Whom its requests are counted for: its key, else its address (of IPv6 the network of one household)."""
        if self.key is not None:
            return f"key {self.key}"
        found = _parsed(self.address)
        return str(IPv6Network((found, 64), strict=False)) if isinstance(found, IPv6Address) else self.address


def caller_of(scope: Scope, settings: Settings) -> Caller:
    """The sender of a request, without regard to a key.

    A request is local where its connection and its `Host` both are on a loopback address (all of 127.0.0.0/8, and
    ::1), where the server is for this computer alone, and no proxy has passed it on. HTTP/1.0 is what proxies speak
    that add no header.
    """
    headers = Headers(scope=scope)
    peer = (scope.get("client") or ("", 0))[0]
    trusted = is_among(peer, settings.trusted_proxies)
    address = _forwarded_for(headers, peer, settings.trusted_proxies) if trusted else peer
    is_local = (
        is_loopback(address)
        and is_loopback(host_name(headers.get("host", "")))
        and is_loopback(settings.host)
        and not settings.allowed_hosts
        and scope.get("http_version") != "1.0"
        and (trusted or not any(name in headers for name in FORWARDED))
    )
    return Caller(address, is_local, None, _without_key(is_local, settings))


def _without_key(is_local: bool, settings: Settings) -> frozenset[ScopeName]:
    """Anyone who sets a token wants it to be given from this computer too: other people may have accounts on it."""
    if not is_local:
        return allowed_by(settings.anonymous_scopes)
    return frozenset(SCOPES) if settings.jobs_token is None else allowed_by(("prompt",))


def is_loopback(name: str) -> bool:
    """Whether a host's name or address is of this computer."""
    found = _parsed(name)
    if found is None:
        return name == "localhost" or name.endswith(".localhost")
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (mapped or found).is_loopback


def host_name(host: str) -> str:
    """The name or address in a `Host` header, without its port and the brackets of an IPv6 address."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return host.lower()


def _forwarded_for(headers: Headers, peer: str, trusted: Sequence[str]) -> str:
    """The last address that no trusted proxy has; further ones could be made up."""
    given = [part.strip() for line in headers.getlist("x-forwarded-for") for part in line.split(",")]
    for address in reversed([part for part in given if part]):
        if not is_among(address, trusted):
            return address
    return given[0] if given and given[0] else peer


def is_among(address: str, networks: Sequence[str]) -> bool:
    """Whether an address is one of some addresses and networks."""
    found = _parsed(address)
    return found is not None and any(found in ip_network(network, strict=False) for network in networks)


@lru_cache(maxsize=1024)
def _parsed(address: str) -> Address | None:
    try:
        return ip_address(address)
    except ValueError:
        return None
