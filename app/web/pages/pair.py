"""`/c/{slug}/pairs/{i}/{j}`: a narrow latent beside a reference latent. Any pair has a page."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.records import FiringTable, LatentScores, Overlap, PairDetail, PairProfile, Partner
from app.scores.pair_overlap import firing_table, overlap
from app.store import read
from app.web.http import links
from app.web.http.deps import EngineDep
from app.web.pages.contexts import Crumb, PairPage, ShownContext
from app.web.pages.params import HIGHLIGHTS, no_params
from app.web.pages.respond import Visit, comparison_frame, comparison_page, page
from app.web.pages.tokens import rows_of, shown_pair_context
from app.web.shared import formatting as show
from app.web.shared.figures import comparison as figures

router = APIRouter()


@dataclass(frozen=True)
class Evidence:
    """What the comparison keeps of a pair; None and a note where it keeps nothing."""

    decoder_cosine: float | None
    firing: FiringTable | None
    overlap: Overlap | None
    note: str | None


@page(router, "/c/{slug}/pairs/{i}/{j}")
def pair(request: Request, engine: EngineDep, slug: str, i: int, j: int) -> Response:
    """Firing table, overlap, cosine, joint histogram and shared contexts of a pair."""
    return comparison_page(request, engine, slug, "pair.html", lambda visit: build(visit, i, j))


def build(visit: Visit, i: int, j: int) -> PairPage:
    """What the page shows."""
    engine, slug = visit.engine, visit.slug
    params = no_params(visit.request, ("highlight",))
    narrow = read.get_latent(engine, slug, "narrow", i)
    reference = read.get_latent(engine, slug, "reference", j)
    partner = read.get_partner(engine, slug, i, j)
    detail = read.get_pair_detail(engine, slug, i, j)
    evidence = pair_evidence(visit, narrow, reference, partner)
    return PairPage(
        frame=comparison_frame(
            visit,
            f"Narrow {i} beside reference {j}",
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
        joint=figures.joint_histogram(detail) if detail is not None and detail.joint_counts else None,
        contexts=() if detail is None else _contexts(visit, detail, narrow, reference),
        highlight=params.choice("highlight", "both", HIGHLIGHTS),
    )


def pair_evidence(visit: Visit, narrow: LatentScores, reference: LatentScores, partner: Partner | None) -> Evidence:
    """The pair's numbers: of the partner where it is one, else from the narrow latent's profile."""
    n_tokens = visit.summary.n_tokens
    if partner is not None:
        table = firing_table(partner.n_both, narrow.n_firings, reference.n_firings, n_tokens)
        return Evidence(partner.decoder_cosine, table, _overlap_of(partner), None)
    profile = read.get_profile(visit.engine, visit.slug, narrow.index)
    place = _place(profile, reference.index)
    if place is None:
        return Evidence(None, None, None, _not_kept(profile, narrow, reference))
    table = firing_table(profile.n_both[place], narrow.n_firings, reference.n_firings, n_tokens)
    return Evidence(profile.decoder_cosine[place], table, overlap(table), None)


def _place(profile: PairProfile, j: int) -> int | None:
    place = bisect_left(profile.indices, j)
    return place if place < len(profile.indices) and profile.indices[place] == j else None


def _not_kept(profile: PairProfile, narrow: LatentScores, reference: LatentScores) -> str:
    return (
        f"The comparison keeps cosine and shared firings of narrow latent {narrow.index} for the "
        f"{show.number(len(profile.indices))} reference latents that matter most to it; "
        f"reference latent {reference.index} is not one of them."
    )


def _overlap_of(partner: Partner) -> Overlap:
    return Overlap(
        jaccard=partner.jaccard,
        jaccard_low=partner.jaccard_low,
        jaccard_high=partner.jaccard_high,
        p_j_given_i=partner.p_j_given_i,
        p_j_given_i_low=partner.p_j_given_i_low,
        p_j_given_i_high=partner.p_j_given_i_high,
        p_i_given_j=partner.p_i_given_j,
        lift=partner.lift,
        phi=partner.phi,
        z=partner.z,
    )


def _contexts(
    visit: Visit, detail: PairDetail, narrow: LatentScores, reference: LatentScores
) -> tuple[ShownContext, ...]:
    rows = read.text_rows(visit.engine, visit.slug, rows_of(detail.contexts))
    return tuple(
        shown_pair_context(context, rows, narrow.max_activation, reference.max_activation)
        for context in detail.contexts
    )


def _description(narrow: LatentScores, reference: LatentScores, evidence: Evidence) -> str:
    labels = f"{show.plain(narrow.label)} beside {show.plain(reference.label)}"
    if evidence.decoder_cosine is None:
        return f"{labels}."
    return f"{labels}: decoder cosine {show.number(evidence.decoder_cosine)}."
