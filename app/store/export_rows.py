"""The rows that an export of a comparison writes, read a block at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Engine, select

from app.records import SIDES, FiringCells, LatentScores, PairContext, PairRelease, Partner, Side, TextRow
from app.store import read, tables
from app.store.evidence import details_of_many, partners_of_many
from app.store.interventions import interventions_of, pair_releases
from app.store.lookup import require_comparison
from app.store.page import LatentQuery, row_blocks
from app.store.payloads import CELLS, PAIR, expand
from app.store.rows import PARTNER_COLUMNS, latent_from, partner_from
from app.store.session import reading

What = Literal["latents", "partners", "contexts", "pairs", "cells", "releases"]

BLOCK = 500
"""Rows that are in memory at once."""


@dataclass(frozen=True)
class ExportedLatent(LatentScores):
    """A latent of either SAE with its partners, in the order of its page."""

    partners: tuple[Partner, ...] = ()


@dataclass(frozen=True)
class ExportedContext:
    """A context of a latent with its text; `tokens` is empty where the comparison keeps none."""

    sae: Side
    index: int
    kind: str
    row: int
    position: int
    start: int
    activation: float
    activations: tuple[float, ...]
    partner_activations: tuple[float, ...] | None
    tokens: tuple[str, ...]


@dataclass(frozen=True)
class ExportedPair:
    """A narrow latent and one of its partners: on how many tokens each fires, and how strongly together."""

    narrow_index: int
    reference_index: int
    n_both: int | None
    n_narrow: int | None
    n_reference: int | None
    n_tokens: int
    narrow_edges: tuple[float, ...]
    reference_edges: tuple[float, ...]
    joint_counts: tuple[tuple[int, ...], ...]
    contexts: tuple[PairContext, ...]


@dataclass(frozen=True)
class ExportedRelease(PairRelease):
    """The release of a pair in one of the comparison's interventions."""

    intervention: int = 0


ROWS: Mapping[What, type[Any]] = {
    "latents": ExportedLatent,
    "partners": Partner,
    "contexts": ExportedContext,
    "pairs": ExportedPair,
    "cells": FiringCells,
    "releases": ExportedRelease,
}


def export_rows(engine: Engine, slug: str, what: What, side: Side | None = None) -> Iterator[Any]:
    """The rows of an export, each of the class that `ROWS` names.

    Args:
        side: of latents and contexts; both SAEs, if None.

    Raises:
        NotFoundError: no such comparison.
    """
    readers: Mapping[What, Callable[[], Iterator[Any]]] = {
        "latents": lambda: _latents(engine, slug, side),
        "partners": lambda: _partners(engine, slug),
        "contexts": lambda: _contexts(engine, slug, side),
        "pairs": lambda: _pairs(engine, slug),
        "cells": lambda: _cells(engine, slug),
        "releases": lambda: _releases(engine, slug),
    }
    yield from readers[what]()


def _blocks(engine: Engine, slug: str, side: Side | None) -> Iterator[tuple[Side, list[LatentScores]]]:
    for each in SIDES if side is None else (side,):
        for rows in row_blocks(engine, slug, LatentQuery(side=each, sort="index")):
            found = [latent_from(row) for row in rows]
            for start in range(0, len(found), BLOCK):
                yield each, found[start : start + BLOCK]


def _latents(engine: Engine, slug: str, side: Side | None) -> Iterator[ExportedLatent]:
    for each, found in _blocks(engine, slug, side):
        partners = partners_of_many(engine, slug, each, [latent.index for latent in found])
        for latent in found:
            yield ExportedLatent(**vars(latent), partners=tuple(partners[latent.index]))


def _partners(engine: Engine, slug: str) -> Iterator[Partner]:
    table = tables.partners
    query = select(*PARTNER_COLUMNS).order_by(table.c.narrow_index, table.c.partner_rank)
    with reading(engine) as connection:
        own = query.where(table.c.comparison_id == require_comparison(connection, slug))
        yield from map(partner_from, connection.execution_options(yield_per=BLOCK).execute(own))


def _contexts(engine: Engine, slug: str, side: Side | None) -> Iterator[ExportedContext]:
    for each, found in _blocks(engine, slug, side):
        details = details_of_many(engine, slug, each, [latent.index for latent in found])
        numbers = {context.row for detail in details.values() for context in detail.contexts}
        text = read.text_rows(engine, slug, numbers)
        for latent in found:
            for context in details[latent.index].contexts:
                tokens = _tokens(text, context.row, context.start, len(context.activations))
                yield ExportedContext(each, latent.index, **vars(context), tokens=tokens)


def _tokens(text: Mapping[int, TextRow], row: int, start: int, n_tokens: int) -> tuple[str, ...]:
    return text[row].tokens[start : start + n_tokens] if row in text else ()


def _pairs(engine: Engine, slug: str) -> Iterator[ExportedPair]:
    pairs, partners = tables.pair_details, tables.partners
    n_tokens = read.get_comparison(engine, slug).n_tokens
    same = [pairs.c[name] == partners.c[name] for name in ("comparison_id", "narrow_index", "reference_index")]
    counts = partners.c.n_both, partners.c.n_narrow, partners.c.n_reference
    query = select(pairs.c.payload, *counts).select_from(pairs.outerjoin(partners, same[0] & same[1] & same[2]))
    with reading(engine) as connection:
        own = query.where(pairs.c.comparison_id == require_comparison(connection, slug))
        ordered = own.order_by(pairs.c.narrow_index, pairs.c.reference_index)
        for payload, *numbers in connection.execution_options(yield_per=BLOCK).execute(ordered):
            pair = expand(PAIR, payload)
            both, narrow, reference = numbers
            yield ExportedPair(
                pair.narrow_index,
                pair.reference_index,
                both,
                narrow,
                reference,
                n_tokens,
                pair.narrow_edges,
                pair.reference_edges,
                pair.joint_counts,
                pair.contexts,
            )


def _cells(engine: Engine, slug: str) -> Iterator[FiringCells]:
    table = tables.firing_cells
    query = select(table.c.payload).order_by(table.c.narrow_index)
    with reading(engine) as connection:
        own = query.where(table.c.comparison_id == require_comparison(connection, slug))
        for (payload,) in connection.execution_options(yield_per=BLOCK).execute(own):
            yield expand(CELLS, payload)


def _releases(engine: Engine, slug: str) -> Iterator[ExportedRelease]:
    for number, _ in interventions_of(engine, slug):
        for release in pair_releases(engine, number):
            yield ExportedRelease(**vars(release), intervention=number)
