"""Interventions in the database: whole or not at all, and gone with their comparison."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine, func, select

from app.errors import NotFoundError, StoreError
from app.records import ComparisonBundle, InterventionRecord
from app.store.interventions import (
    find_intervention,
    get_intervention,
    interventions_of,
    latent_releases_of,
    pair_releases,
    write_intervention,
)
from app.store.session import reading
from app.store.tables import INTERVENTION_TABLES
from app.store.write import delete_comparison, write_comparison
from tests.builders import make_bundle, make_intervention


@pytest.fixture
def record(engine: Engine, bundle: ComparisonBundle) -> InterventionRecord:
    write_comparison(engine, bundle)
    return make_intervention(bundle.summary)


def n_rows(engine: Engine) -> int:
    with reading(engine) as connection:
        counts = [connection.execute(select(func.count()).select_from(table)) for table in INTERVENTION_TABLES]
        return sum(count.scalar_one() for count in counts)


def test_what_is_stored_is_read(engine: Engine, record: InterventionRecord) -> None:
    number = write_intervention(engine, record)
    assert get_intervention(engine, number) == record.summary
    assert interventions_of(engine, record.summary.comparison) == [(number, record.summary)]
    assert find_intervention(engine, record.summary.content_hash) == number
    assert latent_releases_of(engine, number) == list(record.latents)
    assert latent_releases_of(engine, number, [2, 0]) == [record.latents[0], record.latents[2]]
    found = pair_releases(engine, number)
    assert sorted(found, key=lambda pair: (pair.narrow_index, pair.reference_index)) == list(record.pairs)
    assert [pair.release for pair in found] == sorted((pair.release for pair in record.pairs), reverse=True)


def test_pairs_of_one_latent(engine: Engine, record: InterventionRecord) -> None:
    number = write_intervention(engine, record)
    of_narrow, of_reference = pair_releases(engine, number, narrow=1), pair_releases(engine, number, reference=3)
    assert {pair.narrow_index for pair in of_narrow} == {1}
    assert len(of_narrow) == 4
    assert {pair.narrow_index for pair in of_reference} == {0, 1, 2}
    [pair] = pair_releases(engine, number, narrow=2, reference=0)
    assert (pair.narrow_index, pair.reference_index) == (2, 0)
    assert pair_releases(engine, number, narrow=9) == []


def test_the_newest_comes_first_and_numbers_stay(engine: Engine, record: InterventionRecord) -> None:
    first = write_intervention(engine, record)
    other = replace(record, summary=replace(record.summary, content_hash="f" * 64))
    second = write_intervention(engine, other)
    assert write_intervention(engine, record) == first, "stored already"
    assert [number for number, _ in interventions_of(engine, record.summary.comparison)] == [second, first]


def test_nothing_is_stored_of_a_record_with_nan(engine: Engine, record: InterventionRecord) -> None:
    bad = replace(record, pairs=(*record.pairs[:-1], replace(record.pairs[-1], release=float("nan"))))
    with pytest.raises(StoreError, match="field release holds nan"):
        write_intervention(engine, bad)
    twice = replace(record, pairs=(*record.pairs, record.pairs[0]))
    with pytest.raises(StoreError):
        write_intervention(engine, twice)
    assert n_rows(engine) == 0


def test_it_goes_with_its_comparison(engine: Engine, record: InterventionRecord) -> None:
    other = make_bundle(seed=1, name="other")
    write_comparison(engine, other)
    kept = write_intervention(engine, make_intervention(other.summary))
    number = write_intervention(engine, record)
    before = n_rows(engine)
    delete_comparison(engine, record.summary.comparison)
    assert n_rows(engine) == before / 2
    with pytest.raises(NotFoundError, match=f"no intervention {number}"):
        get_intervention(engine, number)
    assert get_intervention(engine, kept).comparison == other.summary.slug
    with pytest.raises(NotFoundError, match="no comparison"):
        write_intervention(engine, record)


def test_what_is_not_there(engine: Engine, record: InterventionRecord) -> None:
    assert interventions_of(engine, record.summary.comparison) == []
    assert find_intervention(engine, "0" * 64) is None
    with pytest.raises(NotFoundError, match="no comparison 'nowhere'"):
        interventions_of(engine, "nowhere")
    with pytest.raises(NotFoundError, match="no intervention 5"):
        get_intervention(engine, 5)
