"""Keys: found while they can be used, never stored as they are."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select

from app.errors import NotFoundError, QueryError
from app.records.access import SCOPES, allowed_by
from app.store.keys import KEY, create_key, find_key, has_keys, list_keys, revoke_key
from app.store.session import reading
from app.store.tables import api_keys


def test_a_key_is_found_until_it_is_revoked(engine: Engine) -> None:
    assert not has_keys(engine)
    record, key = create_key(engine, "a script", ("write", "read", "read"))
    other, _ = create_key(engine, "another", ("admin",))
    assert KEY.fullmatch(key)
    assert record.scopes == ("read", "write")
    assert find_key(engine, key) == record
    assert list_keys(engine) == [other, record]
    revoke_key(engine, record.public_id)
    assert find_key(engine, key) is None
    assert list_keys(engine)[1].revoked_at is not None
    with pytest.raises(NotFoundError, match="key list"):
        revoke_key(engine, record.public_id)
    assert has_keys(engine)
    revoke_key(engine, other.public_id)
    assert not has_keys(engine)


def test_any_other_text_is_not_a_key(engine: Engine) -> None:
    _, key = create_key(engine, "x", ("admin",))
    last = "A" if key[-1] != "A" else "B"
    for given in (
        "",
        key[:-1],
        key + "A",
        key[:-1] + last,
        key.upper(),
        "hs_",
        "é" * 60,
        key.replace("_", "-", 1),
        "\x00",
    ):
        assert find_key(engine, given) is None


def test_the_key_itself_is_stored_nowhere(engine: Engine) -> None:
    _, key = create_key(engine, "x", ("read",))
    with reading(engine) as connection:
        (row,) = connection.execute(select(api_keys)).all()
    assert key.rsplit("_", 1)[1] not in str(row)


@pytest.mark.parametrize(("name", "scopes"), [("", ("read",)), ("x\n", ("read",)), ("x", ()), ("x", ("read", "all"))])
def test_other_scopes_and_names_are_refused(engine: Engine, name: str, scopes: tuple[str, ...]) -> None:
    with pytest.raises(QueryError):
        create_key(engine, name, scopes)
    assert list_keys(engine) == []


def test_scopes_include_reading() -> None:
    assert allowed_by(("admin",)) == set(SCOPES)
    for scope in SCOPES:
        assert "read" in allowed_by((scope,))
    assert "write" not in allowed_by(("prompt",))
    assert "prompt" not in allowed_by(("write",))
    assert allowed_by(()) == set()
