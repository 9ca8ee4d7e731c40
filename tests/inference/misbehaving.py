"""A real server that answers badly: breaks off, hangs, never ends, says something else."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.waiting import take_time

Behaviour = Callable[[socket.socket, bytes], None]


@contextmanager
def misbehaving(behave: Behaviour) -> Iterator[tuple[str, list[bytes]]]:
    """A real server that treats each connection in one way; its URL and the requests it got."""
    requests: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def handle(connection: socket.socket) -> None:
        with connection:
            connection.settimeout(60)
            try:
                request = received(connection)
                requests.append(request)
                behave(connection, request)
            except OSError:
                return

    def accept() -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", requests
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def received(connection: socket.socket) -> bytes:
    """The whole request: a socket that is closed with a part of it unread resets the connection."""
    request = b""
    while not (match := re.search(rb"\r\n\r\n", request)):
        request += _more(connection)
    length = re.search(rb"(?i)content-length: (\d+)", request[: match.start()])
    n_bytes = match.end() + (int(length[1]) if length else 0)
    while len(request) < n_bytes:
        request += _more(connection)
    return request


def _more(connection: socket.socket) -> bytes:
    part = connection.recv(1 << 20)
    if not part:
        raise ConnectionError
    return part


def close(_connection: socket.socket, _request: bytes) -> None:
    """Nothing is answered; the connection is closed in good order."""


def reset(connection: socket.socket, _request: bytes) -> None:
    """As when a process dies with the connection open."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def answering(status: int, body: bytes, more: bytes = b"") -> Behaviour:
    head = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n" % (
        status,
        len(body),
        more,
    )
    return lambda connection, _request: connection.sendall(head + body)


def hang(connection: socket.socket, _request: bytes) -> None:
    connection.settimeout(20)
    while connection.recv(1 << 16):
        pass


def drip(connection: socket.socket, _request: bytes) -> None:
    """A byte now and then: no single read ever takes long."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(200):
        connection.sendall(b" ")
        take_time(0.05)


def flood(connection: socket.socket, _request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(200):
        connection.sendall(b"x" * (1 << 20))
