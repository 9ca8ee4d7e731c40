"""A client on this computer: its address and its `Host` are on the loopback interface."""

from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient
from starlette.types import ASGIApp

HERE = ("127.0.0.1", 50000)


def local_client(app: ASGIApp, **given: Any) -> TestClient:
    """A client of the application, without a server in between; arguments as of `TestClient`."""
    return TestClient(app, **{"base_url": "http://127.0.0.1", "client": HERE, **given})
