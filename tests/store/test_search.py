"""Searches as people type them: an index, a whole token, one of several tokens, part of a token."""

from __future__ import annotations

import pytest

from app.errors import QueryError
from app.store.search import MAX_ALTERNATIVES, Search, Term, parse_search


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


def test_nothing_is_searched_for() -> None:
    assert [parse_search(q) for q in (None, "", "   ")] == [None, None, None]


def test_a_text_is_needed_only_where_every_label_has_it() -> None:
    needed = [search.needed for q in ("not", '"not"', "le|la", "5", "#5") if (search := parse_search(q)) is not None]
    assert needed == ["not", "not", None, None, None]


def test_too_many_alternatives_are_refused() -> None:
    with pytest.raises(QueryError, match="21 alternatives; expected at most 20"):
        parse_search("|".join("x" * (MAX_ALTERNATIVES + 1)))
