"""Fixtures that any test may use."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.logs import CHATTY
from app.records import ComparisonSummary
from app.store.session import make_engine, upgrade
from app.store.write import write_comparison
from tests.builders import make_bundle

pytest_plugins = ["tests.postgres"]

# No test may install packages. TransformerLens runs `pip install torchvision` by itself when it loads a model that
# reads pictures, and that replaces torch, too.
os.environ.update(PIP_NO_INDEX="1", UV_OFFLINE="1")

FOLDER = Path(__file__).parent
SLOW_FOLDERS = {"e2e", "live", "training"}
SLOW_FIXTURES = {"language_model", "postgres_server"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what needs a browser, another server, a real model or training; other tests say so themselves."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if SLOW_FIXTURES & fixtures or SLOW_FOLDERS & set(item.path.relative_to(FOLDER).parts):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Commands that run in this process set up its logs; without this, later tests would see other records."""
    root = logging.getLogger()
    handlers = root.handlers[:]
    levels = {name: logging.getLogger(name).level for name in ("", *CHATTY)}
    yield
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(False)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A fresh SQLite database with the current schema."""
    url = f"sqlite:///{tmp_path / 'hedgescope.db'}"
    upgrade(url)
    engine = make_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def stored(engine: Engine) -> tuple[Engine, ComparisonSummary]:
    """A database that holds the comparison of `make_bundle()`, and its summary."""
    bundle = make_bundle()
    write_comparison(engine, bundle)
    return engine, bundle.summary
