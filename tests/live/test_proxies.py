"""The shipped configurations in a real nginx and Caddy: passwords are the proxy's, keys are the program's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from app.settings import Settings
from app.store.keys import create_key
from app.store.session import make_engine, upgrade
from app.web.main import create_app
from tests.live.conftest import served
from tests.live.proxies import NAME, PERSON, PROGRAMS, running
from tests.waiting import wait_until


@pytest.fixture(scope="module", params=PROGRAMS)
def proxied(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str, Settings]]:
    """URL of the proxy, and a key with the scope `write`."""
    if PROGRAMS[request.param] is None:
        pytest.skip(f"{request.param} is not installed")
    folder = tmp_path_factory.mktemp(request.param)
    settings = Settings(data_dir=folder, allowed_hosts=(NAME,), trusted_proxies=("127.0.0.1",), rate_limit=600)
    upgrade(settings.resolved_database_url)
    engine = make_engine(settings.resolved_database_url)
    _, key = create_key(engine, "a script", ("write",))
    with served(create_app(settings, engine)) as upstream, running(request.param, upstream, folder) as url:
        yield url, key, settings
    engine.dispose()


def client_of(url: str, **given: Any) -> httpx.Client:
    client = httpx.Client(base_url=url, headers={"Host": NAME, **given.pop("headers", {})}, verify=False, **given)

    def is_up() -> bool:
        try:
            return client.get("/healthz").status_code in (200, 401)
        except httpx.TransportError:
            return False

    wait_until(is_up)
    return client


def test_the_proxy_asks_for_a_password(proxied: tuple[str, str, Settings]) -> None:
    with closing(client_of(proxied[0])) as client:
        assert client.get("/api/v1/saes").status_code == 401
        assert client.get("/api/v1/saes", auth=PERSON).status_code == 200
        assert client.get("/metrics", auth=PERSON).status_code == 404


def test_a_key_gets_through_next_to_the_password(proxied: tuple[str, str, Settings]) -> None:
    url, key, _ = proxied
    body = {"kind": "sae", "source": "folder"}
    with closing(client_of(url, auth=PERSON)) as client:
        refused = client.post("/api/v1/jobs", json=body)
        assert (refused.status_code, "X-API-Key" in refused.json()["detail"]) == (401, True)
        started = client.post("/api/v1/jobs", json=body, headers={"X-API-Key": key})
        assert started.status_code == 201
        assert client.get(started.headers["location"]).json()["state"] == "queued"


def test_each_client_has_its_own_share(proxied: tuple[str, str, Settings]) -> None:
    with closing(client_of(proxied[0], auth=PERSON)) as client:
        answer = client.get("/api/v1/saes")
        assert answer.headers["ratelimit-policy"] == '"client";q=600;w=60'
        assert answer.headers["x-request-id"]
        assert "max-age" in answer.headers["strict-transport-security"]


def test_a_stream_is_not_held_back(proxied: tuple[str, str, Settings]) -> None:
    url, key, _ = proxied
    with closing(client_of(url, auth=PERSON, headers={"X-API-Key": key})) as client:
        job = client.post("/api/v1/jobs", json={"kind": "sae", "source": "folder"}).json()
        with client.stream("GET", f"/api/v1/jobs/{job['id']}/events", timeout=20) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert any(line.startswith("event: job") for line in stream.iter_lines())
