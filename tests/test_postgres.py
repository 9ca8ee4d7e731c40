"""The tests' own PostgreSQL server: by whom it is run, and that nothing of it stays behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from tests.postgres import USER, PostgresServer, account
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


def connect(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True, connect_timeout=10)


def test_each_test_has_an_empty_database_of_its_own(postgres_server: PostgresServer, postgres_url: str) -> None:
    other = postgres_server.create()
    for url in (postgres_url, other):
        with connect(url) as connection:
            connection.execute("CREATE TABLE mine (x int)")
    assert make_url(postgres_url).username == USER
    postgres_server.drop(other)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        connect(other)


def test_root_is_not_asked_to_run_it() -> None:
    assert (account().user is None) == (os.geteuid() != 0)


def test_what_is_committed_outlives_a_crash(postgres_server: PostgresServer, postgres_url: str) -> None:
    with connect(postgres_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS x")
    postgres_server.restart(immediate=True)
    with connect(postgres_url) as connection:
        assert connection.execute("SELECT x FROM kept").fetchall() == [(7,)]
    postgres_server.stop()
    assert not postgres_server.is_running
    with pytest.raises(psycopg.OperationalError, match="refused"):
        connect(postgres_url)


KILLED = """
from tests.postgres import PostgresServer
server = PostgresServer()
print(server.port, server._folder, flush=True)
input()
"""


def test_nothing_stays_when_the_test_run_is_killed() -> None:
    command = [sys.executable, "-c", KILLED]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as run:
        assert run.stdout is not None
        port, folder = run.stdout.readline().split()
        with socket.create_connection(("127.0.0.1", int(port)), timeout=10):
            run.send_signal(signal.SIGKILL)
    wait_until(lambda: not Path(folder).exists())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port)), timeout=10)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
def test_programs_that_others_cannot_reach_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.postgres.may_enter", lambda _folders: False)
    server = PostgresServer()
    try:
        assert [path.name for path in server.programs.parents if path.name.startswith("hedgescope-postgres-")]
        with connect(server.create()) as connection:
            found = connection.execute("SELECT current_user, current_setting('data_directory')").fetchall()
        assert found == [(USER, str(server.programs.parents[2] / "data"))]
    finally:
        server.close()
