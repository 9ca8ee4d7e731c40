"""Why a live prompt has no answer, as problems of HTTP. The messages of these errors are written for people."""

from __future__ import annotations

import logging

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from app.errors import PromptError, WorkerAnswerError, WorkerBusyError, WorkerError
from app.web.http.errors import Problem, problem_response, shortened

log = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    """Make the application answer prompts that fail with problems."""
    app.add_exception_handler(PromptError, _on_worker_error)
    app.add_exception_handler(WorkerError, _on_worker_error)


def worker_problem(error: PromptError | WorkerError) -> Problem:
    """The problem of a live prompt that has no answer."""
    detail = shortened(error.public)
    match error:
        case PromptError():
            return Problem(400, "prompt", "Prompt can't be read", detail, error.parameter)
        case WorkerBusyError():
            return Problem(503, "busy", "Inference worker is busy", detail)
        case WorkerAnswerError():
            return Problem(502, "worker-answer", "Invalid response from the inference worker", detail)
        case _:
            return Problem(503, "worker", "No inference worker", detail)


def retry_headers(error: Exception) -> dict[str, str]:
    """When to try again, where that is known."""
    return {"Retry-After": str(error.retry_after_s)} if isinstance(error, WorkerBusyError) else {}


async def _on_worker_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PromptError | WorkerError)
    if isinstance(error, WorkerAnswerError):
        log.error("request %s: %s", request.state.request_id, error)
    return problem_response(request, worker_problem(error), retry_headers(error))
