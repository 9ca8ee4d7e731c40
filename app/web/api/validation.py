"""`/validation`: the scores against known truth, as `hedgescope validate` measured them for this version."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.paths import resource
from app.web.api.routes import get, json_response
from app.web.http.caching import checked

router = APIRouter(tags=["Validation"])

RESULTS = "docs/data/validation.json"
"""Written by `hedgescope validate --out`, and committed."""


@dataclass(frozen=True)
class ValidationResults:
    """One run of `hedgescope validate`.

    Attributes:
        purpose: which worlds: `test`, never used to choose a formula.
        versions: of program and libraries.
        validation: the worlds, and how well each score finds what is known of them.
    """

    purpose: str
    versions: dict[str, str]
    validation: dict[str, Any]


@get(router, "/validation", ValidationResults, problems=(400,))
def get_validation(request: Request) -> Response:
    """How well the scores find what is known, on worlds with known features."""
    return checked(request, json_response(_results()))


@cache
def _results() -> ValidationResults:
    found = orjson.loads(resource(RESULTS).read_bytes())
    return ValidationResults(found["purpose"], found["versions"], found["validation"])
