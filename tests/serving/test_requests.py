"""Ids, log lines and metrics of requests, measured on an application with routes of every kind."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.testclient import TestClient

from app.logs import current
from app.serving.metrics import RequestMetrics, exposition
from app.serving.requests import Requests
from app.serving.routes import NONE


def make_app(metrics: RequestMetrics) -> FastAPI:
    inner, outer, app = APIRouter(prefix="/things"), APIRouter(prefix="/api/v1"), FastAPI()

    @inner.get("/{name}/parts/{index}")
    def part(name: str, index: int) -> str:
        return f"{name} {index} {current('request_id')}"

    @inner.get("/{name:path}/whole")
    def whole(name: str) -> str:
        return name

    @app.get("/fails")
    def fails() -> None:
        raise RuntimeError("inside")

    @app.get("/events")
    async def events() -> Response:
        async def stream() -> AsyncIterator[str]:
            assert value(metrics.registry, "hedgescope_event_streams") == 1
            yield "data: 1\n\n"

        return StreamingResponse(stream(), media_type="text/event-stream")

    outer.include_router(inner)
    app.include_router(outer)
    app.mount("/static", PlainTextResponse("file"))
    app.add_middleware(Requests, metrics=metrics, on_failure=on_failure)
    return app


def on_failure(_request: Request, request_id: str) -> Response:
    return PlainTextResponse(f"see {request_id}", 500)


@pytest.fixture
def metrics() -> RequestMetrics:
    return RequestMetrics("test")


@pytest.fixture
def client(metrics: RequestMetrics) -> TestClient:
    return TestClient(make_app(metrics))


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def of_requests(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """The records of the application, without those of the client that the tests ask with."""
    return [record for record in caplog.records if record.name == "app.serving.requests"]


def counted(metrics: RequestMetrics, route: str, status: str = "200", method: str = "GET") -> float | None:
    name = "hedgescope_http_request_duration_seconds_count"
    return value(metrics.registry, name, method=method, route=route, status=status)


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/api/v1/things/a/parts/3", "/api/v1/things/{name}/parts/{index}", "200"),
        ("/api/v1/things/a%20b/parts/3", "/api/v1/things/{name}/parts/{index}", "200"),
        ("/api/v1/things/things/parts/x", "/api/v1/things/{name}/parts/{index}", "422"),
        ("/api/v1/things/a/b/whole", "/api/v1/things/{name}/whole", "200"),
        ("/static/js/x.js", "/static", "200"),
        ("/openapi.json", "/openapi.json", "200"),
        ("/nope/1234", NONE, "404"),
        ("/fails", "/fails", "500"),
    ],
)
def test_requests_are_measured_by_the_template_of_their_route(
    client: TestClient, metrics: RequestMetrics, path: str, route: str, status: str
) -> None:
    client.get(path)
    client.get(path)
    expected = route.replace("{name}/whole", "{name:path}/whole") if "whole" in route else route
    assert counted(metrics, route, status) == 2 or counted(metrics, expected, status) == 2
    assert value(metrics.registry, "hedgescope_http_requests_in_progress") == 0


def test_no_part_of_a_path_is_a_label_of_its_own(client: TestClient, metrics: RequestMetrics) -> None:
    for n in range(50):
        client.get(f"/api/v1/things/n{n}/parts/{n}")
        client.get(f"/nope/{n}")
        client.request(f"MADE{n}", "/nope")
    page = exposition(metrics.registry, "").body
    families = {family.name: family for family in text_string_to_metric_families(bytes(page).decode())}
    seen = {
        (sample.labels["method"], sample.labels["route"])
        for sample in families["hedgescope_http_request_duration_seconds"].samples
    }
    assert seen == {("GET", "/api/v1/things/{name}/parts/{index}"), ("GET", NONE), ("other", NONE)}


def test_the_id_is_bound_while_a_route_runs(client: TestClient) -> None:
    response = client.get("/api/v1/things/a/parts/3", headers={"X-Request-ID": "mine"})
    assert response.json() == "a 3 mine"
    assert response.headers["x-request-id"] == "mine"
    assert current("request_id") is None


def test_a_failure_is_answered_logged_and_counted(
    client: TestClient, metrics: RequestMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    response = client.get("/fails", headers={"X-Request-ID": "r-9"})
    assert (response.status_code, response.text) == (500, "see r-9")
    (record,) = [record for record in caplog.records if record.exc_info]
    assert "r-9" in record.getMessage()


def test_a_stream_is_counted_while_it_is_open(client: TestClient, metrics: RequestMetrics) -> None:
    assert client.get("/events").text == "data: 1\n\n"
    assert counted(metrics, "/events") == 1
    assert value(metrics.registry, "hedgescope_event_streams") == 0


def test_a_request_is_one_line_without_its_query(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "app.serving.requests"):
        client.get("/api/v1/things/a/parts/3?q=what+I+look+for")
        client.get("/static/x")
    (record,) = of_requests(caplog)
    assert record.getMessage() == "GET /api/v1/things/a/parts/3 200"
    assert "look" not in str(vars(record))
    facts = vars(record)
    assert facts["route"] == "/api/v1/things/{name}/parts/{index}"
    assert facts["duration_ms"] >= 0


def test_a_line_of_the_log_has_an_end(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "app.serving.requests"):
        client.request("M" * 5000, "/" + "x" * 50_000)
    (record,) = of_requests(caplog)
    assert len(record.getMessage()) < 400
    assert len(str(vars(record))) < 3000


def test_a_failure_with_a_body_is_logged_without_its_message(
    metrics: RequestMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(metrics)

    @app.post("/read")
    async def read(request: Request) -> None:
        raise RuntimeError(f"can't read {(await request.body()).decode()}")

    response = TestClient(app).post("/read", content=b"SENSITIVE")
    assert response.status_code == 500
    (record,) = of_requests(caplog)
    assert "RuntimeError" in record.getMessage()
    assert "in read" in str(vars(record)["exception"])
    assert "SENSITIVE" not in str(vars(record)) + caplog.text


@pytest.mark.parametrize("accept", ["", "text/plain;version=1.0.0", "application/openmetrics-text;version=1.0.0"])
def test_the_scraper_chooses_the_format(metrics: RequestMetrics, accept: str) -> None:
    response = exposition(metrics.registry, accept)
    assert response.headers["content-type"].startswith(accept.partition(";")[0] or "text/plain")
    assert b"hedgescope_build_info" in response.body
