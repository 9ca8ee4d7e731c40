"""What Pydantic found wrong with a body, for the client that sent it."""

from __future__ import annotations

from pydantic import ValidationError


def first_problem(error: ValidationError) -> tuple[str, str]:
    """(field, empty for the whole body; message of the first problem). What was found in it is not repeated."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    return ".".join(map(str, first["loc"])), str(first["msg"])
