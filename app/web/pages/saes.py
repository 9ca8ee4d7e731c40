"""`/saes` and `/saes/of/{name}`: the registered SAEs, what their preflight found, and where they are compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fastapi import APIRouter
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from app.errors import NotFoundError
from app.records import ComparisonSummary, SaeRecord
from app.store import read
from app.web.http import links
from app.web.http.deps import EngineDep
from app.web.http.prefix import below_prefix
from app.web.pages.contexts.common import Crumb
from app.web.pages.contexts.saes import MeasuredRelease, SaePage, SaesPage, SaeUse
from app.web.pages.params import read_params
from app.web.pages.respond import changing_page, make_frame, page
from app.web.shared.figures.plot import Plot
from app.web.shared.figures.sae import c_dec_distribution, compared_scores
from app.web.shared.find import all_comparisons, all_saes, degrees_of_sae, find_sae
from app.web.shared.interventions import newest_intervention

router = APIRouter()


@page(router, "/saes")
def saes(request: Request, engine: EngineDep) -> Response:
    """All registered SAEs."""
    read_params(request)
    frame = make_frame(
        request,
        "SAEs",
        "The registered sparse autoencoders, with shapes, checksums and what their preflight found.",
        (Crumb("Comparisons", links.home()),),
        below_prefix(f"{links.API}/saes"),
    )
    return changing_page(request, "saes.html", SaesPage(frame, tuple(all_saes(engine))))


@page(router, "/saes/of/{name:path}")
def sae(request: Request, engine: EngineDep, name: str) -> Response:
    """One SAE."""
    read_params(request)
    uses = tuple(_uses(engine, name))
    found, is_registered = _record(engine, name, uses)
    frame = make_frame(
        request,
        found.name,
        f"The sparse autoencoder {found.name} with {found.d_sae:,} latents, and its comparisons.",
        (Crumb("Comparisons", links.home()), Crumb("SAEs", links.saes())),
        f"{links.API}/saes" if is_registered else None,
    )
    measured = _best([use for use in uses if use.own.sae.d_sae == found.d_sae])
    as_narrow = [use for use in uses if use.side == "narrow"]
    context = SaePage(
        frame=frame,
        sae=found,
        is_registered=is_registered,
        uses=uses,
        measured=measured,
        plots=tuple(_plots(engine, as_narrow, measured)),
        degree=next(iter(degrees_of_sae(engine, found)), None),
        degree_slug=next((use.summary.slug for use in as_narrow if use.own.sae.d_sae == found.d_sae), None),
        releases=tuple(_releases(engine, as_narrow)),
    )
    return changing_page(request, "sae.html", context)


def _record(engine: Engine, name: str, uses: tuple[SaeUse, ...]) -> tuple[SaeRecord, bool]:
    """The SAE, and whether it is registered. Raises NotFoundError where no comparison names it either."""
    try:
        return find_sae(engine, name), True
    except NotFoundError:
        whole = (use.own.sae for use in uses if use.own.sae.name == name)
        prefixes = (use.own.sae for use in uses)
        known = next(whole, None) or next(prefixes, None)
        if known is None:
            raise
        return known, False


def _uses(engine: Engine, name: str) -> Iterator[SaeUse]:
    for summary in all_comparisons(engine):
        if summary.narrow.sae.name.partition("@")[0] == name:
            yield SaeUse(summary, "narrow", summary.narrow, summary.reference)
        if summary.reference.sae.name.partition("@")[0] == name:
            yield SaeUse(summary, "reference", summary.reference, summary.narrow)


def _best(uses: Sequence[SaeUse]) -> SaeUse | None:
    """The one with the most tokens, of equals the newest; None for none."""
    return max(uses, key=lambda use: use.summary.n_tokens, default=None)


def _plots(engine: Engine, as_narrow: Sequence[SaeUse], measured: SaeUse | None) -> Iterator[Plot]:
    """Its scores next to those of other narrow SAEs with the same reference, and c_dec."""
    scored = _best([use for use in as_narrow if use.summary.n_scored])
    if scored is not None:
        yield compared_scores(scored.summary, _with_same_reference(engine, scored.summary))
    if measured is not None:
        found = read.columns(engine, measured.summary.slug, measured.side, ("c_dec",))["c_dec"]
        if values := [value for value in found if value is not None]:
            yield c_dec_distribution(values)


def _with_same_reference(engine: Engine, summary: ComparisonSummary) -> list[ComparisonSummary]:
    """The newest comparison of each other narrow SAE with the same reference and scoring version."""
    found: dict[str, ComparisonSummary] = {}
    for other in all_comparisons(engine):
        is_same = (other.reference.sae.checksum, other.scoring_version) == (
            summary.reference.sae.checksum,
            summary.scoring_version,
        )
        name = other.narrow.sae.name
        if is_same and other.n_scored and name != summary.narrow.sae.name:
            found.setdefault(name, other)
    return list(found.values())


def _releases(engine: Engine, as_narrow: Sequence[SaeUse]) -> Iterator[MeasuredRelease]:
    for use in as_narrow:
        newest = newest_intervention(engine, use.summary.slug)
        if newest is not None:
            yield MeasuredRelease(use.summary, newest)
