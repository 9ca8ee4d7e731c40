"""What the OpenAPI document says of every operation alike: statuses, headers, keys, examples of fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from app.web.api.security import SECURITY_SCHEMES, security_of

Json = dict[str, Any]

PROBLEM: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}

EVERYWHERE: Final[Mapping[str, str]] = {
    "401": "A key is missing, wrong or revoked",
    "403": "The key lacks the scope, or another site's page sent the request",
    "421": "The server is not known under the name in `Host`",
    "429": "Too many requests, or too many wrong keys; `Retry-After` says when to try again",
    "500": "The server failed; its log has the reason under the request's id",
    "503": "The database can't be used or takes too long, there is no inference worker or it is busy",
}
WITH_BODY: Final[Mapping[str, str]] = {
    "408": "The body did not arrive in time",
    "413": "The body is too large",
    "415": "The body is not JSON by its media type",
}
STATUSES: Final[Mapping[str, Json]] = {
    "304": {"description": "The client's copy, which `If-None-Match` names, is current"},
    "307": {
        "description": "A comparison's name leads to its slug",
        "headers": {"Location": {"description": "The same address with the slug.", "schema": {"type": "string"}}},
    },
}

HEADERS: Final[Mapping[str, str]] = {
    "X-Request-ID": "Of the request, as the log has it.",
    "RateLimit-Policy": "Requests a minute; absent from this computer.",
    "RateLimit": "Requests that are left, and seconds until all are; absent from this computer.",
}
KEPT: Final[Mapping[str, str]] = {
    "ETag": "Of these bytes; for `If-None-Match`.",
    "Cache-Control": "How long the answer may be kept.",
}
LINK: Final = "Leads to the next page (`rel=next`) and back (`rel=prev`)."

TEXTS: Final[Mapping[str, str]] = {
    "slug": "demo-0123456789ab",
    "name": "demo",
    "label": " the,  a",
    "hook_name": "model.layers.9",
    "model_name": "SmolLM2-135M-Instruct",
    "content_hash": "0123456789ab",
    "created_at": "2026-11-28T12:00:00+00:00",
    "started_at": "2026-11-28T12:00:00+00:00",
    "finished_at": "2026-11-28T12:00:00+00:00",
    "type": "urn:hedgescope:problem:not-found",
    "title": "Not found",
    "detail": "no comparison 'x'; the stored ones are demo-0123456789ab",
    "request_id": "9e61692fc0b44bd7b0886d38ce276e01",
    "dtype": "float32",
    "token": " the",
    "parameter": "sort",
}
"""Examples of texts, by the name of their field."""


def complete(document: Json, page_size_max: int) -> None:
    """Add to the document what holds for all operations.

    Args:
        page_size_max: largest page of latents, as the settings have it.
    """
    document["components"]["securitySchemes"] = SECURITY_SCHEMES
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            operation["security"] = security_of(path, method)
            _add_statuses(path, method, operation)
            _add_headers(path, method, operation)
            for parameter in operation.get("parameters", ()):
                if path.endswith("/latents") and parameter["name"] == "limit":
                    parameter["schema"]["maximum"] = page_size_max
    for schema in document["components"]["schemas"].values():
        for name, field in schema.get("properties", {}).items():
            _add_example(name, field)


def _add_statuses(path: str, method: str, operation: Json) -> None:
    responses = operation["responses"]
    responses.pop("default", None)
    wanted = {**EVERYWHERE, **(WITH_BODY if method == "post" and "requestBody" in operation else {})}
    if path in ("/healthz", "/readyz"):
        wanted = {"421": EVERYWHERE["421"], "500": EVERYWHERE["500"]}
    for status, description in wanted.items():
        responses.setdefault(status, {"description": description, "content": PROBLEM})
    if method == "get" and path.startswith("/api/"):
        responses.setdefault("304", STATUSES["304"])
    if "{slug}" in path:
        responses.setdefault("307", STATUSES["307"])
    operation["responses"] = dict(sorted(responses.items()))


def _add_headers(path: str, method: str, operation: Json) -> None:
    for status, response in operation["responses"].items():
        named = dict(HEADERS)
        if status == "200" and method == "get" and path.startswith("/api/"):
            named |= {**KEPT, **({"Link": LINK} if path.endswith("/latents") else {})}
        if status in ("429", "503"):
            named["Retry-After"] = "Seconds after which to try again, where that is known."
        own = response.setdefault("headers", {})
        for name, description in named.items():
            own.setdefault(name, {"description": description, "schema": {"type": "string"}})


def _add_example(name: str, field: Json) -> None:
    if "examples" in field or "example" in field:
        return
    for kind in field.get("anyOf", [field]):
        found = _example(name, kind)
        if found is not None:
            field["examples"] = [found]
            return


def _example(name: str, schema: Json) -> Any:
    """A value of a plain type within its range; None for arrays, objects and records."""
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    low, high = schema.get("minimum"), schema.get("maximum")
    match schema.get("type"):
        case "boolean":
            return True
        case "integer":
            return max(12, int(low)) if low is not None and low > 12 else min(12, high or 12)
        case "number":
            return low if low is not None and low > 0.25 else min(0.25, high if high is not None else 0.25)
        case "string":
            return TEXTS.get(name, "2026-11-28T12:00:00+00:00" if schema.get("format") == "date-time" else "text")
    return None
