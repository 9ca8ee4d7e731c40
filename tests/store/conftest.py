"""One stored comparison for all tests that only read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from app.records import ComparisonBundle
from app.store.session import make_engine, upgrade
from app.store.write import write_comparison
from tests.builders import make_bundle


@pytest.fixture(scope="session")
def bundle() -> ComparisonBundle:
    return make_bundle()


@pytest.fixture(scope="session")
def readable(bundle: ComparisonBundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A database that holds `bundle` and a second, different comparison beside it; not to be written to."""
    url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'readable.db'}"
    upgrade(url)
    engine = make_engine(url)
    write_comparison(engine, make_bundle(seed=1, name="other"))
    write_comparison(engine, bundle)
    yield engine
    engine.dispose()
