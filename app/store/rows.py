"""One record, one row: the two directions side by side, so that they stay each other's inverse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import orjson

from app.records import LatentScores, Partner
from app.store.payloads import to_json
from app.store.tables import latent_column, partner_column
from app.store.validate import check_storable

Row = dict[str, Any]

LATENT_NAMES = tuple(field.name for field in fields(LatentScores))
LATENT_COLUMNS = tuple(latent_column(name) for name in LATENT_NAMES)
PARTNER_NAMES = tuple(field.name for field in fields(Partner))
PARTNER_COLUMNS = tuple(partner_column(name) for name in PARTNER_NAMES)

LATENT_KEYS = tuple(column.name for column in LATENT_COLUMNS)
PARTNER_KEYS = tuple(column.name for column in PARTNER_COLUMNS)


def storable_text(text: str) -> str:
    """Text as any database takes it: NUL, which PostgreSQL can't hold, as the symbol ␀, half characters as `?`."""
    return text.replace("\x00", "␀").encode(errors="replace").decode()


def fold(text: str) -> str:
    """Text as searches compare it: without regard to case."""
    return storable_text(text).casefold()


def latent_row(latent: LatentScores) -> Row:
    """A row of `latents`, without its comparison. Raises StoreError for what can't be stored."""
    check_storable(latent)
    row = dict(zip(LATENT_KEYS, (getattr(latent, name) for name in LATENT_NAMES), strict=True))
    row["label"] = storable_text(latent.label)
    row["label_folded"] = fold(latent.label)
    row["reasons"] = to_json(dict(latent.reasons))
    return row


def latent_from(values: Sequence[Any]) -> LatentScores:
    """The latent of a row of `LATENT_COLUMNS`, whose last one is `reasons`."""
    *numbers, reasons = values
    return LatentScores(*(*numbers, orjson.loads(reasons)))


def partner_from(values: Sequence[Any]) -> Partner:
    """The partner of a row of `PARTNER_COLUMNS`."""
    return Partner(*values)


def partner_row(partner: Partner) -> Row:
    """A row of `partners`, without its comparison. Raises StoreError for what can't be stored."""
    check_storable(partner)
    return dict(zip(PARTNER_KEYS, (getattr(partner, name) for name in PARTNER_NAMES), strict=True))
