"""One shape for every error, and words that help."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.errors import ConflictError, HedgescopeError, SchemaError, StoreError
from app.records import ComparisonBundle
from app.settings import Settings
from app.store.session import make_engine, upgrade
from app.web.http.errors import LONGEST_DETAIL, of_store_error
from app.web.main import create_app
from tests.local_client import local_client

HTML = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}

BIG = "9" * 30
"""More than 64 bits."""

WRONG_PATHS: list[tuple[str, int, str]] = [
    ("/api/v1", 404, "there is nothing at"),
    ("/api/v1/nope", 404, "there is nothing at '/api/v1/nope'"),
    ("/api/v2/comparisons", 404, "there is nothing at"),
    ("/api/v1/saes/nope", 404, "the registered ones are plain, release/with slashes"),
    ("/api/v1/saes/%00", 422, "name"),
    ("/api/v1/comparisons/nope", 404, "no comparison 'nope'; the stored ones are"),
    ("/api/v1/comparisons/nope/latents", 404, "no comparison 'nope'"),
    ("/api/v1/comparisons/nope/narrow/0", 404, "no comparison 'nope'"),
    ("/api/v1/comparisons/%00/narrow/0", 422, "slug"),
    ("/api/v1/comparisons/%ff%fe", 404, "no comparison"),
    ("/api/v1/comparisons/..%2f..%2fetc", 404, ""),
    ("/api/v1/comparisons/{slug}/narrow/24", 404, "valid: 0 to 23"),
    ("/api/v1/comparisons/{slug}/reference/60", 404, "valid: 0 to 59"),
    ("/api/v1/comparisons/{slug}/pairs/24/0", 404, "no latent 24 in the narrow SAE"),
    ("/api/v1/comparisons/{slug}/pairs/0/60", 404, "no latent 60 in the reference SAE"),
    ("/api/v1/comparisons/{slug}/narrow/2147483647", 404, "valid: 0 to 23"),
    ("/api/v1/comparisons/{slug}/narrow/2147483648", 422, "index is '2147483648'"),
    (f"/api/v1/comparisons/{{slug}}/narrow/{BIG}", 422, "index"),
    (f"/api/v1/comparisons/{{slug}}/narrow/{'9' * 5000}", 422, "index"),
    ("/api/v1/comparisons/{slug}/narrow/-1", 422, "index is '-1'"),
    ("/api/v1/comparisons/{slug}/narrow/1.5", 422, "index is '1.5'"),
    ("/api/v1/comparisons/{slug}/narrow/x", 422, "index is 'x'"),
    ("/api/v1/comparisons/{slug}/narrow/%00", 422, "index"),
    ("/api/v1/comparisons/{slug}/pairs/0/x", 422, "j is 'x'"),
    (f"/api/v1/comparisons/{{slug}}/pairs/-1/{BIG}", 422, "i is '-1'"),
]

WRONG_QUERIES: list[tuple[dict[str, Any], str, str]] = [
    ({"sort": "nope"}, "sort", "hedging_score"),
    ({"sort": "--density"}, "sort", "density"),
    ({"sort": "label"}, "sort", "density"),
    ({"sae": "wide"}, "sae", "reference"),
    ({"limit": "0"}, "limit", ""),
    ({"limit": "-5"}, "limit", ""),
    ({"limit": "many"}, "limit", ""),
    ({"limit": "1001"}, "limit", "1 to 1000"),
    ({"limit": BIG}, "limit", "1 to 1000"),
    ({"limit": ["1", "2"]}, "limit", ""),
    ({"cursor": "nope"}, "cursor", ""),
    ({"cursor": "WzEsMl0"}, "cursor", ""),
    ({"cursor": "\x00"}, "cursor", ""),
    ({"hedgingscore__gte": "0.5"}, "hedgingscore__gte", "hedging_score"),
    ({"Limit": "5"}, "Limit", "limit"),
    ({"hedging_score__above": "0.5"}, "hedging_score__above", "gte"),
    ({"hedging_score__gte": "high"}, "hedging_score__gte", ""),
    ({"hedging_score__gte": "nan"}, "hedging_score__gte", ""),
    ({"hedging_score__gte": "inf"}, "hedging_score__gte", ""),
    ({"level": "1.5"}, "level", ""),
    ({"level": BIG}, "level", ""),
    ({"level__isnull": "yes"}, "level__isnull", "1"),
    ({"diagnosis": "ill"}, "diagnosis", "hedged"),
    ({"diagnosis__in": "clean,ill"}, "diagnosis__in", "novel"),
    ({"diagnosis__gt": "clean"}, "diagnosis__gt", "in"),
    ({"q": "x" * 5000}, "q", ""),
    ({"index__in": ",".join(map(str, range(2000)))}, "index__in", ""),
    ({"embed": "1"}, "embed", "limit"),
]


def problem_of(response: Any, status: int) -> dict[str, Any]:
    """The body, after checking what every problem has."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["type"].startswith("urn:hedgescope:problem:")
    assert problem["title"]
    assert 0 < len(problem["detail"]) <= LONGEST_DETAIL + 100
    assert "Traceback" not in response.text
    return problem


@pytest.mark.parametrize(("path", "status", "words"), WRONG_PATHS)
def test_wrong_paths(client: TestClient, slug: str, path: str, status: int, words: str) -> None:
    problem = problem_of(client.get(path.format(slug=slug)), status)
    assert words in problem["detail"]
    assert ("parameter" in problem) == (status == 422)


@pytest.mark.parametrize(("params", "parameter", "valid"), WRONG_QUERIES)
def test_wrong_parameters(client: TestClient, slug: str, params: dict[str, Any], parameter: str, valid: str) -> None:
    problem = problem_of(client.get(f"/api/v1/comparisons/{slug}/latents", params=params), 400)
    assert problem["parameter"] == parameter
    assert parameter in problem["detail"]
    assert valid in problem["valid"] if valid else problem["valid"] == [] or parameter == "limit"


@pytest.mark.parametrize(
    "path", ["/saes", "/saes/plain", "/comparisons", "/comparisons/{slug}", "/comparisons/{slug}/levels"]
)
def test_no_route_ignores_a_parameter(client: TestClient, slug: str, path: str) -> None:
    problem = problem_of(client.get(f"/api/v1{path.format(slug=slug)}?limit=5"), 400)
    assert (problem["parameter"], problem["valid"]) == ("limit", [])


def test_an_ambiguous_name_lists_the_slugs(
    client: TestClient, twice: tuple[ComparisonBundle, ComparisonBundle]
) -> None:
    problem = problem_of(client.get("/api/v1/comparisons/twice/latents"), 400)
    assert set(problem["valid"]) == {bundle.summary.slug for bundle in twice}
    assert problem["parameter"] == "slug"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_only_get_and_head(client: TestClient, slug: str, method: str) -> None:
    response = client.request(method, f"/api/v1/comparisons/{slug}")
    problem = problem_of(response, 405)
    assert response.headers["allow"] == "GET, HEAD"
    assert problem["detail"].startswith(f"{method} is not allowed")


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/nope", "Page not found"),
        ("/c/nope", "Page not found"),
        ("/c/{slug}/narrow/999", "Page not found"),
        ("/c/{slug}/latents?sort=nope", "Invalid link"),
    ],
)
def test_a_browser_gets_a_page(client: TestClient, slug: str, path: str, title: str) -> None:
    path = path.format(slug=slug)
    page = client.get(path, headers=HTML)
    problem = problem_of(client.get(path, headers={"Accept": "application/json"}), page.status_code)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<h1>{title}</h1>" in page.text
    assert "Accept" in page.headers["vary"]
    for value in problem.get("valid", []):
        assert value in page.text


@pytest.mark.parametrize("path", ["/api/v1/nope", "/c/nope.json", "/nope.csv", "/nope.ndjson"])
def test_data_paths_answer_with_data_whoever_asks(client: TestClient, path: str) -> None:
    problem_of(client.get(path, headers=HTML), 404)


def test_what_was_sent_comes_back_escaped_on_a_page(client: TestClient) -> None:
    page = client.get("/c/%3Cscript%3Ealert(1)%3C%2Fscript%3E", headers=HTML)
    assert page.status_code == 404
    assert "<script>alert" not in page.text


@pytest.fixture
def broken(site: tuple[Settings, Engine], monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """An application whose list of SAEs fails in a way that nobody thought of."""

    def fail(_engine: Engine) -> None:
        raise RuntimeError("secret /home/someone/path")

    monkeypatch.setattr("app.store.read.list_saes", fail)
    return create_app(*site)


@pytest.mark.parametrize("headers", [{}, HTML])
def test_an_unexpected_failure_says_nothing_of_the_inside(
    broken: FastAPI, caplog: pytest.LogCaptureFixture, headers: dict[str, str]
) -> None:
    path = "/saes" if headers else "/api/v1/saes"
    with caplog.at_level(logging.ERROR):
        response = local_client(broken).get(path, headers={**headers, "X-Request-ID": "abc-1"})
    assert response.status_code == 500
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    assert "abc-1" in response.text
    assert response.headers["x-request-id"] == "abc-1"
    assert response.headers["x-content-type-options"] == "nosniff"
    (record,) = caplog.records
    assert "abc-1" in record.getMessage()
    assert record.exc_text is None or "secret" in record.exc_text
    assert record.exc_info is not None
    if not headers:
        assert problem_of(response, 500)["request_id"] == "abc-1"


@pytest.fixture
def lost(tmp_path: Path) -> tuple[TestClient, Path]:
    """A client of an application whose database can be spoilt, and the database's file."""
    file = tmp_path / "lost.db"
    url = f"sqlite:///{file}"
    upgrade(url)
    return local_client(create_app(Settings(database_url=url))), file


WRONG_SCHEMA = {"database": "ok", "schema": "failed", "worker": "off"}


def states(response: Any) -> dict[str, str]:
    """State of each part that `/readyz` names."""
    return {check["name"]: check["state"] for check in response.json()["checks"]}


def test_a_database_that_is_no_more(lost: tuple[TestClient, Path], caplog: pytest.LogCaptureFixture) -> None:
    client, file = lost
    engine: Engine = client.app.state.engine  # type: ignore[attr-defined]
    engine.dispose()
    file.write_bytes(b"no database" * 100)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert states(response) == {"database": "failed", "schema": "failed", "worker": "off"}
    assert str(file) not in response.text
    assert str(file) in caplog.text
    assert client.get("/healthz").status_code == 200


def test_a_database_that_does_not_answer(
    lost: tuple[TestClient, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Another process holds it exclusively: whoever asks gets an answer all the same, and soon."""
    client, file = lost
    monkeypatch.setattr("app.web.ops.readiness.PATIENCE_S", 0.2)
    engine: Engine = client.app.state.engine  # type: ignore[attr-defined]
    engine.dispose()
    other = sqlite3.connect(file)
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN EXCLUSIVE")
    response = client.get("/readyz")
    other.close()
    assert response.status_code == 503
    assert "did not answer within 0.2 s" in response.text
    assert "did not answer" in caplog.text


def test_a_database_of_another_schema(lost: tuple[TestClient, Path], caplog: pytest.LogCaptureFixture) -> None:
    client, file = lost
    connection = sqlite3.connect(file)
    connection.execute("UPDATE alembic_version SET version_num = 'other'")
    connection.commit()
    connection.close()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert (response.json()["status"], states(response)) == ("unready", WRONG_SCHEMA)
    assert "hedgescope db upgrade" in response.text
    assert str(file) not in response.text
    assert str(file) in caplog.text
    assert client.get("/healthz").status_code == 200


def test_a_database_that_lost_its_tables(lost: tuple[TestClient, Path]) -> None:
    client, file = lost
    connection = sqlite3.connect(file)
    connection.execute("DROP TABLE saes")
    connection.commit()
    connection.close()
    assert str(file) not in str(problem_of(client.get("/api/v1/saes"), 503))


def test_a_schema_error_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="hedgescope db upgrade"):
        create_app(Settings(database_url=f"sqlite:///{tmp_path / 'empty.db'}"))


def test_store_errors_tell_no_path() -> None:
    assert of_store_error(ConflictError("taken")).status == 409
    assert "/home" not in of_store_error(StoreError("database sqlite:////home/x: broken")).detail
    assert issubclass(StoreError, HedgescopeError)


def test_the_engine_of_a_caller_stays_open(site: tuple[Settings, Engine]) -> None:
    settings, engine = site
    pool = engine.pool
    with local_client(create_app(settings, engine)):
        pass
    assert engine.pool is pool
    with local_client(create_app(settings)) as client:
        made: Engine = client.app.state.engine  # type: ignore[attr-defined]
        assert client.get("/readyz").json()["status"] == "ready"
        used = made.pool
    assert made.pool is not used
    assert make_engine(settings.resolved_database_url).url == made.url
