"""The web application, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI
from sqlalchemy import Engine

from app import __version__
from app.paths import resource
from starlette.staticfiles import StaticFiles
from app.settings import Settings
from app.store.session import check_schema, make_engine
from app.web.security import SecurityHeaders

try:
    from app.web.pages import router as pages_router
except ImportError:
    pages_router = None

THREADS = 4
"""Threads that run routes: measured with SQLite, fewer than the usual 40 cut the slowest answers' time to a third."""


def create_app(settings: Settings, engine: Engine | None = None) -> FastAPI:
    """The application, ready to be served.

    Args:
        settings: made once by the caller.
        engine: the database; made from the settings, and disposed of at the end, where it is None.

    Raises:
        SchemaError: the database has no schema or another version's; the message names the command that helps.
        StoreError: the database can't be opened.
    """
    own_engine = engine is None
    engine = engine or make_engine(settings.resolved_database_url)
    check_schema(engine)
    app = FastAPI(
        title="Hedgescope",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(engine if own_engine else None),
    )
    app.state.settings = settings
    app.state.engine = engine
    app.mount("/static", StaticFiles(directory=resource("static")), name="static")
    if pages_router is not None:
        app.include_router(pages_router)
    app.add_middleware(SecurityHeaders)
    return app


def _lifespan(engine):
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        yield
        if engine is not None:
            engine.dispose()

    return lifespan
