"""One database and one application for all tests of the web side; nothing in them changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.jobs.queue import cancel, submit
from app.records import ComparisonBundle, ComparisonRequest, SaeRequest
from app.settings import Settings
from app.store.interventions import write_intervention
from app.store.session import make_engine, upgrade
from app.store.write import register_sae, write_comparison
from app.web.main import create_app
from tests.builders import make_bundle, make_intervention, make_sae_record
from tests.local_client import local_client


@pytest.fixture(scope="session")
def bundle() -> ComparisonBundle:
    """The stored comparison named `tiny`."""
    return make_bundle()


@pytest.fixture(scope="session")
def slug(bundle: ComparisonBundle) -> str:
    return bundle.summary.slug


@pytest.fixture(scope="session")
def twice() -> tuple[ComparisonBundle, ComparisonBundle]:
    """Two stored comparisons of the same name."""
    first, second = (
        make_bundle(seed=seed, name="twice", n_narrow=6, n_reference=12, widths=(4, 12)) for seed in (1, 2)
    )
    return first, second


@pytest.fixture(scope="session")
def site(
    tmp_path_factory: pytest.TempPathFactory,
    bundle: ComparisonBundle,
    twice: tuple[ComparisonBundle, ComparisonBundle],
) -> Iterator[tuple[Settings, Engine]]:
    """Settings and engine of a database with three comparisons, an intervention, two SAEs and two jobs."""
    url = f"sqlite:///{tmp_path_factory.mktemp('data') / 'hedgescope.db'}"
    upgrade(url)
    engine = make_engine(url)
    for stored in (bundle, *twice):
        write_comparison(engine, stored)
    for name in ("plain", "release/with slashes:é"):
        register_sae(engine, make_sae_record(name))
    write_intervention(engine, make_intervention(bundle.summary))
    submit(engine, ComparisonRequest("plain", "plain", tokens=1000, name="asked"))
    cancel(engine, submit(engine, SaeRequest("folder", matryoshka_widths=(4, 8))).id)
    yield Settings(database_url=url), engine
    engine.dispose()


@pytest.fixture(scope="session")
def web_app(site: tuple[Settings, Engine]) -> FastAPI:
    return create_app(*site)


@pytest.fixture(scope="session")
def client(web_app: FastAPI) -> Iterator[TestClient]:
    """A client that does not follow redirects."""
    with local_client(web_app, follow_redirects=False) as client:
        yield client
