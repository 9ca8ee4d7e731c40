"""The content hash changes with everything that decides a number, and with nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.errors import SaeError
from app.pipeline import identity
from app.pipeline.identity import checked_name, content_hash, default_name, first_counted, slug_of, versions
from app.records import BySide
from tests.builders import make_sae_record

NARROW = make_sae_record()
REFERENCE = make_sae_record("tiny-matryoshka", d_sae=60, widths=(12, 60))
PLACES = (("model", "hook"), ("model", "hook"))
STREAM = {"model": "m", "hook_name": "h", "text_checksum": "t"}


def hashed(**changes: Any) -> str:
    saes = BySide(changes.pop("narrow", NARROW), changes.pop("reference", REFERENCE))
    given: dict[str, Any] = {"places": PLACES, "stream": STREAM, "n_tokens": 100, **changes}
    return content_hash(saes, **given)


@pytest.mark.parametrize(
    "changes",
    [
        {"narrow": replace(NARROW, checksum="0" * 64)},
        {"narrow": replace(NARROW, config_checksum="1")},
        {"narrow": REFERENCE, "reference": NARROW},
        {"reference": replace(REFERENCE, matryoshka_widths=(24, 60))},
        {"reference": replace(REFERENCE, matryoshka_widths=None)},
        {"reference": replace(REFERENCE, d_sae=12)},
        {"stream": {**STREAM, "text_checksum": "u"}},
        {"n_tokens": 101},
        {"places": (("model", "hook"), ("model", "other hook"))},
        {"places": (("model", "hook"), ("other model", "hook"))},
        {"places": (("model", None), ("model", "hook"))},
    ],
)
def test_what_decides_a_number_changes_the_hash(changes: dict[str, Any]) -> None:
    assert hashed(**changes) != hashed()


def test_so_does_the_version_of_the_formulas(monkeypatch: pytest.MonkeyPatch) -> None:
    before = hashed()
    monkeypatch.setattr(identity, "SCORING_VERSION", "next")
    assert hashed() != before


@pytest.mark.parametrize(
    "changes",
    [
        {"narrow": replace(NARROW, name="renamed", source="elsewhere", notes=("seen",), l0=1.0)},
        {"stream": dict(reversed(STREAM.items()))},
    ],
)
def test_names_and_places_do_not(changes: dict[str, Any]) -> None:
    assert hashed(**changes) == hashed()


def test_of_an_sae_and_its_own_prefix_the_outer_latents_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which latents count is in the hash: without it the same two SAEs had other numbers under one address."""
    prefix = replace(REFERENCE, name="tiny-matryoshka@12", d_sae=12, matryoshka_widths=(12,))
    assert first_counted(prefix, REFERENCE) == 12
    assert first_counted(NARROW, REFERENCE) == 0
    assert first_counted(replace(prefix, config_checksum="other"), REFERENCE) == 0
    before = hashed(narrow=prefix)
    monkeypatch.setattr(identity, "first_counted", lambda narrow, reference: 0)
    assert hashed(narrow=prefix) != before


def test_a_slug_ends_in_the_hash() -> None:
    assert slug_of("demo", hashed()) == f"demo-{hashed()[:12]}"


@pytest.mark.parametrize("name", ["demo", "a", "0.5_x-y", "x" * 64])
def test_good_names(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["", "Demo", "a b", "-a", ".a", "a/b", "é", "x" * 65, "a\n"])
def test_bad_names(name: str) -> None:
    with pytest.raises(SaeError, match="expected lower-case letters"):
        checked_name(name)


@pytest.mark.parametrize(
    ("narrow", "reference", "expected"),
    [
        ("demo-narrow", "demo-matryoshka", "demo-narrow-vs-demo-matryoshka"),
        ("sae@128", "sae", "sae-128-vs-sae"),
        ("My SAE", "Ünder/Lined", "my-sae-vs-nder-lined"),
        ("", "_x", "vs-_x"),
        ("x" * 70, "y", "x" * 64),
    ],
)
def test_names_made_from_the_saes_are_good_ones(narrow: str, reference: str, expected: str) -> None:
    name = default_name(replace(NARROW, name=narrow), replace(REFERENCE, name=reference))
    assert name == expected
    assert checked_name(name) == name


def test_versions_name_what_computed_the_numbers() -> None:
    assert {"sae-lens", "torch", "numpy", "scipy"} <= set(versions())
