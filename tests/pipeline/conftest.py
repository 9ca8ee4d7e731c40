"""The tiny world, written once, and the comparison scored from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.pipeline.run import run
from app.progress import silent
from app.records import ComparisonSummary
from tests.pipeline.dense_cases import RICH, WIDTH, Case, odd_case
from tests.pipeline.dense_comparison import compare
from tests.pipeline.odd_sizes import ODD_SIZES
from tests.pipeline.workplace import Workplace, open_workplace
from tests.pipeline.world import World, make_world


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


@pytest.fixture(scope="session", params=[*RICH, *ODD_SIZES])
def case(
    request: pytest.FixtureRequest,
    world: World,
    scored: tuple[Workplace, ComparisonSummary],
    tmp_path_factory: pytest.TempPathFactory,
) -> Case:
    """Tests only read it."""
    if request.param == "two SAEs":
        place, summary = scored
        return Case(place.engine, summary, compare(world.narrow, world.reference, world.acts))
    if request.param in ODD_SIZES:
        return odd_case(ODD_SIZES[request.param], tmp_path_factory.mktemp("odd"))
    place = open_workplace(tmp_path_factory.mktemp("prefix"))
    summary = run(place.engine, place.data_dir, world.request(narrow=f"{world.reference}@{WIDTH}"), silent)
    return Case(place.engine, summary, compare(world.reference, world.reference, world.acts, narrow_width=WIDTH))
