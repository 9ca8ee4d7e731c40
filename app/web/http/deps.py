"""What routes ask for: `Annotated` dependencies of API and pages alike.

Those that need no database are coroutines, so that they cost no turn of the thread pool.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from fastapi import Depends, HTTPException, Path
from sqlalchemy import Engine
from starlette.requests import Request

from app.errors import NotFoundError, QueryError
from app.inference.client import Inference
from app.records import ComparisonSummary
from app.settings import Settings
from app.store import read
from app.store.lookup import MAX_INDEX
from app.web.http import links
from app.web.shared.redact import public_summary


async def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _inference(request: Request) -> Inference:
    inference: Inference = request.app.state.inference
    return inference


InferenceDep = Annotated[Inference, Depends(_inference)]
EngineDep = Annotated[Engine, Depends(_engine)]
SettingsDep = Annotated[Settings, Depends(_settings)]

WITHOUT_NUL = r"^[^\x00]+$"
"""What no name has and PostgreSQL does not take is refused before it gets there."""

Slug = Annotated[
    str,
    Path(
        pattern=WITHOUT_NUL,
        description="A comparison's slug; a name that only one comparison has leads to its slug (status 307).",
    ),
]
Index = Annotated[int, Path(ge=0, le=MAX_INDEX, description="Index of a latent in its SAE, from 0.")]


def _comparison(request: Request, engine: EngineDep, slug: Slug) -> ComparisonSummary:
    """The comparison that a path names; a name instead of a slug leads to the same path with the slug.

    Raises:
        HTTPException: 307 to the path with the whole slug, so that what is cached for good stays right.
        NotFoundError: no such comparison.
        QueryError: several comparisons have that name.
    """
    try:
        return public_summary(read.get_comparison(engine, slug))
    except NotFoundError:
        whole = read.resolve_slug(engine, slug)
    path = request.app.url_path_for(request.scope["route"].name, **{**request.path_params, "slug": whole})
    raise HTTPException(307, headers={"Location": links.with_query(path, request.query_params.multi_items())})


ComparisonDep = Annotated[ComparisonSummary, Depends(_comparison)]


async def no_parameters(request: Request) -> None:
    """Refuse any query parameter. Raises QueryError."""
    refuse_unknown(request, ())


def refuse_unknown(request: Request, known: Collection[str]) -> None:
    """Refuse parameters that are not known or are given twice: a slip must not show other data than asked for.

    Raises:
        QueryError: names the parameter and the known ones.
    """
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if name not in known:
            expected = ", ".join(known) if known else "none"
            raise QueryError(f"unknown parameter {name!r}; expected {expected}", parameter=name, valid=tuple(known))
        if names.count(name) > 1:
            raise QueryError(f"parameter {name!r} is given {names.count(name)} times; expected once", parameter=name)
