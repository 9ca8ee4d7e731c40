"""`/diff/{a}/{b}`: two comparisons, latent by latent; `/diff` chooses them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.errors import QueryError
from app.records import ComparisonSummary
from app.web.http import links
from app.web.http.caching import immutable
from app.web.http.deps import EngineDep
from app.web.pages.contexts.common import Crumb, FilterChip
from app.web.pages.contexts.diff import (
    CrossingCell,
    CrossingRow,
    DiffCounts,
    DiffFact,
    DiffNewPage,
    DiffOrder,
    DiffPage,
)
from app.web.pages.diff_files import both, diff_redirect
from app.web.pages.params import Pairs, Params, read_params
from app.web.pages.respond import answer, changing_page, make_frame, page
from app.web.shared import formatting as show
from app.web.shared.diff import Differences, LatentDifference, differences, matched_by
from app.web.shared.diff_facts import facts_of
from app.web.shared.figures.diff import diff_plot
from app.web.shared.find import all_comparisons

router = APIRouter()

OWN = ("order", "from", "to", "limit")
LIMIT, MOST = 100, 1000
ORDERS: Final[Mapping[str, str]] = {"largest": "Largest change", "rises": "Largest rise", "falls": "Largest fall"}
NO_LABEL = "none"
"""Of a latent without a diagnosis, in addresses and tables."""


@dataclass(frozen=True)
class Two:
    """Two comparisons and the latents that they have in common."""

    a: ComparisonSummary
    b: ComparisonSummary
    found: Differences

    def url(self, query: Pairs = ()) -> str:
        """The page with these parameters."""
        return links.diff(self.a.slug, self.b.slug, query)


@page(router, "/diff")
def choose(request: Request, engine: EngineDep) -> Response:
    """The form; with two comparisons chosen, it leads to their page."""
    if of := request.query_params.getlist("of"):
        if len(of) != 2:
            raise QueryError(f"{len(of)} comparisons are chosen; expected two", parameter="of")
        raise diff_redirect(of[0], of[1])
    # Those behind the first two come with the form on the page of all comparisons, where none was ticked.
    own = read_params(request, ("a", "b", "q", "x", "y", "sort")).own
    if own.get("a") and own.get("b"):
        raise diff_redirect(own["a"], own["b"])
    frame = make_frame(
        request,
        "Compare two comparisons",
        "Two comparisons of one narrow SAE, or of two narrow SAEs with one reference, latent by latent.",
        (Crumb("Comparisons", links.home()),),
    )
    return changing_page(request, "diff_new.html", DiffNewPage(frame, tuple(all_comparisons(engine)), own.get("a", "")))


@page(router, "/diff/{a}/{b}")
def diff(request: Request, engine: EngineDep, a: str, b: str) -> Response:
    """The page of two comparisons."""
    first, second = both(request, engine, a, b)
    params = read_params(request, OWN)
    matched_by(first, second)

    def build() -> Response:
        return answer(
            request, "diff.html", _page(request, params, Two(first, second, differences(engine, first, second)))
        )

    return immutable(request, build, f"{first.content_hash} {second.content_hash}")


def _page(request: Request, params: Params, two: Two) -> DiffPage:
    a, b, found = two.a, two.b, two.found
    order = params.choice("order", "largest", tuple(ORDERS))
    limit = params.whole("limit", LIMIT, 1, MOST)
    listed = _listed(found.items, params, order)
    facts = [DiffFact(*fact) for fact in facts_of(a, b)]
    columns = _labels(crossing.b for crossing in found.crossings)
    more = params.kept("order", "from", "to")
    return DiffPage(
        frame=make_frame(
            request,
            f"{a.name} and {b.name}",
            _lead(two),
            (Crumb("Comparisons", links.home()),),
            links.api_diff(a.slug, b.slug),
        ),
        a=a,
        b=b,
        matched_by=found.matched_by,
        counts=_counts(found),
        differing=tuple(fact for fact in facts if fact.a != fact.b),
        same=tuple(fact for fact in facts if fact.a == fact.b),
        figure=diff_plot(a, b, found.items),
        columns=columns,
        crossings=tuple(_crossings(two, columns)),
        chips=_chips(two, params),
        orders=tuple(
            DiffOrder(title, two.url((("order", name), *params.kept("from", "to"))), name == order)
            for name, title in ORDERS.items()
        ),
        rows=tuple(listed[:limit]),
        n_listed=len(listed),
        more_url=two.url((*more, ("limit", str(MOST)))) if limit < min(len(listed), MOST) else None,
        swapped_url=links.diff(b.slug, a.slug),
    )


def _counts(found: Differences) -> DiffCounts:
    return DiffCounts(
        n_latents=len(found.items),
        n_only_a=found.n_only_a,
        n_only_b=found.n_only_b,
        n_scored_in_both=len(found.differences),
        n_same_label=found.n_same_label,
        mean_difference=found.mean_difference,
        mean_absolute_difference=found.mean_absolute_difference,
    )


def _lead(two: Two) -> str:
    found = two.found
    n_other = len(found.items) - found.n_same_label
    text = f"{show.number(len(found.items))} latents in both, {show.number(n_other)} with another label."
    if not found.differences:
        return f"{text} None is scored in both."
    size = found.mean_absolute_difference
    return f"{text} Scores differ by {show.number(size)} on average."


def _listed(items: Iterable[LatentDifference], params: Params, order: str) -> list[LatentDifference]:
    """The latents with the labels that the address names, in its order."""
    listed = [
        item
        for item in items
        if params.own.get("from", _label(item.a.diagnosis)) == _label(item.a.diagnosis)
        and params.own.get("to", _label(item.b.diagnosis)) == _label(item.b.diagnosis)
    ]
    if order == "largest":
        return listed
    sign = -1 if order == "rises" else 1
    return sorted(listed, key=lambda item: (item.difference is None, sign * (item.difference or 0.0), item.index))


def _label(diagnosis: str | None) -> str:
    return diagnosis or NO_LABEL


def _labels(found: Iterable[str | None]) -> tuple[str, ...]:
    """Each label once, the most frequent first."""
    return tuple(dict.fromkeys(map(_label, found)))


def _crossings(two: Two, columns: tuple[str, ...]) -> Iterator[CrossingRow]:
    """A row for each label of the first comparison."""
    counts = {(_label(each.a), _label(each.b)): each.n for each in two.found.crossings}
    for label in _labels(crossing.a for crossing in two.found.crossings):
        cells = (
            CrossingCell(counts.get((label, other), 0), two.url((("from", label), ("to", other))), label == other)
            for other in columns
        )
        yield CrossingRow(label, tuple(cells))


def _chips(two: Two, params: Params) -> tuple[FilterChip, ...]:
    names = {"from": f"Label in {two.a.name}", "to": f"Label in {two.b.name}"}
    return tuple(
        FilterChip(
            f"{title}: {params.own[name]}",
            two.url(tuple(pair for pair in params.kept("order", "from", "to") if pair[0] != name)),
        )
        for name, title in names.items()
        if name in params.own
    )
