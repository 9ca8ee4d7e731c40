"""A server as a process: it stops in order, and does not wait for ever for anyone."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from tests.waiting import wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

SERVER = """
import anyio, sys
from fastapi import FastAPI
from app import logs
from app.cli.serve import bind
from app.serving import connections, server
app = FastAPI()

@app.get("/slow")
async def slow(seconds: float):
    # A request that is under way for as long as the test says.
    print("asked", flush=True)
    await anyio.sleep(seconds)
    return "done"

@app.get("/large")
async def large():
    return "x" * 50_000_000

connections.HEADERS_TIMEOUT_S = 1
connections.READING_TIMEOUT_S = 1
connections.MAX_CONNECTIONS = 30
logs.configure(level="info", form="text", service="test")
listener = bind("127.0.0.1", 0)
print("port", listener.getsockname()[1], flush=True)
seconds = float(sys.argv[1])
server.serve_until_stopped(
    app, listener, shutdown_timeout_s=seconds, on_stop=lambda: print("stop", flush=True), max_of_one_client=20
)
print("afterwards", flush=True)
"""


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server process and its port; the parameter is the time that requests get at the end."""
    command = [sys.executable, "-c", SERVER, str(getattr(request, "param", 30))]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline().split()[1])
        finally:
            process.kill()


def asked(port: int, path: str) -> tuple[threading.Thread, list[bytes]]:
    """A request in a thread, and where its answer will be."""
    answer: list[bytes] = []

    def ask() -> None:
        with socket.create_connection(("127.0.0.1", port), 60) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            answer.append(connection.recv(65536))

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, answer


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_requests_under_way_are_finished(server: tuple[subprocess.Popen[str], int], sent: signal.Signals) -> None:
    process, port = server
    assert process.stdout is not None
    thread, answer = asked(port, "/slow?seconds=2")
    assert process.stdout.readline() == "asked\n"
    process.send_signal(sent)
    thread.join(60)
    output, errors = process.communicate(timeout=60)
    assert b"200 OK" in answer[0]
    assert output.split() == ["stop", "afterwards"]
    assert process.returncode == 0
    assert "Traceback" not in errors


@pytest.mark.parametrize("server", [1], indirect=True)
def test_a_request_that_takes_too_long_is_cancelled(server: tuple[subprocess.Popen[str], int]) -> None:
    process, port = server
    assert process.stdout is not None
    thread, answer = asked(port, "/slow?seconds=600")
    assert process.stdout.readline() == "asked\n"
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    thread.join(60)
    assert b"200 OK" not in b"".join(answer)
    assert output.split() == ["stop", "afterwards"]
    assert process.returncode == 0


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET /slow?seconds=0 HTTP/1.1\r\nX-Slow: ",
        b"GET /slow?seconds=0 HTTP/1.1\r\nHost: x\r\n\r\nGET /slow?seconds=0 HTTP/1.1\r\nX-Slow: ",
    ],
)
def test_a_client_that_says_nothing_more_is_left(server: tuple[subprocess.Popen[str], int], said: bytes) -> None:
    _, port = server
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(said)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert (b"200 OK" in received) == (b"Host" in said)


def test_a_client_that_does_not_read_is_left(server: tuple[subprocess.Popen[str], int]) -> None:
    process, port = server
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: is_holding(process, connection))
        wait_until(lambda: not is_holding(process, connection))
        assert received_from(connection) < 50_000_000


def is_holding(process: subprocess.Popen[str], connection: socket.socket) -> bool:
    """Whether the server has not closed its end of a connection."""
    open_now = psutil.Process(process.pid).net_connections("tcp")
    return any(one.raddr and one.raddr.port == connection.getsockname()[1] for one in open_now)


def received_from(connection: socket.socket) -> int:
    """Bytes until the connection ends, in whatever way."""
    received = 0
    with suppress(ConnectionError):
        while part := connection.recv(1 << 20):
            received += len(part)
    return received


def test_small_answers_over_one_connection_do_not_wait(server: tuple[subprocess.Popen[str], int]) -> None:
    """With Nagle's algorithm each would wait 40 ms for the acknowledgement of the one before."""
    _, port = server
    request = b"GET /slow?seconds=0 HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        started = time.monotonic()
        for _ in range(100):
            connection.sendall(request)
            received = b""
            while not received.endswith(b'"done"'):
                received += connection.recv(65536)
        assert time.monotonic() - started < 100 * 0.02


def test_the_server_does_not_name_its_software(server: tuple[subprocess.Popen[str], int]) -> None:
    _, port = server
    thread, answer = asked(port, "/slow?seconds=0")
    thread.join(60)
    assert not re.search(rb"(?i)^server:", answer[0], re.MULTILINE)


def whole_answer(port: int, said: bytes) -> tuple[bytes, dict[str, str], dict[str, object]]:
    """(status line, headers, problem document) of what is answered to some bytes, until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(said)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    headers = dict(line.decode().lower().split(": ", 1) for line in lines)
    return first, headers, json.loads(body)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nNo colon\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\nHost: x\r\n\r\n", 400),
        (b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", 431),
    ],
)
def test_what_is_not_http_is_answered_with_a_problem(
    server: tuple[subprocess.Popen[str], int], said: bytes, status: int
) -> None:
    first, headers, problem = whole_answer(server[1], said)
    assert first.startswith(f"HTTP/1.1 {status} ".encode())
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-content-type-options"] == "nosniff"
    assert problem["status"] == status
    assert problem["request_id"] == headers["x-request-id"]
    assert str(problem["type"]).startswith("urn:hedgescope:problem:")


def test_a_body_that_turns_out_to_be_none_has_one_answer(server: tuple[subprocess.Popen[str], int]) -> None:
    process, port = server
    # It is refused unread, as a request of another method.
    head = b"POST /slow HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(head + b"5\r\nhello\r\nzz\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1
    process.send_signal(signal.SIGTERM)
    assert "Error" not in process.communicate(timeout=60)[1]


def test_one_client_has_a_share_of_the_connections(server: tuple[subprocess.Popen[str], int]) -> None:
    _, port = server
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 60))
        first, headers, problem = whole_answer(port, b"")
        assert first == b"HTTP/1.1 503 Service Unavailable"
        assert headers["retry-after"] == "5"
        assert problem["detail"] == "more than 20 connections from one address"
        with socket.create_connection(("127.0.0.1", port), 60, source_address=("127.0.0.2", 0)) as other:
            other.sendall(b"GET /slow?seconds=0 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in other.recv(65536)
    wait_until(lambda: b"200 OK" in first_bytes(port))


def test_refused_connections_of_one_client_keep_nobody_out(server: tuple[subprocess.Popen[str], int]) -> None:
    _, port = server
    with ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 60))
        with socket.create_connection(("127.0.0.1", port), 60, source_address=("127.0.0.2", 0)) as other:
            other.sendall(b"GET /slow?seconds=0 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in other.recv(65536)


def first_bytes(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(b"GET /slow?seconds=0 HTTP/1.1\r\nHost: x\r\n\r\n")
        return connection.recv(65536)
