"""`/c/{slug}/narrow/{i}` and `/c/{slug}/reference/{j}`: one latent."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.catalogue import LATENT_FIELDS, LATENT_SPECS, ScoreSpec
from app.records import ComparisonSummary, LatentDetail, LatentScores, Partner, SaeRecord, Side
from app.records.sides import other_side
from app.store import read
from app.store.around import before_and_after
from app.store.cursors import parse_order
from app.store.labels import labels_of, labels_tag
from app.store.page import LatentQuery
from app.web.http import links
from app.web.http.deps import EngineDep
from app.web.pages.context_tabs import PARAMETERS, context_section
from app.web.pages.contexts.common import Crumb, Frame
from app.web.pages.contexts.latent import LatentPage, Steps
from app.web.pages.degree import degree_state, latent_degree
from app.web.pages.filterform import in_words
from app.web.pages.intervention import intervention_state
from app.web.pages.latent_pictures import corrected, pictures
from app.web.pages.neighbours import near_latents
from app.web.pages.params import Params, read_params
from app.web.pages.respond import Visit, comparison_frame, comparison_page, page
from app.web.shared import formatting as show
from app.web.shared.figures.activations import activation_histogram
from app.web.shared.interventions import releases_of_latent
from app.web.shared.latents import PartnerRow, latents_by_index
from app.web.shared.split import find_split
from app.web.shared.verdict import verdict

router = APIRouter()

OWN = ("sort", "q", "highlight", *PARAMETERS)
MOST_PARTNERS = 100
"""A reference latent may be in the decomposition of many narrow ones; the table holds the first."""

MOST_TERMS = 6
"""Masses written out in the sentence on the score; the table has all."""


@page(router, "/c/{slug}/narrow/{index}")
def narrow(request: Request, engine: EngineDep, slug: str, index: int) -> Response:
    """A narrow latent: scores, decomposition, contexts, neighbours."""
    return comparison_page(
        request,
        engine,
        slug,
        "latent.html",
        lambda visit: build(visit, "narrow", index),
        state=lambda visit: _joined(degree_state(visit), intervention_state(visit), _labels(visit, "narrow", index)),
    )


@page(router, "/c/{slug}/reference/{index}")
def reference(request: Request, engine: EngineDep, slug: str, index: int) -> Response:
    """A reference latent: the narrow latents that it is mixed into, contexts, neighbours."""
    return comparison_page(
        request,
        engine,
        slug,
        "latent.html",
        lambda visit: build(visit, "reference", index),
        state=lambda visit: _joined(intervention_state(visit), _labels(visit, "reference", index)),
    )


def _joined(*states: str) -> str:
    """What else a page shows that may change: a degree, an intervention, labels; empty where there is none."""
    return " ".join(filter(None, states))


def _labels(visit: Visit, side: Side, index: int) -> str:
    return labels_tag(visit.engine, _sae(visit, side).checksum, index)


def _sae(visit: Visit, side: Side) -> SaeRecord:
    return (visit.summary.narrow if side == "narrow" else visit.summary.reference).sae


def build(visit: Visit, side: Side, index: int) -> LatentPage:
    """What the page shows."""
    params = read_params(visit.request, OWN, filters=True)
    latent = read.get_latent(visit.engine, visit.slug, side, index)
    detail = read.get_detail(visit.engine, visit.slug, side, index)
    partners = _partners(visit, side, index)
    shown = partners[:MOST_PARTNERS]
    others = latents_by_index(visit.engine, visit.slug, other_side(side), _named(latent, detail, shown))
    rows = tuple(PartnerRow(p, k, others[k].label) for p, k in ((p, _other_index(p, side)) for p in shown))
    releases = releases_of_latent(visit.engine, visit.slug, side, index)
    split = find_split(visit.engine, visit.slug, latent)
    own = latents_by_index(visit.engine, visit.slug, side, (n.index for n in detail.same_sae))
    sae = _sae(visit, side)
    return LatentPage(
        frame=_frame(visit, latent),
        summary=visit.summary,
        latent=latent,
        scores=_scores(latent, len((visit.summary.narrow if side == "narrow" else visit.summary.reference).levels)),
        degree=latent_degree(visit, side, index),
        releases=releases,
        partners=rows,
        n_partners=len(partners),
        terms=_terms(latent, partners, visit.summary),
        verdict=verdict(latent, rows, visit.summary, None if releases is None else releases.of_latent),
        pictures=pictures(visit, latent, split, rows, {} if releases is None else releases.of_pairs),
        corrected=corrected(visit, split, detail),
        histogram=activation_histogram(detail.histogram) if detail.histogram.counts else None,
        contexts=context_section(visit, latent, detail, split, params),
        has_tokens=has_text(visit, detail),
        same_sae=near_latents(detail.same_sae, side, own),
        other_sae=near_latents(detail.other_sae, other_side(side), others),
        logit_weights=detail.logit_weights,
        steps=_steps(visit, latent, params),
        other_labels=labels_of(visit.engine, sae.checksum, index),
        neuronpedia_url=None if sae.neuronpedia_id is None else links.neuronpedia(sae.neuronpedia_id, index),
    )


def _scores(latent: LatentScores, n_levels: int) -> tuple[ScoreSpec, ...]:
    """The scores of its side; the absorbing latent only if there is one, the level only if there are several."""
    hidden = {"absorbed_by"} if latent.absorbed_by is None else set()
    if n_levels == 1:
        hidden.add("level")
    return tuple(spec for spec in LATENT_SPECS if latent.sae in spec.page and spec.name not in hidden)


def _partners(visit: Visit, side: Side, index: int) -> list[Partner]:
    if side == "reference":
        return read.partners_of_reference(visit.engine, visit.slug, index)
    partners = read.partners_of_narrow(visit.engine, visit.slug, index)
    return sorted(partners, key=lambda partner: (partner.rank > 0, -partner.predicted_mass, partner.rank))


def _terms(latent: LatentScores, partners: Sequence[Partner], summary: ComparisonSummary) -> str | None:
    """The sum that the hedging score is, in words; comparisons before scoring version 4 have none."""
    if summary.chance_level is None or latent.hedging_score is None:
        return None
    masses = sorted((partner.mixed_mass for partner in partners if partner.mixed_mass is not None), reverse=True)
    chance = f"The chance level is {show.number(latent.hedging_chance)}."
    if not masses:
        return f"No partner but the main one is mixed in significantly, so the hedging score is 0. {chance}"
    shown = [show.number(mass) for mass in masses[:MOST_TERMS]]
    left = len(masses) - MOST_TERMS
    more = [f"{left} smaller {'one' if left == 1 else 'ones'}"] if left > 0 else []
    cut = ", cut to 1" if sum(masses) > 1 else ""
    score = f"Hedging score {show.number(latent.hedging_score)}"
    return f"{score} = {' + '.join(shown + more)}{cut}: the mixed masses. {chance}{_merged(latent)}"


def _merged(latent: LatentScores) -> str:
    """A hint at merging, where there is one."""
    if not latent.merged_mass:
        return ""
    mass = show.number(latent.merged_mass)
    return f" {mass} of it lies with partners on which the latent fires by itself: it may be merged."


def _other_index(partner: Partner, side: Side) -> int:
    return partner.index if side == "narrow" else partner.narrow_index


def _named(latent: LatentScores, detail: LatentDetail, partners: Sequence[Partner]) -> set[int]:
    """Latents of the other SAE that the page names."""
    named = {_other_index(partner, latent.sae) for partner in partners} | {n.index for n in detail.other_sae}
    return named if latent.main_partner is None else named | {latent.main_partner}


def has_text(visit: Visit, detail: LatentDetail) -> bool:
    """Whether the comparison keeps text around the latent's contexts; True where it has none."""
    first = [context.row for context in detail.contexts[:1]]
    return not first or bool(read.text_rows(visit.engine, visit.slug, first))


def _steps(visit: Visit, latent: LatentScores, params: Params) -> tuple[Steps, ...]:
    """The latents before and after this one: by index and, if it was opened from a table, in its order."""
    side = visit.summary.narrow if latent.sae == "narrow" else visit.summary.reference
    last = side.sae.d_sae - 1
    kept = params.kept("length", "duplicates")
    by_index = Steps(
        order="by index",
        previous=latent.index - 1 if latent.index > 0 else None,
        next=latent.index + 1 if latent.index < last else None,
        query=kept,
    )
    if not (params.filters or "sort" in params.own or "q" in params.own):
        return (by_index,)
    sort = params.own.get("sort", "index")
    query = LatentQuery(latent.sae, sort, params.parsed, params.own.get("q"))
    previous, next_one = before_and_after(visit.engine, visit.slug, latent, query)
    words = [
        f"{'then ' if place else ''}by {LATENT_FIELDS[by.field].title.lower()}, "
        f"{'highest' if by.descending else 'lowest'} first"
        for place, by in enumerate(parse_order(sort))
    ]
    words += [in_words(name, value) for name, value in params.filters]
    words += [f"label has {params.own['q']}"] if "q" in params.own else []
    query_pairs = (*params.kept("sort", "q"), *params.filters, *kept)
    return by_index, Steps("; ".join(words), previous, next_one, query_pairs)


def _frame(visit: Visit, latent: LatentScores) -> Frame:
    label = show.plain(latent.label)
    score = f", hedging score {show.number(latent.hedging_score)}" if latent.hedging_score is not None else ""
    return comparison_frame(
        visit,
        f"{latent.sae.capitalize()} latent {latent.index}",
        f"Fires on {label}{score}." if label else f"{latent.sae.capitalize()} latent {latent.index}{score}.",
        Crumb("Latents", links.latents(visit.slug, (("sae", latent.sae),))),
        api=f"/{latent.sae}/{latent.index}",
    )
