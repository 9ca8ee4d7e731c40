"""Keys on the command line, and a server that does not let others in without one."""

from __future__ import annotations

import json

import pytest

from app.cli.serve import require_key
from app.errors import SettingsError
from app.settings import Settings
from app.store.keys import find_key
from tests.cli.conftest import Terminal


def test_a_key_is_made_listed_and_revoked(terminal: Terminal) -> None:
    made = terminal.run("key", "create", "--scope", "read, write", "--name", "a script")
    key = made.out.strip()
    assert made.code == 0
    assert "not shown again" in made.err
    engine = terminal.engine()
    record = find_key(engine, key)
    assert record is not None
    assert record.scopes == ("read", "write")
    listed = terminal.run("key", "list")
    assert record.public_id in listed.out
    assert "a script" in listed.out
    assert key not in listed.out
    as_json = json.loads(terminal.run("key", "list", "--json").out)
    assert as_json == {"id": record.public_id, "name": "a script", "scopes": ["read", "write"], "state": "usable"}
    assert terminal.run("key", "revoke", record.public_id).code == 0
    assert find_key(engine, key) is None
    assert "revoked" in terminal.run("key", "list").out
    engine.dispose()


def test_what_is_wrong_is_one_line(terminal: Terminal) -> None:
    unknown = terminal.run("key", "create", "--scope", "all")
    assert (unknown.code, "expected some of read, prompt, write, admin" in unknown.err) == (1, True)
    missing = terminal.run("key", "revoke", "nope")
    assert (missing.code, "hedgescope key list" in missing.err) == (1, True)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1"])
def test_other_computers_are_not_let_in_without_a_key(terminal: Terminal, host: str) -> None:
    refused = terminal.run("serve", "--host", host, "--port", "0", "--no-worker")
    assert refused.code == 1
    assert "hedgescope key create --scope read,prompt,write" in refused.err
    assert len(refused.err.strip().splitlines()) == 1


def test_with_a_key_or_on_this_computer_it_serves(terminal: Terminal) -> None:
    engine = terminal.engine()
    for host in ("127.0.0.1", "127.0.0.2", "::1", "localhost"):
        require_key(Settings(host=host), engine)
    with pytest.raises(SettingsError):
        require_key(Settings(host="0.0.0.0"), engine)
    require_key(Settings(host="0.0.0.0", jobs_token="x"), engine)
    terminal.run("key", "create")
    require_key(Settings(host="0.0.0.0"), engine)
    engine.dispose()
