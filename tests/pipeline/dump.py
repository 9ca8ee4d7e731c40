"""All that is stored of a comparison, to hold two of them against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from app.records import SIDES
from app.store import read


@dataclass(frozen=True)
class Dump:
    """Every record of a comparison; of the summary, what does not name it or say when it was made."""

    summary: Any
    latents: list[Any]
    details: list[Any]
    partners: list[Any]
    pairs: list[Any]
    profiles: list[Any]
    text: dict[int, Any]


def dump(engine: Engine, slug: str) -> Dump:
    """Read all of it."""
    summary = read.get_comparison(engine, slug)
    widths = {"narrow": summary.narrow.sae.d_sae, "reference": summary.reference.sae.d_sae}
    keys = [(side, i) for side in SIDES for i in range(widths[side])]
    partners = [partner for i in range(widths["narrow"]) for partner in read.partners_of_narrow(engine, slug, i)]
    return Dump(
        summary=replace(summary, slug="", name="", command="", created_at=datetime(2026, 1, 1, tzinfo=UTC)),
        latents=[read.get_latent(engine, slug, side, i) for side, i in keys],
        details=[read.get_detail(engine, slug, side, i) for side, i in keys],
        partners=partners,
        pairs=[read.get_pair_detail(engine, slug, each.narrow_index, each.index) for each in partners],
        profiles=[read.get_profile(engine, slug, i) for i in range(widths["narrow"])],
        text=read.text_rows(engine, slug, range(10_000)),
    )


def assert_close(found: Any, expected: Any, path: str = "") -> None:
    """Whole numbers and words are the same, floats up to the rounding of sums taken in another order."""
    assert type(found) is type(expected), path
    if isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-9), path
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected), path
        for index, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_close(one, other, f"{path}[{index}]")
    elif isinstance(expected, Mapping):
        assert set(found) == set(expected), path
        for key in expected:
            assert_close(found[key], expected[key], f"{path}[{key!r}]")
    elif is_dataclass(expected):
        for field in fields(expected):
            assert_close(getattr(found, field.name), getattr(expected, field.name), f"{path}.{field.name}")
    else:
        assert found == expected, path
