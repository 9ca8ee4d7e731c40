"""Requests that other sites make through a visitor's browser."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.settings import Settings
from app.web.main import create_app
from tests.local_client import local_client

pytestmark = pytest.mark.slow


def client_of(site: tuple[Settings, Engine], **changed: object) -> TestClient:
    settings, engine = site
    return local_client(create_app(settings.model_copy(update=changed), engine))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8000", "[::1]:8000", "localhost", "LOCALHOST:1", "gpu-box", "a.localhost", "10.0.0.7", "[fe80::1]"],
)
def test_addresses_and_plain_names_are_taken_on_loopback(site: tuple[Settings, Engine], host: str) -> None:
    assert client_of(site).get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.com"])
def test_a_foreign_name_is_refused_on_loopback(site: tuple[Settings, Engine], host: str) -> None:
    response = client_of(site).get("/", headers={"Host": host})
    assert response.status_code == 421
    assert "HEDGESCOPE_ALLOWED_HOSTS" in response.json()["detail"]
    assert response.headers["x-content-type-options"] == "nosniff"


def test_names_are_free_where_one_opens_it_to_a_network(site: tuple[Settings, Engine]) -> None:
    assert client_of(site, host="0.0.0.0").get("/", headers={"Host": "lab.example"}).status_code == 200


def test_allowed_names_are_the_only_ones(site: tuple[Settings, Engine]) -> None:
    client = client_of(site, host="0.0.0.0", allowed_hosts=("Lab.example",))
    assert client.get("/", headers={"Host": "lab.example:8443"}).status_code == 200
    assert client.get("/", headers={"Host": "other.example"}).status_code == 421
    assert client_of(site, allowed_hosts=("*",)).get("/", headers={"Host": "a.b"}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "is_refused"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "same-origin"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "same-site"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Origin": "http://127.0.0.1"}, False),
        ({"Origin": "http://127.0.0.1:81"}, True),
        ({"Origin": "https://evil.example"}, True),
        ({"Origin": "null"}, True),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "MADEUP"])
def test_another_sites_page_can_not_change_anything(
    site: tuple[Settings, Engine], headers: dict[str, str], is_refused: bool, method: str
) -> None:
    status = client_of(site).request(method, "/api/v1/saes", headers=headers).status_code
    assert status == (403 if is_refused else 405)


def test_reading_is_free_for_all(site: tuple[Settings, Engine]) -> None:
    assert client_of(site).get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200
