"""The worker's HTTP application: live prompts, health and capabilities."""

from __future__ import annotations

import hmac
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from fastapi import APIRouter, Depends, FastAPI
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app import __version__
from app.errors import (
    HedgescopeError,
    ModelError,
    NotFoundError,
    PromptError,
    RequestError,
    SaeError,
    StoreError,
    TextError,
    WorkerBusyError,
    WorkerError,
)
from app.inference.server.service import Service
from app.inference.wire import (
    BODY_BYTES_MAX,
    Capabilities,
    Failure,
    Health,
    JobAnswer,
    JobQuestion,
    PromptAnswer,
    PromptRequest,
    VectorsAnswer,
    VectorsRequest,
)
from app.jobs.queue import REQUESTS
from app.serving.body import CLOSE, READ_TIMEOUT_S, BodyRefused, read_body
from app.serving.leaving import answer_nobody, unless_left
from app.serving.metrics import exposition
from app.serving.requests import Requests
from app.serving.validation import first_problem

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")
Message = TypeVar("Message", bound=BaseModel)


class Refused(Exception):
    """A request that gets no further.

    Args:
        status: of HTTP.
        failure: the body of the answer.
        close: whether the connection ends with the answer.
    """

    def __init__(self, status: int, failure: Failure, *, close: bool = False) -> None:
        super().__init__(failure.detail)
        self.status = status
        self.failure = failure
        self.close = close


def create_worker_app(service: Service, secret: str, body_timeout_s: float = READ_TIMEOUT_S) -> FastAPI:
    """The application, ready to be served.

    Args:
        service: answers prompts; runs while the application does.
        secret: callers must send it.
        body_timeout_s: for reading a request's body.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = FastAPI(
        title="Hedgescope worker",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.service = service
    app.state.secret = secret
    app.state.body_timeout_s = body_timeout_s
    app.include_router(open_router)
    app.include_router(router)
    app.add_exception_handler(Refused, _on_refused)
    app.add_exception_handler(ClientDisconnect, answer_nobody)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(HedgescopeError, _on_explained)
    app.add_middleware(Requests, metrics=service.metrics, on_failure=_on_unexpected)
    return app


async def check_secret(request: Request) -> None:
    """Let in those who know the secret; compared in constant time. Raises Refused."""
    given = request.headers.get("authorization", "").encode("latin-1")
    expected = f"Bearer {request.app.state.secret}".encode()
    if not hmac.compare_digest(given, expected):
        detail = "the secret is missing or wrong; HEDGESCOPE_WORKER_SECRET must be the same on both sides"
        raise Refused(401, Failure(kind="secret", detail=detail))


open_router = APIRouter()
router = APIRouter(dependencies=[Depends(check_secret)])


@open_router.get("/healthz")
async def healthz() -> Response:
    """Whether the process answers; needs no secret."""
    return _json(Health(status="ok", version=__version__))


@open_router.get("/metrics")
async def metrics(request: Request) -> Response:
    """What Prometheus collects: numbers, no names; needs no secret."""
    return exposition(_service(request).metrics.registry, request.headers.get("accept", ""))


@router.get("/capabilities")
async def capabilities(request: Request) -> Response:
    """What this worker can do, and what it is doing."""
    found: Capabilities = _service(request).capabilities()
    return _json(found)


@router.post("/prompt")
async def prompt(request: Request) -> Response:
    """Read a text with a comparison's model and SAEs."""
    message = await read_message(request, PromptRequest)
    answer: PromptAnswer = await unless_left(request, _service(request).prompt(message))
    return _json(answer)


@router.post("/vectors")
async def vectors(request: Request) -> Response:
    """Weights of some latents."""
    message = await read_message(request, VectorsRequest)
    answer: VectorsAnswer = await unless_left(request, _service(request).vectors(message))
    return _json(answer)


@router.post("/preflight")
async def preflight(request: Request) -> Response:
    """Look at a job without running it."""
    message = await read_message(request, JobQuestion)
    try:
        wanted = REQUESTS[message.kind].validate_python(message.request)
    except (ValidationError, RequestError) as error:
        detail = f"request: {type(error).__name__}; expected the fields of a {message.kind}"
        raise Refused(422, Failure(kind="request", detail=detail, parameter="request")) from None
    answer: JobAnswer = await unless_left(request, _service(request).preflight(wanted))
    return _json(answer)


async def read_message(request: Request, model: type[Message]) -> Message:
    """The request's body.

    Raises:
        Refused: it is too long or too slow, or not what was expected. What was found is not repeated.
        ClientDisconnect: the client has left.
    """
    try:
        message = await read_body(request.scope, request.receive, BODY_BYTES_MAX, request.app.state.body_timeout_s)
    except BodyRefused as error:
        raise Refused(error.status, Failure(kind="request", detail=error.detail), close=not error.is_read) from None
    if message["type"] != "http.request":
        raise ClientDisconnect
    try:
        return model.model_validate_json(message["body"])
    except ValidationError as error:
        field, problem = first_problem(error)
        where = field or "the request"
        raise Refused(422, Failure(kind="request", detail=f"{where}: {problem}", parameter=where)) from None


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _json(message: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(message.model_dump_json(), status, headers, "application/json")


def _failed(status: int, failure: Failure) -> Response:
    headers = {} if failure.retry_after_s is None else {"Retry-After": str(failure.retry_after_s)}
    return _json(failure, status, headers)


async def _on_refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    answer = _failed(error.status, error.failure)
    answer.headers.update(CLOSE if error.close else {})
    return answer


async def _on_http_exception(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _failed(error.status_code, Failure(kind="request", detail=str(error.detail)))


async def _on_explained(_request: Request, error: Exception) -> Response:
    """What is wrong with a prompt goes to the client; what names files of this machine goes to the log."""
    match error:
        case PromptError():
            return _failed(400, Failure(kind="prompt", detail=error.public, parameter=error.parameter))
        case TextError():
            return _failed(400, Failure(kind="prompt", detail=error.public, parameter="slug"))
        case WorkerBusyError():
            return _failed(503, Failure(kind="busy", detail=error.public, retry_after_s=error.retry_after_s))
        case NotFoundError():
            return _failed(404, Failure(kind="not-found", detail=error.public))
    log.error("%s", error)
    match error:
        case WorkerError():
            return _failed(503, Failure(kind="model", detail=error.public))
        case ModelError():
            detail = "the comparison's language model can't be loaded or read; the worker's log says why"
            return _failed(503, Failure(kind="model", detail=detail))
        case SaeError():
            detail = "an SAE of the comparison can't be loaded, or has changed since; the worker's log says why"
            return _failed(503, Failure(kind="sae", detail=detail))
        case StoreError():
            detail = "the worker can't use its database; its log says why"
            return _failed(503, Failure(kind="store", detail=detail))
    return _failed(500, Failure(kind="internal", detail="the worker failed; its log says why"))


def _on_unexpected(_request: Request, _request_id: str) -> Response:
    """The log has where it failed, not the message: that could hold a piece of the text."""
    return _failed(500, Failure(kind="internal", detail="the worker failed; its log says where"))
