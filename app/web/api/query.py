"""The parameters of the latents table: which latents, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.requests import Request

from app.catalogue import LATENT_FIELDS
from app.errors import QueryError
from app.records import Side
from app.store.counts import CAP, FACETS
from app.store.cursors import SORT_FIELDS
from app.store.filters import CHOICES, FILTER_FIELDS, OPS, TEXT_FIELDS, TEXT_OPS
from app.store.lasso import INSIDE, LASSO_FIELDS
from app.store.page import Count, LatentQuery
from app.store.rows import LATENT_NAMES
from app.store.search import MAX_SEARCH_CHARACTERS
from app.web.http.params import check_parameters

OWN = ("sae", "sort", "q", "limit", "cursor", "count", "facets", "fields", "include")
"""Parameters that are not filters."""

DEFAULT_LIMIT = 100
MAX_WITH_EVIDENCE = 100
INCLUDABLE = ("partners", "contexts")

_FIELDS = ", ".join(f"`{field}`" for field in SORT_FIELDS)
_ANY = "|".join(SORT_FIELDS)


def _some(names: Sequence[str]) -> str:
    """A pattern of some of these names, separated by commas."""
    one = f"({'|'.join(names)})"
    return f"^{one}(,{one})*$"


class LatentParameters(BaseModel):
    """The parameters of a list of latents, besides the filters."""

    sae: Side = Field("narrow", description="Whose latents.")
    sort: str = Field(
        "-hedging_score",
        description="Up to four fields, separated by commas, with `-` in front for descending: later ones sort "
        f"ties of those before. Undefined values come last either way, ties by ascending index. Fields: {_FIELDS}.",
        json_schema_extra={
            "pattern": f"^-?({_ANY})(,-?({_ANY})){{0,3}}$",
            "examples": ["-hedging_score", "diagnosis,-hedging_score"],
        },
    )
    q: str | None = Field(
        None,
        description='`#151`: the latent with that index; `"not"`, ` not` or `le|la|les`: labels with such a '
        "token; `:digit`, `:punct`, `:capital`, `:nonlatin`: labels of such tokens only; anything else: labels that "
        "contain it, in any case; a number finds both index and labels. At most "
        f"{MAX_SEARCH_CHARACTERS} characters.",
    )
    limit: int = Field(
        DEFAULT_LIMIT,
        ge=1,
        description="Latents a page; at most 1000, unless the server is set otherwise; with `include` at most "
        f"{MAX_WITH_EVIDENCE}.",
    )
    cursor: str | None = Field(
        None, description="`next` of the page before, with the same `sae`, `sort`, `q` and filters."
    )
    count: Literal["0", "1"] | None = Field(
        None,
        description="`1`: the exact total, on any page; `0`: never. By default on the first page only, and of a "
        f"filtered view only up to {CAP}.",
    )
    fields: str | None = Field(
        None,
        description="Only these fields of each latent, separated by commas.",
        json_schema_extra={"pattern": _some(LATENT_NAMES)},
    )
    include: str | None = Field(
        None,
        description="Evidence of each latent: `partners`, `contexts` or both, separated by a comma.",
        json_schema_extra={"pattern": _some(INCLUDABLE)},
    )
    facets: str | None = Field(
        None,
        description="Fields whose values are counted over the whole filtered view, separated by commas: "
        f"{', '.join(FACETS)}.",
        json_schema_extra={"pattern": _some(FACETS)},
    )


LatentParametersQuery = Annotated[LatentParameters, Query()]
"""Read at once: ten parameters one by one take FastAPI longer than the database takes for a page."""


@dataclass(frozen=True)
class Selection:
    """What a list of latents has besides the rows.

    Attributes:
        fields: of each latent; None for all.
        include: evidence of each latent: `partners`, `contexts`.
        facets: fields whose values are counted.
    """

    fields: tuple[str, ...] | None
    include: tuple[str, ...]
    facets: tuple[str, ...]


def read_query(request: Request, given: LatentParameters) -> LatentQuery:
    """Which latents a request wants; every parameter that is not in `OWN` is a filter.

    Raises:
        QueryError: an unknown parameter, an invalid filter, or too large a page.
    """
    filters = check_parameters(request, OWN, filters=True, texts=True)
    most = request.app.state.settings.page_size_max
    if given.limit > most:
        message = f"limit is {given.limit}; expected 1 to {most}"
        raise QueryError(message, parameter="limit", valid=(f"1 to {most}",))
    count: Count = "cheap" if given.count is None else "exact" if given.count == "1" else "none"
    return LatentQuery(given.sae, given.sort, filters, given.q, given.limit, given.cursor, count, backwards=True)


def read_selection(given: LatentParameters) -> Selection:
    """What a request wants besides the rows. Raises QueryError for an unknown name, or too large a page."""
    included = _among(given.include, "include", INCLUDABLE) or ()
    if included and given.limit > MAX_WITH_EVIDENCE:
        message = f"limit is {given.limit}; with include expected at most {MAX_WITH_EVIDENCE}"
        raise QueryError(message, parameter="limit", valid=(f"1 to {MAX_WITH_EVIDENCE}",))
    facets = _among(given.facets, "facets", FACETS) or ()
    return Selection(_among(given.fields, "fields", LATENT_NAMES), included, facets)


def _among(text: str | None, parameter: str, valid: Sequence[str]) -> tuple[str, ...] | None:
    """Names separated by commas, each once; None where the parameter is missing."""
    if text is None:
        return None
    names = [part.strip() for part in text.split(",")]
    for name in names:
        if name not in valid:
            message = f"{parameter} has {name!r}; expected some of {', '.join(valid)}"
            raise QueryError(message, parameter=parameter, valid=tuple(valid))
    return tuple(dict.fromkeys(names))


def filter_parameters() -> dict[str, Any]:
    """The filters as one OpenAPI parameter, whose properties are query parameters of their own."""
    properties = {
        field if op == "eq" else f"{field}__{op}": _filter_schema(field, op)
        for field in FILTER_FIELDS
        for op, known in OPS.items()
        if LATENT_FIELDS[field].kind in known.kinds
    }
    properties |= {
        f"{field}__{op}": {"type": "string", "description": f"{LATENT_FIELDS[field].title}: {known.words}."}
        for field in TEXT_FIELDS
        for op, known in TEXT_OPS.items()
    }
    properties |= {
        f"{field}__{INSIDE}": {
            "type": "string",
            "description": f"{LATENT_FIELDS[field].title} and another field lie within a polygon: the other field's "
            "name, then the corners, each with this field's value first.",
            "examples": ["density,0,0,1,0,1,1"],
        }
        for field in LASSO_FIELDS
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
