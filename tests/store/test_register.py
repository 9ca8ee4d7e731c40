"""An SAE's record: stored, brought up to date, refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from app.errors import ConflictError, StoreError
from app.store import read
from app.store.write import register_sae
from tests.builders import make_sae_record


def test_the_same_sae_is_brought_up_to_date(engine: Engine) -> None:
    first = register_sae(engine, make_sae_record())
    later = datetime(2027, 1, 1, tzinfo=UTC)
    moved = replace(first, source="elsewhere", explained_variance=None, notes=(), created_at=later)

    assert register_sae(engine, moved) == replace(moved, created_at=first.created_at)
    assert read.list_saes(engine) == [replace(moved, created_at=first.created_at)]


def test_an_sae_without_a_time_gets_one(engine: Engine) -> None:
    before = datetime.now(UTC)
    stored = register_sae(engine, replace(make_sae_record(), created_at=None))
    assert stored.created_at is not None
    assert before <= stored.created_at <= datetime.now(UTC)
    assert read.get_sae(engine, stored.name) == stored


def test_another_sae_under_a_taken_name_is_refused(engine: Engine) -> None:
    known = register_sae(engine, make_sae_record(widths=(4, 24)))
    others = {
        "belongs to the weights": replace(known, checksum="0" * 64),
        "read as jumprelu, not as topk": replace(known, architecture="topk", config_checksum="1" * 64),
        r"Matryoshka widths \(4, 24\), not \(8, 24\)": replace(known, matryoshka_widths=(8, 24)),
    }
    for message, other in others.items():
        with pytest.raises(ConflictError, match=message):
            register_sae(engine, other)
    assert read.list_saes(engine) == [known]


def test_an_sae_with_nan_is_refused(engine: Engine) -> None:
    with pytest.raises(StoreError, match=r"SaeRecord\(name='tiny-narrow'\): field l0 holds nan"):
        register_sae(engine, replace(make_sae_record(), l0=float("nan")))
