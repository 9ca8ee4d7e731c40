"""Pages and worker together, each on a real port, over one scored comparison."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.testclient import TestClient

from app.inference.client import fixed
from app.serving.connections import Connection
from app.web.main import create_app
from tests.inference.place import SECRET, Place, make_place
from tests.local_client import local_client
from tests.one_thread import one_thread as one_thread
from tests.waiting import wait_until

START_S = 60


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The application on a loopback port, in a thread; its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, http=Connection, log_level="error", access_log=False, timeout_graceful_shutdown=5)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    wait_until(lambda: server.started, timeout_s=START_S)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = make_place(tmp_path_factory.mktemp("live"))
    yield made
    made.engine.dispose()


@pytest.fixture(scope="session")
def worker_url(place: Place) -> Iterator[str]:
    with served(place.app()) as url:
        yield url


@pytest.fixture(scope="session")
def site(place: Place, worker_url: str) -> FastAPI:
    return create_app(place.settings(), place.engine, fixed(worker_url, SecretStr(SECRET)))


@pytest.fixture(scope="session")
def client(site: FastAPI) -> Iterator[TestClient]:
    with local_client(site, follow_redirects=False) as client:
        yield client


@pytest.fixture(scope="session")
def site_url(site: FastAPI, client: TestClient) -> Iterator[str]:
    """The pages on a port of their own, for what a test client can't do."""
    with served(create_app(site.state.settings, site.state.engine, site.state.inference._where)) as url:
        yield url


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=60, trust_env=False) as client:
        yield client
