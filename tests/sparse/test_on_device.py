"""What runs on a GPU, run on the processor: the same active latents as the processor's own way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from app.activations.stream import ActivationStream
from app.errors import ExecutorError
from app.executor.device import Device
from app.executor.local import run_shards
from app.sae.load import LoadedSae, load_sae
from app.sparse import on_device
from app.sparse.encode import encode
from app.sparse.on_device import DeviceEncoder, product_in_float32
from app.sparse.shards import ShardStore, plan_shards
from tests.saved_saes import save_matryoshka, save_sae
from tests.sparse.streams import CountingStream, random_acts, save_acts

CPU = torch.device("cpu")
DEVICES = [CPU, *([torch.device("cuda")] if torch.cuda.is_available() else [])]


@pytest.fixture(params=["standard", "topk", "jumprelu", "matryoshka"])
def sae(request: pytest.FixtureRequest, tmp_path: Path) -> LoadedSae:
    folder = tmp_path / "sae"
    saved = save_matryoshka(folder) if request.param == "matryoshka" else save_sae(folder, request.param, d_sae=12)
    return load_sae(str(saved))


@pytest.mark.parametrize("device", DEVICES, ids=str)
@pytest.mark.parametrize("n_tokens", [1, 7, 300])
def test_it_finds_the_same_active_latents(
    sae: LoadedSae, device: torch.device, n_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_device, "BLOCK_VALUES", 64 * 12)
    acts = random_acts(n_tokens)
    here, there = encode(sae, acts), DeviceEncoder(device)(sae, acts)
    np.testing.assert_array_equal(there.counts, here.counts)
    np.testing.assert_array_equal(there.latent, here.latent)
    np.testing.assert_allclose(there.value, here.value, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(there.residual, here.residual, rtol=1e-5)
    kinds = [array.dtype.name for array in (there.latent, there.value, there.residual)]
    assert kinds == ["int32", "float32", "float64"]


@pytest.mark.parametrize("level", [-100.0, 100.0], ids=["none", "all"])
def test_no_latent_active_and_all_of_them(sae: LoadedSae, level: float) -> None:
    with torch.no_grad():
        sae.module.b_enc.fill_(level)
    acts = random_acts(5)
    here, there = encode(sae, acts), DeviceEncoder(CPU)(sae, acts)
    np.testing.assert_array_equal(there.counts, here.counts)
    np.testing.assert_array_equal(there.latent, here.latent)
    np.testing.assert_allclose(there.residual, here.residual, rtol=1e-4)


def test_a_product_of_bfloat16_is_summed_in_float32() -> None:
    """1 + 2^-9, 4,096 times over, is lost in bfloat16, which keeps 8 bits."""
    left, right = torch.ones(1, 4096), torch.full((4096, 1), 1.0078125, dtype=torch.bfloat16)
    assert product_in_float32(left, right).item() == 4096 * 1.0078125
    assert product_in_float32(left, right).dtype == torch.float32


def test_two_shards_at_once_are_the_same_as_one_after_the_other(sae: LoadedSae, tmp_path: Path) -> None:
    stream = CountingStream(save_acts(tmp_path / "acts.safetensors", random_acts(2100)))
    shards = plan_shards(stream.rows, 2)
    found: list[dict[str, dict[str, Any]]] = []
    for at_once in (1, 2):
        store, done = ShardStore(tmp_path / str(at_once), stream.key), list[int]()
        run_shards(stream, [sae], store, shards, progress=done.append, device=Device(at_once=at_once))
        assert done == [shard.n_tokens for shard in shards]
        found.append({str(path.relative_to(store.folder)): load_file(path) for path in store.folder.rglob("*.saf*")})
    assert found[0].keys() == found[1].keys()
    for name, arrays in found[0].items():
        for key, values in arrays.items():
            # Sums over tokens are added up in another order where threads share the work.
            same = np.testing.assert_allclose if key.startswith("sum_") else np.testing.assert_array_equal
            same(found[1][name][key], values)


def test_an_error_of_one_of_two_shards_stops_the_run(sae: LoadedSae, tmp_path: Path) -> None:
    stream = CountingStream(save_acts(tmp_path / "acts.safetensors", random_acts(2100)))

    def interrupt(n_tokens: int) -> None:
        raise KeyboardInterrupt

    store, shards = ShardStore(tmp_path / "store", stream.key), plan_shards(stream.rows, 2)
    with pytest.raises(KeyboardInterrupt):
        run_shards(stream, [sae], store, shards, progress=interrupt, device=Device(at_once=2))
    n_read = len(stream.reads)
    assert n_read < len(shards)
    run_shards(stream, [sae], store, shards, device=Device(at_once=2))
    assert len(stream.reads) == len(shards)


@pytest.mark.parametrize(("error", "where"), [(torch.OutOfMemoryError, "the GPU"), (MemoryError, "this machine")])
def test_out_of_memory_says_which_rows_and_what_to_do(
    sae: LoadedSae, tmp_path: Path, error: type[Exception], where: str
) -> None:
    stream: ActivationStream = CountingStream(save_acts(tmp_path / "acts.safetensors", random_acts(300)))

    def fails(*_: Any) -> Any:
        raise error("tried to allocate 40 GiB")

    with pytest.raises(
        ExecutorError, match=rf"rows 0 to 1: {where} ran out of memory; set HEDGESCOPE_ROWS_PER_FORWARD"
    ):
        Device(fails).run_shard(stream, [sae], ShardStore(tmp_path, stream.key), plan_shards(stream.rows, 2)[0])
