"""The pages: `router` has them all, each with its `.json` twin."""

from __future__ import annotations

from fastapi import APIRouter

from app.web.pages import about, degree, home, lab, latent, latents, levels, overview, pair, points, saes

router = APIRouter()
# Fixed endings such as `points.json` come before patterns that would take them for something else.
for part in (home, about, lab, saes, points, latents, levels, degree, pair, latent, overview):
    router.include_router(part.router)

__all__ = ["router"]
