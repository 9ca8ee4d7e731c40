"""The parameters of the latents table: which latents, in which order."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.requests import Request

from app.catalogue import LATENT_FIELDS
from app.errors import QueryError
from app.records import Side
from app.store.cursors import SORT_FIELDS
from app.store.filters import CHOICES, FILTER_FIELDS, MAX_SEARCH_CHARACTERS, OPS, Filter
from app.store.page import LatentQuery
from app.web.http.deps import SettingsDep
from app.web.http.params import check_parameters

OWN = ("sae", "sort", "q", "limit", "cursor")
"""Parameters that are not filters."""

DEFAULT_LIMIT = 100


async def _filters(request: Request) -> tuple[Filter, ...]:
    """The filters among the query's parameters; every parameter must be one or be in `OWN`.

    Raises:
        QueryError: an unknown parameter, or an invalid filter.
    """
    return check_parameters(request, OWN, filters=True)


async def _latent_query(
    *,
    settings: SettingsDep,
    filters: Annotated[tuple[Filter, ...], Depends(_filters)],
    sae: Annotated[Side, Query(description="Whose latents.")] = "narrow",
    sort: Annotated[
        str,
        Query(
            description="A field, with `-` in front for descending. Undefined values come last either way, ties by "
            "ascending index.",
            json_schema_extra={"enum": [sign + field for field in SORT_FIELDS for sign in ("-", "")]},
        ),
    ] = "-hedging_score",
    q: Annotated[
        str | None,
        Query(
            description=f"A number: the latent with that index; else what labels contain, in any case; at most "
            f"{MAX_SEARCH_CHARACTERS} characters."
        ),
    ] = None,
    limit: Annotated[
        int, Query(ge=1, description="Latents a page; at most 1000, unless the server is set otherwise.")
    ] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None, Query(description="`next` of the page before, with the same `sae`, `sort`, `q` and filters.")
    ] = None,
) -> LatentQuery:
    """The query of these parameters. Raises QueryError for an invalid one."""
    if limit > settings.page_size_max:
        raise QueryError(
            f"limit is {limit}; expected 1 to {settings.page_size_max}",
            parameter="limit",
            valid=(f"1 to {settings.page_size_max}",),
        )
    return LatentQuery(sae, sort, filters, q, limit, cursor)


LatentQueryDep = Annotated[LatentQuery, Depends(_latent_query)]


def filter_parameters() -> dict[str, Any]:
    """The filters as one OpenAPI parameter, whose properties are query parameters of their own."""
    properties = {
        field if op == "eq" else f"{field}__{op}": _filter_schema(field, op)
        for field in FILTER_FIELDS
        for op, known in OPS.items()
        if LATENT_FIELDS[field].kind in known.kinds
    }
    parameter = {
        "name": "filters",
        "in": "query",
        "style": "form",
        "explode": True,
        "description": "Any number of conditions `field__op=value`; all must hold. An undefined value meets none but "
        "`isnull=1` and `ne`.",
        "schema": {"type": "object", "properties": properties, "additionalProperties": False},
        "example": {"n_firings__gte": 1},
    }
    return {"parameters": [parameter]}


def _filter_schema(field: str, op: str) -> dict[str, Any]:
    spec = LATENT_FIELDS[field]
    description = f"{spec.title}: {OPS[op].words}."
    if op == "isnull":
        return {"type": "integer", "enum": [0, 1], "description": description}
    if op == "in":
        return {"type": "string", "description": description}
    choices: dict[str, Any] = {"enum": list(CHOICES[field])} if field in CHOICES else {}
    return {"type": "string" if spec.kind == "text" else spec.kind, **choices, "description": description}
