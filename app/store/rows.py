"""One record, one row: the two directions side by side, so that they stay each other's inverse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

import orjson

from app.records import LatentScores, Partner
from app.store.bulk import Values
from app.store.payloads import to_json
from app.store.tables import latent_column, latents, partner_column
from app.store.validate import check_storable

LATENT_NAMES = tuple(field.name for field in fields(LatentScores))
LATENT_COLUMNS = tuple(latent_column(name) for name in LATENT_NAMES)
PARTNER_NAMES = tuple(field.name for field in fields(Partner))
PARTNER_COLUMNS = tuple(partner_column(name) for name in PARTNER_NAMES)

LATENT_STORED = (*LATENT_COLUMNS, latents.c.label_folded)
"""The columns of `latent_values`: all that are read, and the label as searches compare it."""

_latent_fields = attrgetter(*LATENT_NAMES)
_partner_fields = attrgetter(*PARTNER_NAMES)
_LABEL, _REASONS = LATENT_NAMES.index("label"), LATENT_NAMES.index("reasons")


def storable_text(text: str) -> str:
    """Text as any database takes it: NUL, which PostgreSQL can't hold, as the symbol ␀, half characters as `?`."""
    return text.replace("\x00", "␀").encode(errors="replace").decode()


def fold(text: str) -> str:
    """Text as searches compare it: without regard to case."""
    return storable_text(text).casefold()


def latent_values(latent: LatentScores) -> Values:
    """A latent as values of `LATENT_STORED`. Raises StoreError for what can't be stored."""
    check_storable(latent)
    values = list(_latent_fields(latent))
    values[_LABEL] = storable_text(latent.label)
    values[_REASONS] = to_json(dict(latent.reasons))
    return *values, fold(latent.label)


def latent_from(values: Sequence[Any]) -> LatentScores:
    """The latent of a row of `LATENT_COLUMNS`, whose last one is `reasons`."""
    *numbers, reasons = values
    return LatentScores(*(*numbers, orjson.loads(reasons)))


def partner_from(values: Sequence[Any]) -> Partner:
    """The partner of a row of `PARTNER_COLUMNS`."""
    return Partner(*values)


def partner_values(partner: Partner) -> Values:
    """A partner as values of `PARTNER_COLUMNS`. Raises StoreError for what can't be stored."""
    check_storable(partner)
    values: Values = _partner_fields(partner)
    return values
