"""Bodies that are too large or too slow."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient
from starlette.types import Message

from app.serving.body import BodyLimit
from app.serving.metrics import RequestMetrics

LIMIT = 1000


def refuse(_request: Request, status: int, kind: str, detail: str) -> Response:
    return PlainTextResponse(f"{kind}: {detail}", status)


@pytest.fixture
def metrics() -> RequestMetrics:
    return RequestMetrics("test")


@pytest.fixture
def app(metrics: RequestMetrics) -> FastAPI:
    app = FastAPI()

    @app.post("/size")
    async def size(request: Request) -> int:
        return len(await request.body())

    app.add_middleware(BodyLimit, max_bytes=LIMIT, refuse=refuse, metrics=metrics, timeout_s=0.2)
    return app


def chunks(total: int) -> Iterator[bytes]:
    """A body of unknown length."""
    for start in range(0, total, 300):
        yield b"x" * min(300, total - start)


@pytest.mark.parametrize("size", [0, 1, LIMIT])
def test_a_body_within_the_limit_is_passed_on_whole(app: FastAPI, size: int) -> None:
    assert TestClient(app).post("/size", content=b"x" * size).json() == size
    assert TestClient(app).post("/size", content=chunks(size)).json() == size


@pytest.mark.parametrize("announced", [True, False])
def test_a_larger_one_is_refused_with_both_numbers(app: FastAPI, metrics: RequestMetrics, announced: bool) -> None:
    content = b"x" * 5000 if announced else chunks(5000)
    response = TestClient(app).post("/size", content=content)
    assert response.status_code == 413
    assert "1,000 bytes" in response.text
    assert "5,000 bytes" in response.text
    assert metrics.registry.get_sample_value("hedgescope_http_requests_refused_total", {"reason": "too-large"}) == 1


def test_a_body_that_does_not_arrive_is_given_up(app: FastAPI, metrics: RequestMetrics) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        # It is never silent, but does not get on either.
        await anyio.lowlevel.checkpoint()
        return {"type": "http.request", "body": b"", "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/size",
        "query_string": b"",
        "headers": [(b"content-length", b"900")],
    }
    limit = BodyLimit(app, LIMIT, refuse, metrics, timeout_s=0.2)
    anyio.run(limit, scope, receive, send)
    assert sent[0]["status"] == 408
    assert metrics.registry.get_sample_value("hedgescope_http_requests_refused_total", {"reason": "too-slow"}) == 1
