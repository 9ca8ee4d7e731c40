"""Whole columns of latents as JSON text: rounded for plots, and kept, since a comparison never changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson
from sqlalchemy import Engine

from app.catalogue import LATENT_FIELDS
from app.records import ComparisonSummary, Side
from app.store import read
from app.web.http.kept import KeptBytes
from app.web.shared import formatting as show

KEPT_BYTES: Final = 64 * 1024 * 1024

ROUNDED: Final = "%.4g"
"""Four significant digits: a pixel of a plot is a thousandth, and tables show three."""


class Columns:
    """Columns of any comparison as JSON text.

    Args:
        engine: where the comparisons are.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept = KeptBytes(KEPT_BYTES)

    def of(self, summary: ComparisonSummary, side: Side, names: Sequence[str], *, exact: bool) -> dict[str, bytes]:
        """The columns, each a JSON array in the order of the latents' index; labels as they are shown.

        Args:
            names: fields of the catalogue.
            exact: whether numbers have all their digits.

        Raises:
            NotFoundError, QueryError: as `read.columns`.
        """
        keys = {name: f"{summary.content_hash} {side} {name} {exact}" for name in names}
        found = {name: self._kept.get(key) for name, key in keys.items()}
        missing = [name for name, text in found.items() if text is None]
        if missing or not names:
            for name, values in read.columns(self._engine, summary.slug, side, missing).items():
                found[name] = as_text(name, values, exact=exact)
                self._kept.put(keys[name], found[name] or b"")
        return {name: text or b"[]" for name, text in found.items()}


def as_text(name: str, values: Sequence[Any], *, exact: bool) -> bytes:
    """A column as a JSON array."""
    if name == "label":
        return orjson.dumps(list(map(show.plain, values)))
    if exact or LATENT_FIELDS[name].kind != "number":
        return orjson.dumps(values)
    numbers = tuple(float("nan") if value is None else value for value in values) if None in values else tuple(values)
    text = ",".join([ROUNDED] * len(numbers)) % numbers
    return f"[{text}]".replace("nan", "null").encode()
