"""The API, version 1: JSON, documented at `/docs`."""

from __future__ import annotations

from fastapi import APIRouter

from app.web.api import (
    comparisons,
    contexts,
    diff,
    inputs,
    interventions,
    job_events,
    jobs,
    labels,
    latents,
    pairs,
    prompt,
    saes,
    search,
    tree,
    validation,
    vectors,
)
from app.web.http.links import API

router = APIRouter(prefix=API)
# A request is compared with one route after another: those that are requested most come first.
PARTS = (
    *(latents, comparisons, pairs, contexts, saes, search, diff, tree, interventions, validation),
    *(vectors, labels, prompt, inputs, jobs, job_events),
)
for part in PARTS:
    router.include_router(part.router)

__all__ = ["router"]
