"""Hedging degrees in the database."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from app.errors import StoreError
from app.store.degrees import degrees_of, degrees_tag, write_degree
from tests.builders import make_degree


def test_what_is_stored_is_read(engine: Engine) -> None:
    record = make_degree("a" * 64, 12)
    write_degree(engine, record)
    assert degrees_of(engine, "a" * 64, 12) == [record]
    assert degrees_of(engine, "b" * 64, 12) == []
    assert degrees_of(engine, "a" * 64, 11) == [], "a prefix has the whole SAE's checksum"


def test_the_newest_comes_first_and_the_tag_tells(engine: Engine) -> None:
    tags = [degrees_tag(engine, "a" * 64, 12)]
    first = make_degree("a" * 64, 12)
    second = replace(first, extended_checksum="f" * 64, n_new=5)
    for record in (first, second):
        write_degree(engine, record)
        tags.append(degrees_tag(engine, "a" * 64, 12))
    assert tags[0] == ""
    assert len(set(tags)) == 3
    assert degrees_of(engine, "a" * 64, 12) == [second, first]


def test_measured_again_the_newer_one_stays(engine: Engine) -> None:
    record = make_degree("a" * 64, 12)
    again = replace(record, command="hedgescope degree again")
    write_degree(engine, record)
    write_degree(engine, again)
    assert degrees_of(engine, "a" * 64, 12) == [again]


def test_nan_is_refused(engine: Engine) -> None:
    with pytest.raises(StoreError, match="field raw holds"):
        write_degree(engine, replace(make_degree("a" * 64, 12), raw=float("nan")))
    assert degrees_of(engine, "a" * 64, 12) == []
