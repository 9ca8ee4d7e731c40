"""Latents of a list: some of their fields, and the evidence for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Engine

from app.records import Context, Side, TextRow
from app.store import read
from app.store.evidence import details_of_many, partners_of_many
from app.store.rows import LATENT_NAMES
from app.web.api.models import LatentContext
from app.web.api.query import Selection
from app.web.shared.text import tokens_of

Item = dict[str, Any]


def items_of(engine: Engine, slug: str, side: Side, rows: Sequence[Sequence[Any]], selection: Selection) -> list[Item]:
    """Rows of `LATENT_NAMES` as they are answered."""
    items = [_item(row, selection.fields) for row in rows]
    indices = [row[LATENT_NAMES.index("index")] for row in rows]
    if "partners" in selection.include:
        partners = partners_of_many(engine, slug, side, indices)
        for item, index in zip(items, indices, strict=True):
            item["partners"] = partners[index]
    if "contexts" in selection.include:
        _add_contexts(engine, slug, side, indices, items)
    return items


def with_tokens(context: Context, rows: Mapping[int, TextRow]) -> LatentContext:
    """A context with the tokens of its stretch."""
    return LatentContext(**vars(context), tokens=tokens_of(rows, context.row, context.start, len(context.activations)))


def _add_contexts(engine: Engine, slug: str, side: Side, indices: Sequence[int], items: Sequence[Item]) -> None:
    details = details_of_many(engine, slug, side, indices)
    needed = {context.row for detail in details.values() for context in detail.contexts}
    text = read.text_rows(engine, slug, needed)
    for item, index in zip(items, indices, strict=True):
        contexts = details[index].contexts if index in details else ()
        item["contexts"] = [with_tokens(context, text) for context in contexts]


def _item(row: Sequence[Any], fields: Sequence[str] | None) -> Item:
    item = dict(zip(LATENT_NAMES, row, strict=True))
    item["reasons"] = orjson.Fragment(item["reasons"])
    return item if fields is None else {name: item[name] for name in LATENT_NAMES if name in fields}
