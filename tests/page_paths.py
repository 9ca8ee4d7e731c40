"""The paths of all pages, from the routes themselves, so that no test or doc forgets a new one."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from fastapi.routing import APIRoute

from app.web import pages


def routes() -> Iterator[APIRoute]:
    """The routes of all modules of pages."""
    for found in pkgutil.iter_modules(pages.__path__, f"{pages.__name__}."):
        router = getattr(importlib.import_module(found.name), "router", None)
        yield from (route for route in getattr(router, "routes", ()) if isinstance(route, APIRoute))


def page_patterns() -> dict[str, re.Pattern[str]]:
    """Path of each page, such as `/c/{slug}/levels`, and what it matches; their twins and files are left out."""
    return {
        route.path: route.path_regex
        for route in routes()
        if "GET" in (route.methods or ()) and not PurePosixPath(route.path).suffix
    }


def missed(paths: Iterable[str]) -> list[str]:
    """Pages that none of these paths is the address of."""
    given = [urlsplit(path).path for path in paths]
    patterns = page_patterns()
    assert len(patterns) > 15
    return [path for path, pattern in patterns.items() if not any(map(pattern.match, given))]
