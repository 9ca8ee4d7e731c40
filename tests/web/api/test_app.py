"""What every response has, static files, the documentation page, and how the program starts."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import anyio.to_thread
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.paths import resource
from app.settings import Settings
from app.web.main import THREADS, create_app
from tests.local_client import local_client

ROOT = Path(__file__).parents[3]

EVERY_KIND = [
    "/",
    "/about",
    "/c/{slug}",
    "/index.json",
    "/healthz",
    "/docs",
    "/openapi.json",
    "/static/js/docs.js",
    "/static/nope.js",
    "/api/v1/comparisons",
    "/api/v1/comparisons/tiny",
    "/api/v1/comparisons/{slug}/narrow/0",
    "/api/v1/comparisons/{slug}/latents?nope=1",
    "/nope",
]


@pytest.mark.parametrize("path", EVERY_KIND)
def test_every_response_has_the_security_headers(client: TestClient, slug: str, path: str) -> None:
    response = client.get(path.format(slug=slug))
    policy = dict(part.split(" ", 1) for part in response.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["object-src"] == "'none'"
    assert response.headers["cross-origin-opener-policy"] == "same-origin"
    assert "unsafe-eval" not in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "same-origin"
    assert "camera=()" in response.headers["permissions-policy"]
    assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])


@pytest.mark.parametrize(
    "path", ["/jobs", "/jobs/1", "/jobs/1/cancel", "/compare/new", "/saes/new", "/docs", "/api/v1/saes"]
)
def test_where_a_click_starts_work_nothing_is_framed(client: TestClient, path: str) -> None:
    response = client.get(f"{path}?embed=1")
    assert response.headers["content-security-policy"].endswith("frame-ancestors 'none'")


SITES = ("http://localhost:8888", "https://lab.example")


@pytest.mark.parametrize(
    ("path", "ancestors"),
    [
        ("?embed=1", " ".join(SITES)),
        ("?embed=0", "'none'"),
        ("?x=embed=1", "'none'"),
        ("/prompt?embed=1", "'none'"),
    ],
)
def test_only_the_sites_that_are_named_frame_embedded_pages(
    site: tuple[Settings, Engine], client: TestClient, slug: str, path: str, ancestors: str
) -> None:
    settings, engine = site
    allowing = local_client(create_app(settings.model_copy(update={"frame_ancestors": SITES}), engine))
    policy = allowing.get(f"/c/{slug}{path}").headers["content-security-policy"]
    assert policy.endswith(f"frame-ancestors {ancestors}")
    assert client.get(f"/c/{slug}{path}").headers["content-security-policy"].endswith("frame-ancestors 'none'")


def test_where_all_may_frame_pages_files_and_editors_may_too(site: tuple[Settings, Engine], slug: str) -> None:
    """`frame-ancestors *` would refuse pages of `file:` and `vscode-webview:`."""
    settings, engine = site
    allowing = local_client(create_app(settings.model_copy(update={"frame_ancestors": ("*",)}), engine))
    assert "frame-ancestors" not in allowing.get(f"/c/{slug}?embed=1").headers["content-security-policy"]
    assert "frame-ancestors 'none'" in allowing.get(f"/c/{slug}").headers["content-security-policy"]


@pytest.mark.parametrize(("given", "kept"), [("trace-1.a_B", True), ("a\tb", False), ("x" * 65, False), ("a b", False)])
def test_a_usable_request_id_is_kept(client: TestClient, given: str, kept: bool) -> None:
    response = client.get("/healthz", headers={"X-Request-ID": given})
    assert (response.headers["x-request-id"] == given) == kept


def test_static_files_are_kept_under_a_versioned_url_only(client: TestClient) -> None:
    path = "/static/js/docs.js"
    versioned, plain = client.get(f"{path}?v=1"), client.get(path)
    assert versioned.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert plain.headers["cache-control"] == "no-cache"
    assert client.get(path, headers={"If-None-Match": plain.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    "path", ["/static/../pyproject.toml", "/static/%2e%2e/pyproject.toml", "/static/%00", "/static"]
)
def test_static_files_end_at_their_folder(client: TestClient, path: str) -> None:
    assert client.get(path, follow_redirects=True).status_code == 404


def test_the_documentation_page_needs_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs").text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert {"openapi.json", "static/js/docs.js"} <= set(loaded)
    for url in loaded:
        assert not url.startswith(("/", "http")), "below any prefix"
        assert client.get(f"/{url}").status_code == 200, url
    assert re.search(r"<script(?![^>]* src=)", page) is None
    assert client.get("/redoc").status_code == 404


def test_vendored_files_are_those_that_the_list_names() -> None:
    folder = resource("static/vendor")
    rows = re.findall(r"^\| `([^`]+)` \|.*`([0-9a-f]{64})` \|$", (folder / "README.md").read_text(), re.MULTILINE)
    listed = dict(rows)
    code = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.suffix in (".js", ".css")}
    assert set(listed) == set(code)
    for name, path in code.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == listed[name], name


def test_other_sites_read_nothing_unless_they_are_named(site: tuple[Settings, Engine], client: TestClient) -> None:
    headers = {"Origin": "https://lab.example.org"}
    assert "access-control-allow-origin" not in client.get("/api/v1/saes", headers=headers).headers
    settings, engine = site
    named = settings.model_copy(update={"cors_origins": ("https://lab.example.org",)})
    other = local_client(create_app(named, engine))
    response = other.get("/api/v1/saes", headers=headers)
    assert response.headers["access-control-allow-origin"] == "https://lab.example.org"
    assert "access-control-allow-credentials" not in response.headers
    assert "Link" in response.headers["access-control-expose-headers"]
    stranger = other.get("/api/v1/saes", headers={"Origin": "https://other.example"})
    assert "access-control-allow-origin" not in stranger.headers
    preflight = other.options("/api/v1/saes", headers={**headers, "Access-Control-Request-Method": "DELETE"})
    assert preflight.status_code == 400


def test_few_threads_run_the_routes(web_app: FastAPI) -> None:
    async def limit() -> float:
        async with web_app.router.lifespan_context(web_app):
            return anyio.to_thread.current_default_thread_limiter().total_tokens

    assert anyio.run(limit) == THREADS


def test_many_at_once(web_app: FastAPI, slug: str) -> None:
    """More requests than threads, each with its own answer."""

    async def ask() -> list[int]:
        async with AsyncClient(transport=ASGITransport(web_app), base_url="http://test") as client:
            found: list[int] = []

            async def one(index: int) -> None:
                response = await client.get(f"/api/v1/comparisons/{slug}/reference/{index}")
                assert response.json()["index"] == index
                found.append(response.status_code)

            async with anyio.create_task_group() as tasks:
                for index in range(40):
                    tasks.start_soon(one, index)
            return found

    assert anyio.run(ask) == [200] * 40


def test_the_start_loads_neither_torch_nor_migrations() -> None:
    code = (
        "import sys, app.web.main; "
        "print(sorted({'torch', 'sae_lens', 'transformers', 'numpy', 'alembic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
