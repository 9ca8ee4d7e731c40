"""One scored comparison for all tests of the worker; torch in one thread."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.inference.place import AUTHORIZED, Place, make_place
from tests.one_thread import one_thread as one_thread


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = make_place(tmp_path_factory.mktemp("worker"))
    yield made
    made.engine.dispose()


@pytest.fixture(scope="session")
def worker(place: Place) -> Iterator[TestClient]:
    """A worker with its secret; nothing in it changes but what it holds."""
    with TestClient(place.app(), headers=AUTHORIZED, raise_server_exceptions=False) as client:
        yield client
