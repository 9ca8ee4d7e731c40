"""The template of the route that answered a request, such as `/api/v1/comparisons/{slug}`."""

from __future__ import annotations

from typing import Final

from starlette.types import Scope

NONE: Final = "(none)"
"""No route: an unknown path must not become a label of its own."""


def template_of(scope: Scope) -> str:
    """The route's path as it was declared, prefixes included; known once the request has been answered.

    A route knows only its own part of the path. Before it are the prefixes of the routers that include it, which have
    no parameters.
    """
    if "endpoint" not in scope:
        return NONE
    route, path = scope.get("route"), str(scope["path"])
    template = getattr(route, "path_format", None)
    if template is None:
        # A mounted application by its mount; a route without parameters by its path.
        return str(scope.get("root_path") or path)
    parameters = {name: str(value) for name, value in scope.get("path_params", {}).items()}
    own = template.format(**parameters) if parameters else template
    return path.removesuffix(own) + template if path.endswith(own) else str(template)
