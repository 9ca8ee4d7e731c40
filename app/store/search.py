"""Searches for latents, as people type them: `#151`, `" not"`, `le|la|les`, or part of a token."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, false, or_

from app.errors import QueryError
from app.store.rows import fold
from app.store.tables import latents

MAX_SEARCH_CHARACTERS = 200
"""Far more than a person writes, and within what SQLite takes in one statement."""

MAX_ALTERNATIVES = 20
LARGEST_INDEX_DIGITS = 18
QUOTED = re.compile(r'"(.+)"', re.DOTALL)


CLASSES: Mapping[str, str] = {
    ":digit": "0-9",
    ":punct": r"^0-9A-Za-zÀ-ÖØ-öø-\u1FFF\u3040-\uD7FF\s",
    ":capital": "A-ZÀ-ÖØ-Þ",
    ":nonlatin": r"\u0370-\u1FFF\u3040-\uD7FF",
}
"""Classes of tokens, and the characters they are made of, as both Python and PostgreSQL read them, whatever the
database's locale. A class holds the latents whose label has only such tokens; a capital is followed by anything."""


@dataclass(frozen=True)
class Term:
    """A text of a search, folded; `whole` where it has to be a whole token of a label."""

    text: str
    whole: bool


@dataclass(frozen=True)
class Search:
    """What a search finds: the latent with that index, those whose label has one of the terms, or a class of tokens."""

    index: int | None
    terms: tuple[Term, ...]
    token_class: str | None = None

    @property
    def needed(self) -> str | None:
        """A text that every found label contains; None where there is no such text."""
        return self.terms[0].text if len(self.terms) == 1 and self.index is None else None

    def condition(self) -> ColumnElement[bool]:
        """The search as a condition on `latents`."""
        if self.token_class is not None:
            return latents.c.label.regexp_match(_pattern(self.token_class))
        found = [_condition(term) for term in self.terms]
        if self.index is not None:
            found.append(latents.c.latent_index == self.index)
        return or_(*found) if found else false()


def parse_search(q: str | None) -> Search | None:
    """Read a search.

    - `#151`: the latent with that index. `151`: that latent, and labels that contain 151.
    - `"not"`, or ` not` with its leading space: labels with exactly this token. Labels have no spaces around tokens.
    - `le|la|les`: labels with one of these tokens.
    - `:digit`, `:punct`, `:capital`, `:nonlatin`: labels with only such tokens.
    - anything else: labels that contain it. Case does not matter.

    Returns:
        None where there is nothing to search for.

    Raises:
        QueryError: it is longer than a label could be, or has too many alternatives.
    """
    if q is None or not q.strip():
        return None
    if len(q.strip()) > MAX_SEARCH_CHARACTERS:
        message = f"q has {len(q.strip())} characters; expected at most {MAX_SEARCH_CHARACTERS}"
        raise QueryError(message, parameter="q")
    if q.strip() in CLASSES:
        return Search(None, (), q.strip())
    number = q.strip().removeprefix("#")
    if number.isascii() and number.isdigit():
        index = int(number) if len(number) <= LARGEST_INDEX_DIGITS else None
        return Search(index, () if q.strip().startswith("#") else (Term(number, whole=False),))
    return Search(None, _terms(q))


def _terms(q: str) -> tuple[Term, ...]:
    parts = [part for part in q.split("|") if part.strip(' "')]
    if len(parts) > MAX_ALTERNATIVES:
        message = f"q has {len(parts)} alternatives; expected at most {MAX_ALTERNATIVES}"
        raise QueryError(message, parameter="q")
    if len(parts) < 2:
        return (_term(q, several=False),)
    return tuple(_term(part, several=True) for part in parts)


def _term(part: str, *, several: bool) -> Term:
    quoted = QUOTED.fullmatch(part.strip())
    inner = quoted[1].strip() if quoted else ""
    if inner:
        return Term(fold(inner), whole=True)
    return Term(fold(part.strip()), whole=several or part.startswith(" "))


def _pattern(token_class: str) -> str:
    rest = r"\S*" if token_class == ":capital" else "+"
    one = f"[{CLASSES[token_class]}]{rest}"
    return f"^{one}( {one})*$"


def _condition(term: Term) -> ColumnElement[bool]:
    label = latents.c.label_folded
    if not term.whole:
        return contains(term.text)
    return or_(
        label == term.text,
        label.startswith(f"{term.text} ", autoescape=True),
        label.endswith(f" {term.text}", autoescape=True),
        label.contains(f" {term.text} ", autoescape=True),
    )


def contains(folded: str) -> ColumnElement[bool]:
    """Latents whose label contains a folded text."""
    return latents.c.label_folded.contains(folded, autoescape=True)
