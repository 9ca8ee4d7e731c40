"""Records kept whole in one column: JSON for what is read as a whole, packed arrays for profiles.

JSON payloads of latents and pairs are compressed (zlib, level 1): contexts are mostly zeros and shrink to about a
tenth, 100 MB to 10 MB for 4,608 latents, which is faster to write than the plain text.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from math import isfinite
from typing import Any, TypeVar

import orjson
from pydantic import TypeAdapter

from app.errors import StoreError
from app.records import (
    ComparisonSummary,
    DegreeRecord,
    FiringCells,
    InterventionSummary,
    LatentDetail,
    PairDetail,
    PairProfile,
    SaeRecord,
    TextRow,
)
from app.store.validate import check_storable

Record = TypeVar("Record")

SAE: TypeAdapter[SaeRecord] = TypeAdapter(SaeRecord)
SUMMARY: TypeAdapter[ComparisonSummary] = TypeAdapter(ComparisonSummary)
DETAIL: TypeAdapter[LatentDetail] = TypeAdapter(LatentDetail)
PAIR: TypeAdapter[PairDetail] = TypeAdapter(PairDetail)
CELLS: TypeAdapter[FiringCells] = TypeAdapter(FiringCells)
TEXT_ROW: TypeAdapter[TextRow] = TypeAdapter(TextRow)

PROFILE_HEAD = struct.Struct("<BI")
"""Whether all reference latents are listed; how many are."""


def to_json(value: Any) -> str:
    """Any storable record or plain value as JSON text.

    Raises:
        StoreError: it holds NaN, a foreign type, or text that is not valid Unicode.
    """
    return _json(value).decode()


def compress(record: LatentDetail | PairDetail | FiringCells | DegreeRecord | InterventionSummary) -> bytes:
    """A record as compressed JSON; `expand` reverses it. Raises StoreError as `to_json`."""
    return zlib.compress(_json(record), 1)


def expand(adapter: TypeAdapter[Record], payload: bytes) -> Record:
    """The record that `compress` was given."""
    return adapter.validate_json(zlib.decompress(payload))


def _json(value: Any) -> bytes:
    try:
        encoded = orjson.dumps(value)
    except TypeError as error:
        check_storable(value)
        raise StoreError(
            f"{type(value).__name__} can't be stored as JSON; nothing was stored", reason=str(error)
        ) from error
    # orjson refuses foreign types, but makes NaN null: the numbers are only looked at where there are more nulls
    # than the record has by right.
    if b"null" in encoded and encoded.count(b"null") != _n_null(value):
        check_storable(value)
    return encoded


def _n_null(value: Any) -> int:
    """How often a latent's detail, of which there are many, has no value; -1 for other records, which are few."""
    if not isinstance(value, LatentDetail):
        return -1
    without_partner = sum(context.partner_activations is None for context in value.contexts)
    return without_partner + (value.logit_weights is None)


def pack_profile(profile: PairProfile) -> bytes:
    """Indices as int32, counts as int64, cosines as float32, little-endian, compressed.

    Raises:
        StoreError: lengths differ, a number does not fit, or a cosine is not finite.
    """
    n = len(profile.indices)
    where = f"profile of narrow latent {profile.narrow_index}"
    if not len(profile.n_both) == len(profile.decoder_cosine) == n:
        lengths = f"{n}, {len(profile.n_both)} and {len(profile.decoder_cosine)}"
        raise StoreError(f"{where}: indices, n_both and decoder_cosine have lengths {lengths}; expected equal ones")
    try:
        cosines = array("f", profile.decoder_cosine)
        packed: list[array[Any]] = [array("i", profile.indices), array("q", profile.n_both), cosines]
        head = PROFILE_HEAD.pack(profile.complete, n)
    except (OverflowError, TypeError, struct.error) as error:
        raise StoreError(f"{where}: expected int32 indices and int64 counts", reason=str(error)) from error
    # A sum is finite only if each of its terms is.
    if not isfinite(sum(cosines)) or max(cosines, default=0) > 2 or min(cosines, default=0) < -2:
        raise StoreError(f"{where}: field decoder_cosine holds NaN or a number outside [-1, 1]; nothing was stored")
    body = b"".join(_little_endian(values) for values in packed)
    return zlib.compress(head + body, 1)


def _little_endian(values: array[Any]) -> bytes:
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def unpack_profile(narrow_index: int, payload: bytes) -> PairProfile:
    """The profile that `pack_profile` was given."""
    data = zlib.decompress(payload)
    complete, n = PROFILE_HEAD.unpack_from(data)
    values = struct.unpack_from(f"<{n}i{n}q{n}f", data, PROFILE_HEAD.size)
    return PairProfile(narrow_index, values[:n], values[n : 2 * n], values[2 * n :], bool(complete))
