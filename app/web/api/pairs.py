"""`/comparisons/{slug}/pairs/{i}/{j}`: a narrow latent and a reference latent. Any pair has an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from app.records import ComparisonSummary, PairContext, PairDetail, TextRow
from app.store import read
from app.web.api.models import ActivationsOfBoth, PairAnswer, SharedContext
from app.web.api.routes import get, json_response
from app.web.http.caching import immutable
from app.web.http.deps import EngineDep, Index, Slug
from app.web.shared.find import find_comparison
from app.web.shared.pair_evidence import pair_evidence
from app.web.shared.text import tokens_of

router = APIRouter(prefix="/comparisons/{slug}", tags=["Pairs"])

NO_PARTNER = "the reference latent is not in the narrow latent's decomposition"
NO_JOINT = "joint activations are kept of the pairs that matter most only"


@get(router, "/pairs/{i}/{j}", PairAnswer, problems=(400, 404, 422))
def get_pair(request: Request, engine: EngineDep, slug: Slug, i: Index, j: Index) -> Response:
    """Narrow latent i and reference latent j: firing table, overlap, cosine, joint histogram, shared contexts."""
    comparison = find_comparison(request, engine, slug)
    return immutable(request, lambda: json_response(_pair(engine, comparison, i, j)), comparison.content_hash)


def _pair(engine: Engine, summary: ComparisonSummary, i: int, j: int) -> PairAnswer:
    slug = summary.slug
    narrow = read.get_latent(engine, slug, "narrow", i)
    reference = read.get_latent(engine, slug, "reference", j)
    partner = read.get_partner(engine, slug, i, j)
    detail = read.get_pair_detail(engine, slug, i, j)
    evidence = pair_evidence(engine, summary, narrow, reference, partner)
    fields: dict[str, Any] = {
        "decoder_cosine": evidence.decoder_cosine,
        "firing": evidence.firing,
        "overlap": evidence.overlap,
        "partner": partner,
        "joint_histogram": None if detail is None else _joint(detail),
    }
    why = {"partner": NO_PARTNER, "joint_histogram": NO_JOINT}
    reasons = {name: why.get(name, evidence.note or "") for name, value in fields.items() if value is None}
    contexts = () if detail is None else _contexts(engine, slug, detail)
    return PairAnswer(narrow_index=i, reference_index=j, **fields, contexts=contexts, reasons=reasons)


def _joint(detail: PairDetail) -> ActivationsOfBoth:
    return ActivationsOfBoth(detail.narrow_edges, detail.reference_edges, detail.joint_counts)


def _contexts(engine: Engine, slug: str, detail: PairDetail) -> tuple[SharedContext, ...]:
    rows = read.text_rows(engine, slug, {context.row for context in detail.contexts})
    return tuple(_with_tokens(context, rows) for context in detail.contexts)


def _with_tokens(context: PairContext, rows: Mapping[int, TextRow]) -> SharedContext:
    tokens = tokens_of(rows, context.row, context.start, len(context.narrow_activations))
    return SharedContext(**vars(context), tokens=tokens)
