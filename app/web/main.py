"""The web application, assembled."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from sqlalchemy import Engine

from app import __version__
from app.inference.client import Inference, Where, fixed, nowhere
from app.paths import resource
from app.serving.body import BodyLimit
from app.serving.metrics import RequestMetrics
from app.serving.requests import Requests
from app.settings import Settings
from app.store.session import check_schema, make_engine
from app.web import api, pages
from app.web.api.describe import model_of
from app.web.api.openapi import complete
from app.web.api.status_models import ParameterProblem, ProblemDocument
from app.web.http import errors
from app.web.http.access import Access
from app.web.http.cors import Cors
from app.web.http.encoding import Compression
from app.web.http.headers import SecurityHeaders
from app.web.http.origins import Origins
from app.web.http.patience import ReadsEnd
from app.web.http.prefix import PathPrefix
from app.web.http.static import VersionedFiles
from app.web.live import worker_errors
from app.web.live.events import JobEvents
from app.web.ops import routes as system
from app.web.ops.job_metrics import JobMetrics
from app.web.ops.readiness import Checker
from app.web.shared.columns import Columns
from app.web.shared.job_queue import JobQueue, JobShares
from app.web.shared.templating import error_page
from app.web.shared.uploads import UPLOADS

THREADS = 4
"""Threads that run routes. Measured with SQLite: fewer than the usual 40 cut the slowest answers' time to a third."""

DESCRIPTION = """\
Where a sparse autoencoder hedges, latent by latent. JSON. From the server's own computer no key is needed. From
elsewhere reading needs none unless the server is set so, live prompts need one with the scope `prompt`, changes one
with `write`, sent as `X-API-Key` or `Authorization: Bearer`.

What is below a comparison's slug never changes: its ETag is strong, and an answer may be kept. The name part of a slug
is enough where only one comparison has that name; the answer is then a redirect (307) to the slug.
What is undefined is `null`, and `reasons` says why. Errors are problem documents (RFC 9457)."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class Dashboard(FastAPI):
    """FastAPI, with the problem documents among the schemas that its OpenAPI document refers to."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document; made once."""
        if self.openapi_schema is not None:
            return self.openapi_schema
        document = super().openapi()
        schemas = document["components"]["schemas"]
        schemas |= {
            record.__name__: model_of(record).model_json_schema() for record in (ProblemDocument, ParameterProblem)
        }
        complete(document, self.state.settings.page_size_max)
        return document


def create_app(settings: Settings, engine: Engine | None = None, worker: Where | None = None) -> FastAPI:
    """The application, ready to be served.

    Args:
        settings: made once by the caller.
        engine: the database; if None, made from the settings and disposed of at the end.
        worker: where the inference worker is; if None, as the settings say.

    Raises:
        SchemaError: the database has no schema or another version's; the message names the command that helps.
        StoreError: the database can't be opened.
    """
    made = engine is None
    engine = engine or make_engine(settings.resolved_database_url, pool_size=settings.database_pool_size)
    check_schema(engine)
    inference = Inference(worker or _configured(settings), timeout_s=settings.worker_timeout_s)
    app = Dashboard(
        title="Hedgescope",
        description=DESCRIPTION,
        version=__version__,
        servers=[{"url": settings.path_prefix}] if settings.path_prefix else None,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(inference, engine if made else None),
        # FastAPI's own measurements are for collectors that this program does not use.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.settings = settings
    app.state.engine = engine
    app.state.inference = inference
    app.state.columns = Columns(engine)
    app.state.metrics = RequestMetrics("web")
    app.state.metrics.registry.register(JobMetrics(engine))
    app.state.checker = Checker(engine, inference)
    app.state.job_shares = JobShares()
    app.state.job_events = JobEvents(JobQueue(engine, settings.resolved_input_dir), settings.max_event_streams)
    errors.install(app, error_page)
    worker_errors.install(app)
    app.mount("/static", VersionedFiles(directory=resource("static")), name="static")
    for part in (system, api, pages):
        app.include_router(part.router)
    _add_middleware(app, settings)
    return app


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """Innermost first: an answer to what fails inside still gets the outer ones' headers."""
    metrics: RequestMetrics = app.state.metrics
    app.add_middleware(ReadsEnd, limit_s=settings.query_timeout_s)
    app.add_middleware(Compression)
    app.add_middleware(Access, settings=settings, engine=app.state.engine)
    if settings.cors_origins:
        app.add_middleware(Cors, origins=settings.cors_origins)
    app.add_middleware(
        BodyLimit,
        max_bytes=settings.max_body_bytes,
        refuse=errors.refused,
        metrics=metrics,
        streamed=dict.fromkeys(UPLOADS, settings.upload_max_bytes),
    )
    app.add_middleware(Origins, host=settings.host, allowed=settings.allowed_hosts, metrics=metrics)
    app.add_middleware(PathPrefix, prefix=settings.path_prefix, trusted=settings.trusted_proxies)
    app.add_middleware(Requests, metrics=metrics, on_failure=errors.failed)
    app.add_middleware(SecurityHeaders, frame_ancestors=settings.frame_ancestors)


def _configured(settings: Settings) -> Where:
    if settings.worker_url is None:
        return nowhere("no inference worker is set up; `hedgescope serve` starts one, or set HEDGESCOPE_WORKER_URL")
    return fixed(settings.worker_url, settings.worker_secret)


def _lifespan(inference: Inference, engine: Engine | None) -> Lifespan:
    """Sets the thread limit; closes the client and disposes of `engine`, where there is one, at the end."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        async with inference:
            yield
        if engine is not None:
            engine.dispose()

    return lifespan
