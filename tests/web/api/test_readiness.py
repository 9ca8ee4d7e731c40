"""`/readyz` and `/metrics` with a worker that is there, away, slow or strange."""

from __future__ import annotations

from typing import Any

import anyio
import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.inference.client import Inference, fixed
from app.settings import Settings
from app.web.main import create_app
from tests.local_client import local_client

GOOD = {
    "version": "1",
    "device": "cpu",
    "dtype": "float32",
    "prompt_tokens_max": 1,
    "batch_tokens": 1,
    "batch_prompts": 1,
    "memory_budget_bytes": 1,
    "held": [],
    "waiting_prompts": 0,
    "waiting_tokens": 0,
}


async def good(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=GOOD)


async def strange(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, text="<html>")


async def away(_request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no one at 10.0.0.9")


async def slow(_request: httpx.Request) -> httpx.Response:
    await anyio.sleep_forever()
    raise AssertionError


def ready(site: tuple[Settings, Engine], monkeypatch: pytest.MonkeyPatch, answer: Any) -> Any:
    monkeypatch.setattr("app.web.ops.readiness.PATIENCE_S", 1.0)
    settings, engine = site
    app = create_app(settings, engine)
    inference = Inference(fixed("http://worker", SecretStr("s")), transport=httpx.MockTransport(answer))
    app.state.checker._inference = inference
    return local_client(app).get("/readyz")


def test_all_is_well(site: tuple[Settings, Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    response = ready(site, monkeypatch, good)
    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "checks": [{"name": name, "state": "ok", "detail": None} for name in ("database", "schema", "worker")],
    }


@pytest.mark.parametrize(("answer", "words"), [(strange, "answer is invalid"), (away, "reached"), (slow, "within 1 s")])
def test_without_a_worker_pages_are_still_served(
    site: tuple[Settings, Engine], monkeypatch: pytest.MonkeyPatch, answer: Any, words: str
) -> None:
    response = ready(site, monkeypatch, answer)
    assert response.status_code == 200
    found = response.json()
    assert found["status"] == "degraded"
    assert [check["state"] for check in found["checks"]] == ["ok", "ok", "degraded"]
    assert words in found["checks"][2]["detail"]
    assert "10.0.0.9" not in response.text


def test_none_configured_is_nothing_wrong(client: TestClient) -> None:
    found = client.get("/readyz").json()
    assert found["status"] == "ready"
    assert found["checks"][2]["state"] == "off"


def test_metrics_are_served(client: TestClient, slug: str) -> None:
    client.get(f"/c/{slug}")
    response = client.get("/metrics")
    assert response.headers["cache-control"] == "no-store"
    assert 'route="/c/{slug}",status="200"' in response.text
    assert "process_resident_memory_bytes" in response.text
    assert slug not in response.text
