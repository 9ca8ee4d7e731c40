"""What counts as this computer, and whose requests are counted together."""

from __future__ import annotations

from typing import Any

import pytest

from app.settings import Settings
from app.web.http.caller import Caller, caller_of, is_loopback
from app.web.http.rates import WINDOW_S, Rates


def caller(peer: str = "127.0.0.1", host: str = "127.0.0.1:8000", version: str = "1.1", **given: Any) -> Caller:
    headers = {"host": host, **given.pop("headers", {})}
    scope = {
        "type": "http",
        "client": (peer, 1),
        "http_version": version,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    return caller_of(scope, Settings(**given))


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2:80", "[::1]:8000", "localhost:1", "a.localhost"])
def test_local_is_the_peer_and_the_host(peer: str, host: str) -> None:
    found = caller(peer, host)
    assert found.is_local
    assert found.may("admin")


@pytest.mark.parametrize(
    "host", ["evil.example", "10.0.0.1", "gpu-box", "", "127.0.0.1.evil.example", "localhost.evil.com"]
)
def test_another_name_is_not_local(host: str) -> None:
    assert not caller(host=host).is_local


@pytest.mark.parametrize("peer", ["10.0.0.7", "2001:db8::1", "testclient", ""])
def test_another_peer_is_not_local(peer: str) -> None:
    found = caller(peer)
    assert not found.is_local
    assert found.scopes == {"read"}


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "X-Forwarded-Host", "X-Forwarded-Proto"]
)
def test_what_a_proxy_passed_on_is_not_local(header: str) -> None:
    assert not caller(headers={header.lower(): "127.0.0.1"}).is_local


def test_a_proxy_that_adds_nothing_speaks_http_1_0() -> None:
    assert not caller(version="1.0").is_local


def test_a_server_for_others_has_no_local_callers() -> None:
    assert not caller(host="127.0.0.1", allowed_hosts=("lab.example",)).is_local
    scope: dict[str, Any] = {"client": ("127.0.0.1", 1), "headers": [(b"host", b"localhost")], "http_version": "1.1"}
    assert not caller_of(scope, Settings(host="0.0.0.0")).is_local
    assert caller_of(scope, Settings(host="127.0.0.2")).is_local


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("evil, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("10.1.2.3", "10.1.2.3"),
        ("", "127.0.0.1"),
    ],
)
def test_a_trusted_proxy_says_who_the_client_is(forwarded: str, address: str) -> None:
    headers = {"x-forwarded-for": forwarded}
    assert caller(headers=headers, trusted_proxies=("127.0.0.1", "10.0.0.0/8")).address == address
    assert caller(headers=headers).address == "127.0.0.1"


def test_behind_a_trusted_proxy_only_its_own_machine_is_local() -> None:
    trusted: dict[str, Any] = {"trusted_proxies": ("127.0.0.1",)}
    assert not caller(headers={"x-forwarded-for": "203.0.113.9"}, **trusted).is_local
    assert caller(headers={"x-forwarded-for": "127.0.0.1"}, **trusted).is_local


def test_loopback_is_all_of_it() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.255.0.9", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "localhost.", "lab.example")))


def test_shares_are_by_key_then_address() -> None:
    assert Caller("1.2.3.4", False, "abc").share == "key abc"
    assert Caller("1.2.3.4", False).share == "1.2.3.4"
    assert Caller("2001:db8:1:2:3::9", False).share == Caller("2001:db8:1:2::7", False).share


def test_a_bucket_empties_and_fills() -> None:
    now = [0.0]
    rates = Rates(6, lambda: now[0])
    assert [rates.take("a").is_allowed for _ in range(7)] == [True] * 6 + [False]
    assert rates.take("b", 5).left == 1
    refused = rates.take("a", 3)
    assert refused.wait_s == 3 * WINDOW_S / 6
    now[0] += refused.wait_s
    assert rates.take("a", 3).is_allowed
    assert not rates.take("a").is_allowed
    now[0] += 10 * WINDOW_S
    assert rates.take("a").left == 5
