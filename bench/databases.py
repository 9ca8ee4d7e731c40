"""Empty databases to measure in."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.postgres import PostgresServer

BACKENDS = ("sqlite", "postgresql")


@contextmanager
def empty_databases(backend: str) -> Iterator[Iterator[str]]:
    """URLs of empty databases, as many as are needed; all of them go away at the end.

    PostgreSQL is the tests' own server, with its small memory and without fsync.
    """
    if backend == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield (f"sqlite:///{Path(folder) / f'{number}.db'}" for number in itertools.count())
    else:
        server = PostgresServer()
        try:
            yield (server.create() for _ in itertools.count())
        finally:
            server.close()
