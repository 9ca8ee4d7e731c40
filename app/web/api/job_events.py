"""`/jobs/{id}/events`: a job as a stream of server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.serving.headers import NEVER_KEPT
from app.web.api.routes import documented_problems
from app.web.http.deps import CallerDep, JobId
from app.web.http.params import no_parameters
from app.web.live.events import JobEvents, event_id
from app.web.shared.job_queue import JobQueueDep

PATH = "/jobs/{job_id}/events"
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events named `job`, each with the job as JSON; the stream ends when the job has ended",
        "content": {
            "text/event-stream": {
                # As a list of events; OpenAPI 3.1 has no words for a stream.
                "schema": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "id": {"type": "string", "description": "Names the job's state, for `Last-Event-ID`."},
                            "event": {"const": "job"},
                            "retry": {"type": "integer", "description": "Milliseconds until to connect again."},
                            "data": {
                                "type": "string",
                                "description": "The job, as JSON.",
                                "contentMediaType": "application/json",
                                "contentSchema": {"$ref": "#/components/schemas/Job"},
                            },
                        },
                    },
                },
                "example": 'id: 3-1\nevent: job\ndata: {"id": 1, "state": "running"}\n\n',
            }
        },
    },
    204: {"description": "The job has ended in the state that `Last-Event-ID` names: nothing more will come"},
    **documented_problems((400, 404, 422, 503)),
}

router = APIRouter(tags=["Jobs"], dependencies=[Depends(no_parameters)])


async def _check_news(request: Request, jobs: JobQueueDep, job_id: JobId) -> str | None:
    """Id of the event that the client saw last.

    Raises:
        HTTPException: 204, the job has ended and the client knows: browsers stop asking then.
        NotFoundError: there is no such job.
    """
    job = await to_thread.run_sync(jobs.get, job_id)
    seen = request.headers.get("last-event-id")
    if not job.is_active and seen == event_id(job):
        raise HTTPException(204, headers=dict(NEVER_KEPT))
    return seen


LastSeen = Annotated[str | None, Depends(_check_news)]


async def _events(
    request: Request, job_id: JobId, seen: LastSeen, caller: CallerDep
) -> AsyncIterator[AsyncIterator[ServerSentEvent]]:
    """The stream, which counts as open until the answer ends, for whatever reason."""
    events: JobEvents = request.app.state.job_events
    with events.stream(job_id, seen, caller.share) as stream:
        yield stream


@router.get(
    PATH,
    name="api_stream_job",
    operation_id="follow_job",
    summary="Follow job",
    response_class=EventSourceResponse,
    responses=ANSWERS,
)
async def stream_job(
    stream: Annotated[AsyncIterator[ServerSentEvent], Depends(_events)],
) -> AsyncIterator[ServerSentEvent]:
    """A job as a stream of server-sent events: its state now, then each change, at most one a second."""
    async for event in stream:
        yield event


@router.head(PATH, include_in_schema=False)
async def check_stream(_seen: LastSeen) -> Response:
    """The headers of a stream."""
    return Response(media_type="text/event-stream", headers=NEVER_KEPT)
