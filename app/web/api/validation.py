"""`/validation`: the scores against known truth, as `hedgescope validate` measured them for this version."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.web.api.routes import get, json_response
from app.web.http.caching import checked
from app.web.shared.validation import ValidationCheck, read_checks

router = APIRouter(tags=["Validation"])


@dataclass(frozen=True)
class ValidationResults:
    """Every check of `hedgescope validate`, as it was run for this version.

    Attributes:
        checks: in the order of the page.
    """

    checks: tuple[ValidationCheck, ...]


@get(router, "/validation", ValidationResults, problems=(400,))
def get_validation(request: Request) -> Response:
    """How well the scores find what is known, each check with its command, tables and aims."""
    return checked(request, json_response(ValidationResults(read_checks())))
