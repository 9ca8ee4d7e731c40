"""`/`: all comparisons, newest first or in another order, and a plot of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastapi import APIRouter
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from app.records import ComparisonSummary
from app.web.http import links
from app.web.http.deps import EngineDep
from app.web.http.prefix import below_prefix
from app.web.pages.contexts.home import HomePage, SortLink
from app.web.pages.params import Params, read_params
from app.web.pages.respond import changing_page, make_frame, page
from app.web.shared.comparison_numbers import NUMBERS, ComparisonRow
from app.web.shared.figures.comparisons import comparisons_plot
from app.web.shared.find import all_comparisons, find_degrees

router = APIRouter()

OWN = ("q", "sort", "x", "y", "of")
X, Y = "l0", "score"
NEWEST = "-created"
SORTS = ("created", "name", *NUMBERS)
IN_HEADS = ("name", "hedged", "score", "width", "reference_width", "tokens", "l0", "explained_variance", "degree")
UPWARDS_FIRST = frozenset({"name", "width", "reference_width", "tokens"})
"""What a first click sorts upwards."""


@page(router, "/", twin="/index.json")
def home(request: Request, engine: EngineDep) -> Response:
    """All comparisons with their key numbers."""
    params = read_params(request, OWN, repeated=("of",))
    x, y = (params.choice(name, default, tuple(NUMBERS)) for name, default in (("x", X), ("y", Y)))
    sort = params.choice("sort", NEWEST, tuple(f"{sign}{name}" for name in SORTS for sign in ("", "-")))
    stored = comparison_rows(engine, all_comparisons(engine))
    q = params.own.get("q", "").strip()
    rows = _sorted([row for row in stored if q.casefold() in _searched(row.summary)], sort)
    chosen = request.query_params.getlist("of")
    selected = tuple(row.summary.slug for row in rows if row.summary.slug in chosen)
    plotted = [row for row in rows if not selected or row.summary.slug in selected]
    frame = make_frame(
        request,
        "Comparisons",
        "Where sparse autoencoders hedge, latent by latent: narrow SAEs against wider and Matryoshka SAEs.",
        api_url=below_prefix(f"{links.API}/comparisons"),
    )
    context = HomePage(
        frame=frame,
        rows=tuple(rows),
        n_stored=len(stored),
        q=q,
        sort=sort,
        x=x,
        y=y,
        numbers={name: number.title for name, number in NUMBERS.items()},
        selected=selected,
        figure=comparisons_plot(plotted, x, y) if len(plotted) > 1 else None,
        heads=_heads(params, sort),
    )
    return changing_page(request, "home.html", context)


def comparison_rows(engine: Engine, summaries: Sequence[ComparisonSummary]) -> list[ComparisonRow]:
    """Comparisons with their numbers; each narrow SAE's degree is read once."""
    degrees: dict[tuple[str, int], float | None] = {}
    for summary in summaries:
        sae = summary.narrow.sae
        if (sae.checksum, sae.d_sae) not in degrees:
            found = next(iter(find_degrees(engine, summary)), None)
            degrees[sae.checksum, sae.d_sae] = None if found is None else found.degree
    return [
        ComparisonRow(s, s.score_quantiles.get("0.5"), degrees[s.narrow.sae.checksum, s.narrow.sae.d_sae])
        for s in summaries
    ]


def _searched(summary: ComparisonSummary) -> str:
    """What a search looks at: names of the comparison, its SAEs, model and hook."""
    names = (summary.slug, summary.narrow.sae.name, summary.reference.sae.name, summary.model_name, summary.hook_name)
    return " ".join(filter(None, names)).casefold()


def _sorted(rows: list[ComparisonRow], sort: str) -> list[ComparisonRow]:
    """In the order that the address names; what has no number comes last."""
    name, sign = sort.removeprefix("-"), -1 if sort.startswith("-") else 1
    if name in ("created", "name"):
        return sorted(rows, key=lambda row: _place(row.summary, name), reverse=sign < 0)
    values = {row.summary.slug: NUMBERS[name].of(row) for row in rows}
    return sorted(rows, key=lambda row: _last_if_none(values[row.summary.slug], sign))


def _place(summary: ComparisonSummary, name: str) -> str:
    return summary.created_at.isoformat() if name == "created" else summary.name.casefold()


def _last_if_none(value: float | None, sign: int) -> tuple[bool, float]:
    return value is None, sign * (value or 0.0)


def _heads(params: Params, sort: str) -> Mapping[str, SortLink]:
    kept = tuple(pair for pair in params.kept("q", "x", "y"))
    heads = {}
    for name in IN_HEADS:
        is_sorted = sort.removeprefix("-") == name
        up = sort.startswith("-") if is_sorted else name in UPWARDS_FIRST
        url = links.with_query(links.home(), (*kept, ("sort", name if up else f"-{name}")))
        direction = "descending" if sort.startswith("-") else "ascending"
        heads[name] = SortLink(url, direction if is_sorted else None)  # type: ignore[arg-type]
    return heads
