"""Keys of the API: made, found, listed, revoked. Only a digest of a key is stored."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Engine, func, insert, select, update

from app.errors import NotFoundError, QueryError
from app.records.access import SCOPES, KeyRecord, ScopeName
from app.store.session import reading, writing
from app.store.tables import api_keys

KEY: Final = re.compile(r"hs_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
MAX_NAME: Final = 100


def create_key(engine: Engine, name: str, scopes: Sequence[str]) -> tuple[KeyRecord, str]:
    """A new key: its record, and the key itself, which can't be read again.

    Raises:
        QueryError: an unknown scope, none, or an unusable name.
    """
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise QueryError(f"the name has {len(name)} characters; expected 1 to {MAX_NAME} on one line", parameter="name")
    checked = checked_scopes(scopes)
    public_id = secrets.token_hex(6)
    key = f"hs_{public_id}_{secrets.token_urlsafe(32)}"
    record = KeyRecord(public_id, name, checked, datetime.now(UTC))
    values = {
        "public_id": public_id,
        "name": name,
        "scopes": ",".join(checked),
        "digest": _digest(key),
        "created_at": record.created_at,
    }
    with writing(engine) as connection:
        connection.execute(insert(api_keys).values(values))
    return record, key


def checked_scopes(names: Sequence[str]) -> tuple[ScopeName, ...]:
    """Scopes in order, each once. Raises QueryError."""
    unknown = [name for name in names if name not in SCOPES]
    if unknown or not names:
        found = f"scope is {unknown[0]!r}" if unknown else "no scope is given"
        raise QueryError(f"{found}; expected some of {', '.join(SCOPES)}", parameter="scope", valid=SCOPES)
    return tuple(scope for scope in SCOPES if scope in names)


def find_key(engine: Engine, given: str) -> KeyRecord | None:
    """The record of a key that can be used; None for any other text, in constant time for a key that exists."""
    parts = KEY.fullmatch(given)
    if parts is None:
        return None
    query = select(api_keys).where(api_keys.c.public_id == parts[1], api_keys.c.revoked_at.is_(None))
    with reading(engine) as connection:
        row = connection.execute(query).first()
    if row is None or not hmac.compare_digest(row.digest, _digest(given)):
        return None
    return _record(row)


def list_keys(engine: Engine) -> list[KeyRecord]:
    """All keys, newest first, revoked ones included."""
    with reading(engine) as connection:
        return [_record(row) for row in connection.execute(select(api_keys).order_by(api_keys.c.id.desc()))]


def has_keys(engine: Engine) -> bool:
    """Whether any key can be used."""
    query = select(func.count()).select_from(api_keys).where(api_keys.c.revoked_at.is_(None))
    with reading(engine) as connection:
        return bool(connection.execute(query).scalar_one())


def revoke_key(engine: Engine, public_id: str) -> None:
    """Make a key unusable from now on.

    Raises:
        NotFoundError: no key that can be used has this id.
    """
    mine = update(api_keys).where(api_keys.c.public_id == public_id, api_keys.c.revoked_at.is_(None))
    with writing(engine) as connection:
        if connection.execute(mine.values(revoked_at=datetime.now(UTC))).rowcount == 0:
            raise NotFoundError(f"no key {public_id!r} can be used; `hedgescope key list` shows the ids")


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _record(row: Any) -> KeyRecord:
    return KeyRecord(row.public_id, row.name, tuple(row.scopes.split(",")), row.created_at, row.revoked_at)
