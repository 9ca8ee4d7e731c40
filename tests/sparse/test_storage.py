"""Shards in a folder and in object storage: the same bytes, whole or not there."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import fsspec
import numpy as np
import pytest

from app.errors import ShardError
from app.executor.local import run_shards
from app.sae.load import load_sae
from app.sparse.shards import ShardStore, plan_shards
from app.sparse.storage import Folder, Remote, open_storage
from tests.saved_saes import save_sae
from tests.sparse.streams import CountingStream, random_acts, save_acts

S3 = os.environ.get("HEDGESCOPE_TEST_S3")
"""`s3://bucket/prefix?…` of a server to test with; its credentials come from the environment."""


@pytest.fixture(params=["path", "file", "memory", pytest.param("s3", marks=pytest.mark.skipif(not S3, reason="no S3"))])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty place."""
    name = uuid4().hex
    if request.param == "s3":
        assert S3 is not None
        prefix, found, options = S3.partition("?")
        yield f"{prefix}/{name}{found}{options}"
    elif request.param == "memory":
        yield f"memory://{name}"
        fsspec.filesystem("memory").pseudo_dirs.clear()
        fsspec.filesystem("memory").store.clear()
    else:
        yield str(tmp_path / name) if request.param == "path" else f"file://{tmp_path / name}"


def test_what_is_written_is_there(root: str) -> None:
    storage = open_storage(root)
    assert not storage.exists("a/b.bin")
    storage.write("a/b.bin", b"first")
    storage.write("a/b.bin", b"second")
    assert storage.exists("a/b.bin")
    assert storage.read("a/b.bin") == b"second"
    assert storage.where("a/b.bin").endswith("a/b.bin")
    with pytest.raises(OSError, match=r"(?s)."):
        storage.read("a/c.bin")
    assert pickle.loads(pickle.dumps(storage)).read("a/b.bin") == b"second"


def test_shards_are_the_same_wherever_they_are(root: str, tmp_path: Path) -> None:
    stream = CountingStream(save_acts(tmp_path / "acts.safetensors", random_acts(700)))
    sae = load_sae(str(save_sae(tmp_path / "sae", "jumprelu", d_sae=8)))
    shards = plan_shards(stream.rows, 2)
    here, there = ShardStore(tmp_path / "here", stream.key), ShardStore(root, stream.key)
    for store in (here, there):
        run_shards(stream, [sae], store, shards)
    n_reads = len(stream.reads)
    run_shards(stream, [sae], there, shards)
    assert len(stream.reads) == n_reads
    for shard in shards:
        tokens = there.read_tokens(shard)
        np.testing.assert_array_equal(tokens.sum_acts, here.read_tokens(shard).sum_acts)
        ours, theirs = (store.read_acts(shard, sae.shard_key, tokens.rows)[0] for store in (here, there))
        np.testing.assert_array_equal(ours.value, theirs.value)
        np.testing.assert_array_equal(ours.indptr, theirs.indptr)


def test_a_lost_object_is_named(root: str, tmp_path: Path) -> None:
    stream = CountingStream(save_acts(tmp_path / "acts.safetensors", random_acts(300)))
    shard = plan_shards(stream.rows)[0]
    with pytest.raises(ShardError, match=rf"tokens-3/{shard.file_name}: this shard can't be read; .* run the same"):
        ShardStore(root, stream.key).read_tokens(shard)


def test_a_file_system_without_whole_objects_gets_another_name_first() -> None:
    fsspec.register_implementation("slow", fsspec.get_filesystem_class("memory"), clobber=True)
    storage = Remote("slow", f"/{uuid4().hex}")
    storage.write("a.bin", b"content")
    assert storage.read("a.bin") == b"content"
    assert [path.rpartition("/")[2] for path in fsspec.filesystem("memory").find(storage.prefix)] == ["a.bin"]


def test_addresses() -> None:
    assert open_storage("data/shards") == Folder(Path("data/shards"))
    assert open_storage("file:///tmp/x") == Folder(Path("/tmp/x"))
    assert open_storage("s3://bucket/prefix/") == Remote("s3", "bucket/prefix")
    assert open_storage("gs://bucket/a").where("b") == "gs://bucket/a/b"


def test_an_unknown_protocol_is_said_in_one_line() -> None:
    with pytest.raises(ShardError, match=r"nosuch://place: can't be reached; expected a folder, s3://.* \(.*nosuch\)"):
        open_storage("nosuch://place").write("a", b"")
