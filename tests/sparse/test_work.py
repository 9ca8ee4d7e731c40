from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.errors import ActivationsError, SaeError
from app.sae.load import load_sae, prefix
from app.sparse.inputs import unpack
from app.sparse.shards import TOKEN_FOLDER, Shard, ShardStore, plan_shards
from app.sparse.work import encode_shard, missing_saes
from tests.saved_saes import D_SAE, WIDTHS, save_matryoshka, save_sae
from tests.sparse.streams import CountingStream, random_acts, save_acts

N_TOKENS = 700
"""Six rows; the last one is not full."""


@pytest.fixture
def stream(tmp_path: Path) -> CountingStream:
    return CountingStream(save_acts(tmp_path / "acts.safetensors", random_acts(N_TOKENS)))


@pytest.fixture
def store(tmp_path: Path, stream: CountingStream) -> ShardStore:
    return ShardStore(tmp_path / "shards", stream.key)


def test_a_shard_holds_what_saelens_computes(tmp_path: Path, stream: CountingStream, store: ShardStore) -> None:
    from sae_lens import SAE

    folder = save_matryoshka(tmp_path / "m")
    sae = load_sae(str(folder))
    shard = plan_shards(stream.rows, 4)[1]
    assert shard == Shard(4, 6, N_TOKENS - 4 * 128)
    encode_shard(stream, [sae], store, shard)
    tokens = store.read_tokens(shard)
    acts, residual = store.read_acts(shard, sae.shard_key, tokens.rows)
    here = random_acts(N_TOKENS)[4 * 128 :]
    theirs = SAE.load_from_disk(folder).requires_grad_(False)
    latents = theirs.encode(here)
    np.testing.assert_allclose(acts.csr(np.float32).toarray(), latents * theirs.W_dec.norm(dim=1), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(acts.row * 128 + acts.position, np.arange(4 * 128, N_TOKENS))
    for level, width in enumerate(WIDTHS):
        inner = latents[:, :width] @ theirs.W_dec[:width] + theirs.b_dec
        assert residual[level] == pytest.approx(float((here - inner).double().square().sum()), rel=1e-5)
    np.testing.assert_array_equal(tokens.rows.ids[tokens.rows.keep], np.arange(4 * 128, N_TOKENS))
    np.testing.assert_allclose(tokens.sum_acts, here.double().sum(dim=0), rtol=1e-10)
    assert tokens.sum_squares == pytest.approx(float(here.double().square().sum()), rel=1e-12)
    np.testing.assert_array_equal(tokens.input_token, np.arange(len(here)))
    np.testing.assert_allclose(unpack(tokens.inputs, tokens.input_scale), here, rtol=1e-3, atol=1e-6)


def test_only_what_is_missing_is_computed(tmp_path: Path, stream: CountingStream, store: ShardStore) -> None:
    one, other = load_sae(str(save_sae(tmp_path / "one"))), load_sae(str(save_sae(tmp_path / "other", seed=1)))
    shard = plan_shards(stream.rows, 4)[0]
    assert missing_saes(store, shard, [one, other]) == [one, other]
    encode_shard(stream, [one], store, shard)
    assert stream.reads == [(0, 4)]
    assert missing_saes(store, shard, [one, other]) == [other]
    encode_shard(stream, [one], store, shard)
    assert stream.reads == [(0, 4)]
    before = {path: path.stat().st_mtime_ns for path in store.folder.rglob("*.safetensors")}
    encode_shard(stream, [one, other], store, shard)
    assert stream.reads == [(0, 4), (0, 4)]
    assert missing_saes(store, shard, [one, other]) == []
    after = {path: path.stat().st_mtime_ns for path in store.folder.rglob("*.safetensors")}
    assert {path: after[path] for path in before} == before
    assert [path.parent.name for path in set(after) - set(before)] == [other.shard_key]


def test_a_prefix_and_its_sae_are_encoded_once(tmp_path: Path, stream: CountingStream, store: ShardStore) -> None:
    whole = load_sae(str(save_matryoshka(tmp_path / "m")))
    inner = prefix(whole, WIDTHS[0])
    shard = plan_shards(stream.rows, 4)[0]
    assert len(missing_saes(store, shard, [inner, whole])) == 1
    encode_shard(stream, [inner], store, shard)
    assert missing_saes(store, shard, [whole]) == []
    acts, residual = store.read_acts(shard, whole.shard_key, store.read_tokens(shard).rows)
    assert acts.n_latents == D_SAE
    assert acts.latent.max() >= WIDTHS[0]
    assert len(residual) == len(WIDTHS)


def test_lost_tokens_are_written_again(tmp_path: Path, stream: CountingStream, store: ShardStore) -> None:
    sae = load_sae(str(save_sae(tmp_path / "sae")))
    shard = plan_shards(stream.rows, 4)[0]
    encode_shard(stream, [sae], store, shard)
    tokens = store.folder / TOKEN_FOLDER / shard.file_name
    content = tokens.read_bytes()
    tokens.unlink()
    encode_shard(stream, [sae], store, shard)
    assert tokens.read_bytes() == content


def test_another_width_is_refused_before_anything_is_read(
    tmp_path: Path, stream: CountingStream, store: ShardStore
) -> None:
    fits, wide = load_sae(str(save_sae(tmp_path / "fits"))), load_sae(str(save_sae(tmp_path / "wide", d_in=20)))
    with pytest.raises(SaeError, match="wide: reads activations of width 20, but these have width 16; give the model"):
        encode_shard(stream, [fits, wide], store, plan_shards(stream.rows)[0])
    assert stream.reads == []
    assert not store.folder.exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nothing_is_written_of_a_shard_with_a_broken_activation(tmp_path: Path, value: float) -> None:
    acts = random_acts(N_TOKENS)
    acts[N_TOKENS - 1, 2] = value
    stream = CountingStream(save_acts(tmp_path / "acts.safetensors", acts))
    store, sae = ShardStore(tmp_path / "shards", stream.key), load_sae(str(save_sae(tmp_path / "sae")))
    first, last = plan_shards(stream.rows, 4)
    encode_shard(stream, [sae], store, first)
    with pytest.raises(ActivationsError, match="NaN or infinite activations in rows"):
        encode_shard(stream, [sae], store, last)
    assert {path.name for path in store.folder.rglob("*.safetensors")} == {first.file_name}
