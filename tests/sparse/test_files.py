"""Partial files of killed writers go; those of living ones stay."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import pytest

from app.errors import ShardError
from app.sparse.files import GRACE_S, remove_leftovers, write_whole


def make_partial(path: Path, age_s: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half")
    then = time.time() - age_s
    os.utime(path, (then, then))
    return path


def test_a_dead_writers_file_is_removed(tmp_path: Path) -> None:
    left = make_partial(tmp_path / "stream" / "tokens" / "a.safetensors.0f.partial", GRACE_S + 1)
    write_whole(tmp_path / "stream" / "tokens" / "a.safetensors", b"whole")
    assert remove_leftovers(tmp_path) == [left]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.safetensors"]


def test_a_living_writers_file_stays(tmp_path: Path) -> None:
    locked = make_partial(tmp_path / "a.partial", GRACE_S + 1)
    young = make_partial(tmp_path / "b.partial", 0)
    with locked.open("rb") as handle:
        fcntl.flock(handle.fileno(), fcntl.LOCK_EX)
        assert remove_leftovers(tmp_path) == []
    assert locked.exists()
    assert remove_leftovers(tmp_path) == [locked]
    assert young.exists()


def test_a_file_that_can_not_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(ShardError, match="can't be written"):
        write_whole(tmp_path / "taken", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
