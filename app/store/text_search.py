"""Words in the text of a comparison."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, select

from app.store.lookup import require_comparison
from app.store.payloads import TEXT_ROW
from app.store.rows import fold
from app.store.session import reading
from app.store.tables import text_rows

MOST_ROWS = 5000
"""Rows of text that are read: some 100 ms."""

AROUND = 8
"""Tokens before and after a place."""


@dataclass(frozen=True)
class TextPlace:
    """A place in the text.

    Attributes:
        row: index of the row in the text.
        position: place in the row of the token with which it begins.
        start: place in the row of the first of `tokens`.
        tokens: around it; joined, they give the text.
    """

    row: int
    position: int
    start: int
    tokens: tuple[str, ...]


def search_text(engine: Engine, slug: str, q: str, limit: int) -> tuple[list[TextPlace], bool]:
    """(Places where the text has `q`, in any case, at most one a row; whether all rows were read or enough was found).

    Raises:
        NotFoundError: no such comparison.
    """
    wanted, found = fold(q), []
    with reading(engine) as connection:
        comparison_id = require_comparison(connection, slug)
        query = select(text_rows.c.text_row, text_rows.c.payload).where(text_rows.c.comparison_id == comparison_id)
        n_rows = 0
        for row, payload in connection.execute(query.order_by(text_rows.c.text_row).limit(MOST_ROWS)):
            n_rows += 1
            place = _place(int(row), TEXT_ROW.validate_json(payload).tokens, wanted)
            if place is not None:
                found.append(place)
                if len(found) == limit:
                    return found, True
    return found, n_rows < MOST_ROWS


def _place(row: int, tokens: tuple[str, ...], wanted: str) -> TextPlace | None:
    folded = [fold(token) for token in tokens]
    at = "".join(folded).find(wanted)
    if at < 0:
        return None
    end = 0
    for position, token in enumerate(folded):
        end += len(token)
        if end > at:
            start = max(0, position - AROUND)
            return TextPlace(row, position, start, tokens[start : position + AROUND + 1])
    return None
