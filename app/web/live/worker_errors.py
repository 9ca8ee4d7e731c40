"""How it is told that a live prompt has no answer; these errors' messages are written for people."""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import PromptError, WorkerAnswerError, WorkerBusyError, WorkerError


@dataclass(frozen=True)
class Unanswered:
    """Status of HTTP, kind and title of the problem."""

    status: int
    kind: str
    title: str


def unanswered(error: PromptError | WorkerError) -> Unanswered:
    """What kind of problem an error is."""
    match error:
        case PromptError():
            return Unanswered(400, "prompt", "Prompt can't be read")
        case WorkerBusyError():
            return Unanswered(503, "busy", "Inference worker is busy")
        case WorkerAnswerError():
            return Unanswered(502, "worker-answer", "Inference worker makes no sense")
        case _:
            return Unanswered(503, "worker", "No inference worker")


def retry_headers(error: Exception) -> dict[str, str]:
    """When to try again, where that is known."""
    return {"Retry-After": str(error.retry_after_s)} if isinstance(error, WorkerBusyError) else {}
