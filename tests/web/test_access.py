"""Who may do what: every route with every kind of caller, cell by cell."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.settings import Settings
from app.store.keys import create_key, revoke_key
from app.store.session import make_engine, upgrade
from app.web import api, pages
from app.web.http.links import API
from app.web.main import create_app
from app.web.ops import routes as system
from tests.local_client import local_client

pytestmark = pytest.mark.slow

LAB = "http://lab.example"
ELSEWHERE = ("203.0.113.9", 50000)

OPEN = {"/healthz", "/readyz", "/static"}
METRICS = {"/metrics"}
PROMPTS = {"/c/{slug}/prompt", "/api/v1/comparisons/{slug}/prompt"}
VECTORS = {f"/api/v1/comparisons/{{slug}}/vectors{ending}" for ending in ("", ".safetensors")}
INPUTS = "/api/v1/inputs"
"""Names of private files: reading it needs the scope `write`."""
WRITES = {
    INPUTS,
    "/api/v1/jobs",
    "/api/v1/jobs/preflight",
    "/saes/upload",
    "/api/v1/jobs/{job_id}/cancel",
    "/api/v1/jobs/{job_id}/resume",
    "/compare/new",
    "/saes/new",
    "/jobs/{job_id}/cancel",
    "/jobs/{job_id}/resume",
}
"""Routes that POST reaches; a new one fails until it stands here."""

KEYS = {"read": ("read",), "prompt": ("prompt",), "write": ("write",), "admin": ("admin",)}

ALLOWED: dict[str, set[str]] = {
    "anonymous": {"open", "read"},
    "read": {"open", "metrics", "read"},
    "prompt": {"open", "metrics", "read", "prompt", "vectors"},
    "write": {"open", "metrics", "read", "write", "inputs"},
    "admin": {"open", "metrics", "read", "prompt", "vectors", "write", "inputs"},
    "token": {"open", "metrics", "read", "prompt", "vectors", "write", "inputs"},
    "local": {"open", "metrics", "read", "prompt", "vectors", "write", "inputs"},
    "proxied": {"open", "read"},
    "proxied, key": {"open", "metrics", "read", "prompt", "vectors"},
    "trusted proxy": {"open", "read"},
    "old proxy": {"open", "read"},
    "foreign host": set(),
    "cross-site": {"open", "metrics", "read", "vectors"},
    "wrong": set(),
    "revoked": set(),
}
"""Caller -> kinds of routes that it reaches."""

REFUSED = {
    "foreign host": {421},
    "cross-site": {401, 403},
    "wrong": {401, 429},
    "revoked": {401, 429},
    "anonymous": {401},
}


FROM_HERE = {
    "proxied": {"X-Forwarded-For": "203.0.113.9"},
    "proxied, key": {"X-Forwarded-For": "203.0.113.9"},
    # The client has made up the first address, the proxy has added the second.
    "trusted proxy": {"X-Forwarded-For": "127.0.0.1, 203.0.113.9"},
    "old proxy": {"Via": "1.0 proxy"},
    "foreign host": {"Host": "evil.example"},
    "cross-site": {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
}
"""Callers whose connections come from this computer -> their headers."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, Engine]]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("access"), rate_limit=0, jobs_token=SecretStr("a token"))
    upgrade(settings.resolved_database_url)
    engine = make_engine(settings.resolved_database_url)
    yield settings, engine
    engine.dispose()


@pytest.fixture(scope="module")
def keys(site: tuple[Settings, Engine]) -> dict[str, str]:
    made = {name: create_key(site[1], name, scopes)[1] for name, scopes in KEYS.items()}
    record, revoked = create_key(site[1], "revoked", ("admin",))
    revoke_key(site[1], record.public_id)
    return {**made, "token": "a token", "revoked": revoked, "wrong": made["admin"][:-1] + "~"}


def client_of(site: tuple[Settings, Engine], caller: str, keys: dict[str, str]) -> TestClient:
    """A client that is one kind of caller, over a server of its own so that wrong keys are forgotten."""
    settings, engine = site
    here = caller in ("local", *FROM_HERE)
    changes: dict[str, Any] = (
        {"host": "127.0.0.1", "jobs_token": None} if caller == "local" else {"host": "127.0.0.1" if here else "0.0.0.0"}
    )
    if caller == "trusted proxy":
        changes["trusted_proxies"] = ("127.0.0.1",)
    app = create_app(settings.model_copy(update=changes), engine)
    headers = FROM_HERE.get(caller, {"X-API-Key": keys[caller]} if caller in keys else {})
    if caller == "proxied, key":
        headers = {**headers, "X-API-Key": keys["prompt"]}
    place: dict[str, Any] = {} if here else {"base_url": LAB, "client": ELSEWHERE}
    return local_client(app, headers=headers, follow_redirects=False, raise_server_exceptions=False, **place)


def routes() -> list[tuple[str, str]]:
    """(path as declared, method) of everything that is served."""
    found = {("/static", "GET"), ("/openapi.json", "GET")}

    def walk(router: Any, prefix: str) -> None:
        for route in router.routes:
            inner = getattr(route, "original_router", None)
            if inner is not None:
                walk(inner, prefix)
            else:
                found.update((prefix + route.path, method) for method in route.methods)

    walk(system.router, "")
    walk(pages.router, "")
    walk(api.router, API)
    return sorted(found)


def kind_of(path: str, method: str) -> str:
    if path in OPEN:
        return "open"
    if path in METRICS:
        return "metrics"
    if path in VECTORS:
        return "vectors"
    if method in ("GET", "HEAD", "OPTIONS"):
        return "inputs" if path.startswith(INPUTS) else "read"
    if path in PROMPTS:
        return "prompt"
    assert path in WRITES, f"{method} {path} is not in the table"
    return "write"


def filled(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "1", path) + ("/js/docs.js" if path == "/static" else "")


@pytest.mark.parametrize("caller", ALLOWED)
def test_every_route_with_this_caller(site: tuple[Settings, Engine], keys: dict[str, str], caller: str) -> None:
    client = client_of(site, caller, keys)
    served = routes()
    assert len(served) > 70
    for path, method in served:
        kind = kind_of(path, method)
        is_allowed = kind in ALLOWED[caller]
        answer = client.request(method, filled(path), headers={"Accept": "application/json"})
        cell = f"{caller}: {method} {path} ({kind}) -> {answer.status_code}"
        if is_allowed:
            assert answer.status_code not in (401, 403, 421, 429), cell
        else:
            assert answer.status_code in REFUSED.get(caller, {401, 403}), cell
            assert method == "HEAD" or answer.headers["content-type"] == "application/problem+json", cell


def test_a_token_is_needed_on_this_computer_too(site: tuple[Settings, Engine]) -> None:
    client = local_client(create_app(site[0], site[1]))
    assert client.get("/api/v1/jobs").status_code == 200
    assert client.post("/api/v1/jobs", json={}).status_code == 401
    assert client.post("/api/v1/jobs", json={}, headers={"X-API-Key": "a token"}).status_code == 400


def test_protected_reads_need_a_key(site: tuple[Settings, Engine], keys: dict[str, str]) -> None:
    settings, engine = site
    app = create_app(settings.model_copy(update={"host": "0.0.0.0", "anonymous_scopes": ()}), engine)
    client = local_client(app, base_url=LAB, client=ELSEWHERE)
    for path, method in routes():
        if kind_of(path, method) == "read":
            assert client.request(method, filled(path)).status_code == 401, path
    assert client.get("/api/v1/saes", headers={"X-API-Key": keys["read"]}).status_code == 200
    assert client.get("/healthz").status_code == 200
    asked = client.get("/", headers={"Accept": "text/html"})
    assert asked.headers["www-authenticate"].startswith("Basic ")
    assert client.get("/", auth=("anyone", keys["read"])).status_code == 200


def test_anonymous_prompts_can_be_allowed(site: tuple[Settings, Engine]) -> None:
    settings, engine = site
    app = create_app(settings.model_copy(update={"host": "0.0.0.0", "anonymous_scopes": ("read", "prompt")}), engine)
    client = local_client(app, base_url=LAB, client=ELSEWHERE)
    assert client.post("/api/v1/comparisons/1/prompt", json={"text": "a"}).status_code == 404
    assert client.post("/api/v1/jobs", json={}).status_code == 401


@pytest.mark.parametrize(
    "way",
    [
        lambda key: {"X-API-Key": key},
        lambda key: {"Authorization": f"Bearer {key}"},
        lambda key: {"authorization": f"bearer {key}"},
        lambda key: {"Authorization": "Basic " + base64.b64encode(f"me:{key}".encode()).decode()},
        lambda key: {"X-API-Key": key, "Authorization": "Basic bWU6bXkgcHJveHkncw=="},
    ],
)
def test_a_key_is_sent_in_several_ways(site: tuple[Settings, Engine], keys: dict[str, str], way: Any) -> None:
    client = client_of(site, "anonymous", keys)
    assert client.post("/api/v1/jobs", json={}, headers=way(keys["write"])).status_code == 400


def test_a_password_of_the_proxys_own_is_not_a_wrong_key(site: tuple[Settings, Engine], keys: dict[str, str]) -> None:
    client = client_of(site, "anonymous", keys)
    assert client.get("/api/v1/saes", auth=("me", "my proxy's")).status_code == 200


def test_a_key_says_what_it_lacks(site: tuple[Settings, Engine], keys: dict[str, str]) -> None:
    client = client_of(site, "read", keys)
    refused = client.post("/api/v1/jobs", json={})
    assert (refused.status_code, "scope write" in refused.json()["detail"]) == (403, True)
    missing = client_of(site, "anonymous", keys).post("/api/v1/jobs", json={})
    assert missing.headers["www-authenticate"] == "Bearer"
    assert "hedgescope key create --scope write" in missing.json()["detail"]
    assert missing.json()["request_id"] == missing.headers["x-request-id"]


def test_a_form_takes_a_key(site: tuple[Settings, Engine], keys: dict[str, str]) -> None:
    client = client_of(site, "anonymous", keys)
    assert 'type="password"' in client.get("/compare/new").text
    assert client.post("/compare/new", data={"token": keys["read"]}).status_code == 403
    assert client.post("/compare/new", data={"token": keys["revoked"]}).status_code == 401
    assert client.post("/compare/new", data={"token": keys["write"]}).status_code == 400
    assert 'type="password"' not in client_of(site, "local", keys).get("/compare/new").text


def test_wrong_keys_are_slowed_down(site: tuple[Settings, Engine], keys: dict[str, str]) -> None:
    client = client_of(site, "anonymous", keys)
    answers = [client.get("/api/v1/saes", headers={"X-API-Key": f"guess {n}"}) for n in range(40)]
    assert [answer.status_code for answer in answers[:10]] == [401] * 10
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    # Even the right token, which a person may have chosen, must not be found by trying; a stored key can't be.
    assert client.get("/api/v1/saes", headers={"X-API-Key": "a token"}).status_code == 429
    assert client.get("/api/v1/saes", headers={"X-API-Key": keys["read"]}).status_code == 200


def test_each_change_leaves_a_line(
    site: tuple[Settings, Engine], keys: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app.audit")
    client_of(site, "write", keys).post("/api/v1/jobs", json={})
    client_of(site, "anonymous", keys).post("/api/v1/jobs/1/cancel")
    client_of(site, "local", keys).post("/saes/new", data={})
    client_of(site, "local", keys).get("/jobs")
    lines = [record.getMessage() for record in caplog.records if record.name == "app.audit"]
    public_id = keys["write"].split("_")[1]
    assert lines == [
        f"POST '/api/v1/jobs' 400 by key {public_id} from 203.0.113.9",
        "POST '/api/v1/jobs/1/cancel' 401 by anonymous from 203.0.113.9",
        "POST '/saes/new' 400 by this computer from 127.0.0.1",
    ]
    assert keys["write"] not in caplog.text
