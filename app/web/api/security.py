"""How the OpenAPI document says which operations need a key."""

from __future__ import annotations

from typing import Any, Final

from app.web.http.access import needed

SECURITY_SCHEMES: Final[dict[str, Any]] = {
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "A key that `hedgescope key create` made.",
    },
    "bearer": {"type": "http", "scheme": "bearer", "description": "The same key, as a bearer token."},
}


def security_of(path: str, method: str) -> list[dict[str, list[str]]]:
    """The alternatives: an empty one stands for anonymous requests. The names are the scopes that a key must have."""
    scope = needed({"path": path, "method": method.upper()})
    if scope is None:
        return [{}]
    with_key: list[dict[str, list[str]]] = [{"key": [scope]}, {"bearer": [scope]}]
    return [{}, *with_key] if scope == "read" else with_key
