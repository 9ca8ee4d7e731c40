"""The shipped configuration in a real nginx: passwords are the proxy's, keys are the program's."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.settings import Settings
from app.store.keys import create_key
from app.store.session import make_engine, upgrade
from app.web.main import create_app
from tests.live.conftest import served
from tests.postgres import free_port
from tests.waiting import wait_until

SHIPPED = Path(__file__).parents[2] / "deploy/nginx.conf"
NAME = "hedgescope.lab.example.org"
NGINX = shutil.which("nginx")
PERSON = ("someone", "a password")

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


def adapted(upstream: str, port: int, folder: Path) -> str:
    """The shipped file with this test's ports, certificate and users, and without the redirect from port 80."""
    text = SHIPPED.read_text()
    text = re.sub(r"(?s)server \{\n    listen 80;.*?\n\}\n", "", text)
    text = text.replace("    listen [::]:443 ssl;\n", "").replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    text = text.replace("http://127.0.0.1:8000", upstream).replace("/etc/nginx/hedgescope.users", f"{folder}/users")
    return re.sub(r"/etc/letsencrypt/live/[^/]+/", f"{folder}/", text)


def make_files(folder: Path, site: str) -> Path:
    """Certificate, users and the configuration of nginx itself."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={NAME}"]
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    subprocess.run([*command, *files], check=True, capture_output=True)
    (folder / "users").write_text(f"{PERSON[0]}:{{PLAIN}}{PERSON[1]}\n")
    (folder / "site.conf").write_text(site)
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = (
        f"daemon off;\nuser root;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{places}include {folder}/site.conf;\n}}\n"
    )
    (folder / "nginx.conf").write_text(whole)
    return folder / "nginx.conf"


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Settings]]:
    """URL of the proxy, and a key with the scope `write`."""
    folder = tmp_path_factory.mktemp("nginx")
    settings = Settings(data_dir=folder, allowed_hosts=(NAME,), trusted_proxies=("127.0.0.1",), rate_limit=600)
    upgrade(settings.resolved_database_url)
    engine = make_engine(settings.resolved_database_url)
    _, key = create_key(engine, "a script", ("write",))
    assert NGINX is not None
    with served(create_app(settings, engine)) as upstream:
        port = free_port()
        file = make_files(folder, adapted(upstream, port, folder))
        with subprocess.Popen([NGINX, "-c", str(file), "-e", str(folder / "error.log")]) as nginx:
            try:
                yield f"https://127.0.0.1:{port}", key, settings
            finally:
                nginx.terminate()
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
