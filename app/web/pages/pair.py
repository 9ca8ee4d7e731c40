"""`/c/{slug}/pairs/{i}/{j}`: a narrow latent and a reference latent. Any pair has a page."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.records import LatentScores, PairDetail
from app.store import read
from app.web.http import links
from app.web.http.deps import EngineDep
from app.web.pages.contexts.common import Crumb, ShownContext
from app.web.pages.contexts.pair import CellLinks, PairPage
from app.web.pages.intervention import intervention_state
from app.web.pages.params import HIGHLIGHTS, read_params
from app.web.pages.respond import Visit, comparison_frame, comparison_page, page
from app.web.pages.tokens import rows_of, shown_pair_context
from app.web.shared import formatting as show
from app.web.shared.figures.joint import joint_histogram
from app.web.shared.interventions import release_of_pair
from app.web.shared.pair_evidence import PairEvidence, pair_evidence
from app.web.shared.split import find_split

router = APIRouter()


@page(router, "/c/{slug}/pairs/{i}/{j}")
def pair(request: Request, engine: EngineDep, slug: str, i: int, j: int) -> Response:
    """Firing table, overlap, cosine, joint histogram and shared contexts of a pair."""
    return comparison_page(
        request, engine, slug, "pair.html", lambda visit: build(visit, i, j), state=intervention_state
    )


def build(visit: Visit, i: int, j: int) -> PairPage:
    """What the page shows."""
    engine, slug = visit.engine, visit.slug
    params = read_params(visit.request, ("highlight",))
    narrow = read.get_latent(engine, slug, "narrow", i)
    reference = read.get_latent(engine, slug, "reference", j)
    partner = read.get_partner(engine, slug, i, j)
    detail = read.get_pair_detail(engine, slug, i, j)
    evidence = pair_evidence(engine, visit.summary, narrow, reference, partner)
    intervention, release = release_of_pair(engine, slug, i, j) or (None, None)
    return PairPage(
        frame=comparison_frame(
            visit,
            f"Narrow {i} vs reference {j}",
            _description(narrow, reference, evidence),
            Crumb(f"Narrow latent {i}", links.latent(slug, "narrow", i)),
            api=f"/pairs/{i}/{j}",
        ),
        summary=visit.summary,
        narrow=narrow,
        reference=reference,
        partner=partner,
        decoder_cosine=evidence.decoder_cosine,
        firing=evidence.firing,
        overlap=evidence.overlap,
        note=evidence.note,
        intervention=intervention,
        release=release,
        cells=_cell_links(visit, narrow, j),
        joint=joint_histogram(detail) if detail is not None and detail.joint_counts else None,
        contexts=() if detail is None else _contexts(visit, detail, narrow, reference),
        highlight=params.choice("highlight", "both", HIGHLIGHTS),
    )


def _cell_links(visit: Visit, narrow: LatentScores, j: int) -> CellLinks | None:
    """To the narrow latent's contexts with and without this partner, where they are kept."""
    split = find_split(visit.engine, visit.slug, narrow)
    if isinstance(split, str) or j not in split.partners:
        return None
    names = ("both", "without_main", "partner_without_this")
    query = [(("cell", name), ("partner", str(j)), ("mark", str(j))) for name in names]
    return CellLinks(*(f"{links.latent(visit.slug, 'narrow', narrow.index, each)}#contexts" for each in query))


def _contexts(
    visit: Visit, detail: PairDetail, narrow: LatentScores, reference: LatentScores
) -> tuple[ShownContext, ...]:
    rows = read.text_rows(visit.engine, visit.slug, rows_of(detail.contexts))
    return tuple(
        shown_pair_context(context, rows, narrow.max_activation, reference.max_activation)
        for context in detail.contexts
    )


def _description(narrow: LatentScores, reference: LatentScores, evidence: PairEvidence) -> str:
    labels = f"{show.plain(narrow.label)} vs {show.plain(reference.label)}"
    if evidence.decoder_cosine is None:
        return f"{labels}."
    return f"{labels}: decoder cosine {show.number(evidence.decoder_cosine)}."
