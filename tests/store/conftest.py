"""Every test of the store runs on SQLite and on PostgreSQL, but those that are marked with one of the two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.records import ComparisonBundle
from app.store.session import make_engine, upgrade
from app.store.write import write_comparison
from tests.builders import make_bundle
from tests.postgres import PostgresServer

BACKENDS = ("sqlite", pytest.param("postgresql", marks=pytest.mark.slow))
ON_SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("engine", BACKENDS[1:], indirect=True)


@contextmanager
def fresh_engine(url: str) -> Iterator[Engine]:
    engine = make_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """URL of a file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'hedgescope.db'}"


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a database without schema."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
    else:
        yield request.getfixturevalue("postgres_url")


@pytest.fixture(params=BACKENDS)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A fresh database with the current schema."""
    if request.param == "sqlite":
        with fresh_engine(request.getfixturevalue("sqlite_url")) as engine:
            upgrade(engine.url.render_as_string())
            yield engine
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.database(request.getfixturevalue("postgres_template")) as url, fresh_engine(url) as engine:
        yield engine


@pytest.fixture(scope="session")
def bundle() -> ComparisonBundle:
    return make_bundle()


@pytest.fixture(scope="session")
def filled_sqlite(bundle: ComparisonBundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'readable.db'}"
    with fresh_engine(url) as engine:
        fill(engine, bundle)
        yield engine


@pytest.fixture(scope="session")
def filled_postgresql(bundle: ComparisonBundle, postgres_server: PostgresServer) -> Iterator[Engine]:
    with postgres_server.database() as url, fresh_engine(url) as engine:
        fill(engine, bundle)
        yield engine


def fill(engine: Engine, bundle: ComparisonBundle) -> None:
    upgrade(url_of(engine))
    write_comparison(engine, make_bundle(seed=1, name="other"))
    write_comparison(engine, bundle)


@pytest.fixture(scope="session", params=BACKENDS)
def readable(request: pytest.FixtureRequest) -> Engine:
    """A database that holds `bundle` and a second, different comparison beside it; not to be written to."""
    engine: Engine = request.getfixturevalue(f"filled_{request.param}")
    return engine


def url_of(engine: Engine) -> str:
    """The URL with its password."""
    return engine.url.render_as_string(hide_password=False)
