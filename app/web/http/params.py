"""Query parameters: which of them a route takes, for pages and API alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from starlette.requests import Request

from app.errors import QueryError
from app.store.filters import FILTER_FIELDS, TEXT_FIELDS, Filter, parse_filters

FRAME = ("embed", "theme")
"""Parameters that any page takes: without header and footer; light or dark, whatever the system says."""


def check_parameters(
    request: Request,
    known: Collection[str],
    *,
    filters: bool = False,
    texts: bool = False,
    repeated: Collection[str] = (),
) -> tuple[Filter, ...]:
    """Refuse parameters that are unknown or repeated, since a slip must not show other data than requested.

    Args:
        known: the parameters that the route takes.
        filters: whether it takes filters of latents (`field__op`) as well.
        texts: whether it takes filters of text among them.
        repeated: those of the known ones that may be given several times.

    Returns:
        The filters, in the order given.

    Raises:
        QueryError: names the parameter and the known ones; or a filter is invalid.
    """
    given = request.query_params.multi_items()
    times = Counter(name for name, _ in given)
    expected = (*known, *FILTER_FIELDS) if filters else tuple(known)
    others = []
    for name, text in given:
        if name not in known:
            field, separator, _ = name.partition("__")
            is_text = texts and bool(separator) and field in TEXT_FIELDS
            if not filters or not (is_text or field in FILTER_FIELDS):
                raise _unknown(name, expected)
            others.append((name, text))
        if times[name] > 1 and name not in repeated:
            raise QueryError(f"parameter {name!r} is given {times[name]} times; expected once", parameter=name)
    return parse_filters(others)


async def no_parameters(request: Request) -> None:
    """A dependency of routes without query parameters. Raises QueryError."""
    check_parameters(request, ())


def _unknown(name: str, expected: Collection[str]) -> QueryError:
    message = f"unknown parameter {name!r}; expected {', '.join(expected) or 'none'}"
    return QueryError(message, parameter=name, valid=tuple(expected))
