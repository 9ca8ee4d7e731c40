"""The tiny world, written once, and the comparison scored from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.pipeline.run import run
from app.progress import silent
from app.records import ComparisonSummary
from app.store.session import make_engine, upgrade
from tests.pipeline.world import World, make_world


@dataclass(frozen=True)
class Workplace:
    """A database and a data folder."""

    engine: sa.Engine
    data_dir: Path


def open_workplace(folder: Path) -> Workplace:
    url = f"sqlite:///{folder / 'hedgescope.db'}"
    upgrade(url)
    return Workplace(make_engine(url), folder)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Workplace]:
    place = open_workplace(tmp_path)
    yield place
    place.engine.dispose()


@pytest.fixture(scope="session")
def scored(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workplace, ComparisonSummary]]:
    """The comparison on the file without tokens; tests only read it."""
    place = open_workplace(tmp_path_factory.mktemp("scored"))
    yield place, run(place.engine, place.data_dir, world.request(), silent)
    place.engine.dispose()
