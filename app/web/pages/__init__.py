"""The pages: `router` has them all, each with its `.json` twin."""

from __future__ import annotations

from fastapi import APIRouter

from app.web.pages import (
    about,
    degree,
    diff,
    diff_files,
    home,
    intervention,
    job_forms,
    jobs,
    lab,
    latent,
    latents,
    levels,
    lists,
    overview,
    pair,
    points,
    preview,
    prompt,
    saes,
    search,
    validation,
)

router = APIRouter()
# Fixed endings such as `points.json` come before patterns that would match them too.
for part in (
    home,
    diff_files,
    diff,
    lists,
    about,
    lab,
    validation,
    search,
    saes,
    job_forms,
    jobs,
    points,
    preview,
    latents,
    levels,
    degree,
    intervention,
    pair,
    prompt,
    latent,
    overview,
):
    router.include_router(part.router)

__all__ = ["router"]
