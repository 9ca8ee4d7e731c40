"""Several comparisons of one run: one pass over the activations, each as if it were alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.activations.batch import ActivationBatch
from app.activations.cached import FileStream
from app.errors import SaeError
from app.pipeline.open import Resources
from app.pipeline.run import run, run_several
from app.progress import silent
from app.store.read import list_comparisons
from tests.pipeline.dump import dump
from tests.pipeline.workplace import Workplace, open_workplace
from tests.pipeline.world import World
from tests.saved_saes import save_sae

pytestmark = pytest.mark.slow


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Rows of every read of activations."""
    found: list[tuple[int, int]] = []
    original = FileStream.batches

    def counted(self: FileStream, start: int, stop: int) -> Iterator[ActivationBatch]:
        found.append((start, stop))
        return original(self, start, stop)

    monkeypatch.setattr(FileStream, "batches", counted)
    return found


@pytest.mark.slow
def test_each_is_the_same_to_the_bit_as_alone(
    world: World, workplace: Workplace, tmp_path: Path, reads: list[tuple[int, int]]
) -> None:
    prefix = f"{world.reference}@4"
    other = save_sae(tmp_path / "other", "topk", d_sae=6, seed=9, model_name=None, hook_name=None)
    requests = [world.request(name=None), world.request(narrow=prefix, name=None), world.request(narrow=str(other))]
    together = list(run_several(workplace.engine, workplace.data_dir, requests, silent))
    assert len(reads) == len(set(reads)), "rows were read twice"
    for number, (request, summary) in enumerate(zip(requests, together, strict=True)):
        place = open_workplace(tmp_path / str(number))
        alone = run(place.engine, place.data_dir, request, silent)
        assert alone.slug == summary.slug
        assert dump(place.engine, alone.slug) == dump(workplace.engine, summary.slug)
        place.engine.dispose()


def test_only_what_is_not_stored_is_computed(
    world: World, workplace: Workplace, reads: list[tuple[int, int]], tmp_path: Path
) -> None:
    first = run(workplace.engine, workplace.data_dir, world.request(), silent)
    reads.clear()
    again = list(run_several(workplace.engine, workplace.data_dir, [world.request(), world.request()], silent))
    assert [each.slug for each in again] == [first.slug, first.slug]
    assert reads == []


def test_one_that_does_not_fit_stops_all_before_the_pass(
    world: World, workplace: Workplace, tmp_path: Path, reads: list[tuple[int, int]]
) -> None:
    wide = save_sae(tmp_path / "wide", d_in=20)
    requests = [world.request(), world.request(narrow=str(wide), name=None)]
    with pytest.raises(SaeError, match="wide: reads activations of width 20"):
        list(run_several(workplace.engine, workplace.data_dir, requests, silent))
    assert reads == []
    assert list_comparisons(workplace.engine) == []


def test_shards_elsewhere_give_the_same(world: World, workplace: Workplace, tmp_path: Path) -> None:
    here = open_workplace(tmp_path / "here")
    elsewhere = Resources(shards=f"memory://{tmp_path.name}")
    first = run(here.engine, here.data_dir, world.request(), silent)
    second = run(workplace.engine, workplace.data_dir, world.request(), silent, resources=elsewhere)
    assert not (workplace.data_dir / "shards").exists()
    assert dump(here.engine, first.slug) == dump(workplace.engine, second.slug)
    here.engine.dispose()
