"""Clients that send their body slowly, or never to its end, on real connections: told, closed, nobody else waits."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from app.inference.server.service import Service
from tests.inference.place import AUTHORIZED, SECRET, Place
from tests.live.conftest import served

TIMEOUT_S = 1.0
READ_S = 60
"""A busy machine is no failure."""


@pytest.fixture
def worker(place: Place) -> Iterator[tuple[str, Service]]:
    app = place.app()
    app.state.body_timeout_s = TIMEOUT_S
    with served(app) as url:
        yield url, app.state.service


def begin(url: str, *, secret: str = SECRET) -> socket.socket:
    """A request that announces a body of 1,000 bytes and sends ten."""
    found = urlsplit(url)
    connection = socket.create_connection((found.hostname, found.port), timeout=READ_S)
    head = f"POST /prompt HTTP/1.1\r\nHost: {found.netloc}\r\nAuthorization: Bearer {secret}\r\n"
    connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n".encode() + b" " * 10)
    return connection


def answer_of(connection: socket.socket) -> bytes:
    """All that comes until the other side closes the connection."""
    with connection:
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_body_that_stops_is_given_up(worker: tuple[str, Service], place: Place, http: httpx.Client) -> None:
    url, service = worker
    stuck = [begin(url) for _ in range(20)]
    assert http.post(f"{url}/prompt", json=place.ask("w1 w2"), headers=AUTHORIZED).status_code == 200
    for connection in stuck:
        head, _, body = answer_of(connection).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 "), head
        assert json.loads(body)["detail"] == "the request's body did not arrive within 1 s"
    assert service.batcher.waiting == (0, 0)
    assert http.post(f"{url}/prompt", json=place.ask("w1 w2"), headers=AUTHORIZED).status_code == 200


def test_a_body_that_trickles_in_is_given_up(worker: tuple[str, Service]) -> None:
    """Each byte comes in time, all of them would take for ever."""
    connection, over = begin(worker[0]), threading.Event()

    def trickle() -> None:
        try:
            while not over.wait(0.05):
                connection.sendall(b" ")
        except OSError:
            pass

    sending = threading.Thread(target=trickle)
    sending.start()
    try:
        assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")
    finally:
        over.set()
        sending.join()
        connection.close()


def test_without_the_secret_no_body_is_waited_for(place: Place) -> None:
    with served(place.app()) as url, begin(url, secret="wrong") as connection:
        assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")


def test_a_client_that_leaves_in_the_middle_of_its_body(
    worker: tuple[str, Service], place: Place, http: httpx.Client
) -> None:
    url, service = worker
    begin(url).close()
    assert http.post(f"{url}/prompt", json=place.ask("w1 w2"), headers=AUTHORIZED).status_code == 200
    assert service.batcher.waiting == (0, 0)
