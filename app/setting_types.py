"""Types of settings that are lists, written with commas in the environment."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

ORIGIN = re.compile(r"\*|https?://[^/\s?#]+")
HOST_NAME = re.compile(r"\*|[A-Za-z0-9._-]+")


def _split_at_commas(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _none_is_empty(value: object) -> object:
    return () if value == ("none",) else value


def _only_origins(value: tuple[str, ...]) -> tuple[str, ...]:
    if wrong := [origin for origin in value if not ORIGIN.fullmatch(origin)]:
        raise ValueError(f"{wrong[0]!r} should be a scheme and host without a path, such as https://lab.example.org")
    return value


def _only_host_names(value: tuple[str, ...]) -> tuple[str, ...]:
    if wrong := [name for name in value if not HOST_NAME.fullmatch(name)]:
        raise ValueError(f"{wrong[0]!r} should be a name without scheme, port or path, such as lab.example.org")
    return value


def _only_networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for network in value:
        try:
            ip_network(network, strict=False)
        except ValueError as error:
            message = f"{network!r} should be an address or a network, such as 127.0.0.1 or 10.0.0.0/8"
            raise ValueError(message) from error
    return value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_at_commas)]
"""Anything between commas."""

OriginList = Annotated[Names, AfterValidator(_only_origins)]
"""Sites, such as `https://lab.example.org`, or `*`."""

HostNames = Annotated[Names, AfterValidator(_only_host_names)]
"""Names of hosts, or `*`."""

Networks = Annotated[Names, AfterValidator(_only_networks)]
"""Addresses and networks."""

AnonymousScopes = Annotated[
    tuple[Literal["read", "prompt", "write"], ...],
    NoDecode,
    # The last one is called first.
    BeforeValidator(_none_is_empty),
    BeforeValidator(_split_at_commas),
]
"""Scopes that need no key, or `none`."""
