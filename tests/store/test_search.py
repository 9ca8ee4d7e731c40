"""Searches as people type them: an index, a whole token, one of several tokens, part of a token."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from app.errors import QueryError
from app.store.page import LatentQuery, latents_page
from app.store.search import MAX_ALTERNATIVES, Search, Term, parse_search
from app.store.write import write_comparison
from tests.builders import make_bundle


@pytest.mark.parametrize(
    ("q", "index", "terms"),
    [
        ("#151", 151, ()),
        ("151", 151, (Term("151", whole=False),)),
        ('"not"', None, (Term("not", whole=True),)),
        ('" not"', None, (Term("not", whole=True),)),
        (" not", None, (Term("not", whole=True),)),
        ("Not ", None, (Term("not", whole=False),)),
        ("le|La | les", None, (Term("le", whole=True), Term("la", whole=True), Term("les", whole=True))),
        ("no|", None, (Term("no|", whole=False),)),
        ('"', None, (Term('"', whole=False),)),
        ("|", None, (Term("|", whole=False),)),
    ],
)
def test_a_search_is_read(q: str, index: int | None, terms: tuple[Term, ...]) -> None:
    assert parse_search(q) == Search(index, terms)


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        (":digit", ["7", "2026 19"]),
        (":punct", ["{", ", ."]),
        (":capital", ["The", "Paris É", "A1"]),
        (":nonlatin", ["сказал", "日本 語"]),
    ],
)
def test_a_class_of_tokens_is_found_in_both_databases(engine: Engine, q: str, expected: list[str]) -> None:
    labels = [
        "7",
        "2026 19",
        "{",
        ", .",
        "The",
        "Paris É",
        "A1",
        "the The",
        "1a",
        "x 2",
        "",
        "сказал",
        "日本 語",
        "é",
        "… “",
    ]
    bundle = make_bundle()
    template = next(one for one in bundle.latents if one.sae == "narrow")
    named = tuple(replace(template, index=k, label=label) for k, label in enumerate(labels))
    others = tuple(one for one in bundle.latents if one.sae == "reference")
    only = replace(bundle, latents=(*named, *others), details=(), partners=(), pairs=(), profiles=(), cells=())
    write_comparison(engine, only)
    found = latents_page(engine, bundle.summary.slug, LatentQuery("narrow", "index", q=q)).items
    extra = ["… “"] if q == ":punct" else []
    assert [latent.label for latent in found] == [*expected, *extra]


def test_another_word_with_a_colon_is_text() -> None:
    assert parse_search(":digits") == Search(None, (Term(":digits", whole=False),))


def test_nothing_is_searched_for() -> None:
    assert [parse_search(q) for q in (None, "", "   ")] == [None, None, None]


def test_a_text_is_needed_only_where_every_label_has_it() -> None:
    needed = [search.needed for q in ("not", '"not"', "le|la", "5", "#5") if (search := parse_search(q)) is not None]
    assert needed == ["not", "not", None, None, None]


def test_too_many_alternatives_are_refused() -> None:
    with pytest.raises(QueryError, match="21 alternatives; expected at most 20"):
        parse_search("|".join("x" * (MAX_ALTERNATIVES + 1)))
