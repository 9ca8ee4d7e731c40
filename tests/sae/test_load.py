"""SAEs from folders: what is read, under which name and checksum, and prefixes of them."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from app.errors import SaeError
from app.sae.load import LoadedSae, load_sae, prefix
from tests.saved_saes import (
    D_IN,
    D_SAE,
    HOOK_NAME,
    MODEL_NAME,
    WEIGHTS_FILE,
    WIDTHS,
    Architecture,
    edit_config,
    edit_weights,
    save_matryoshka,
    save_sae,
)

ARCHITECTURES: tuple[Architecture, ...] = ("standard", "topk", "jumprelu", "gated")


def tokens(n: int = 50) -> torch.Tensor:
    return torch.randn(n, D_IN, generator=torch.Generator().manual_seed(1))


def saelens_encode(folder: Path, acts: torch.Tensor) -> torch.Tensor:
    """By SAELens alone."""
    from sae_lens import SAE

    with torch.no_grad():
        return torch.as_tensor(SAE.load_from_disk(folder, dtype="float32").encode(acts))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_plain_sae_is_what_saelens_loads(tmp_path: Path, architecture: Architecture, dtype: str) -> None:
    folder = save_sae(tmp_path / "mine", architecture, dtype=dtype)
    loaded = load_sae(str(folder))
    record = loaded.record
    assert (record.name, record.source) == ("mine", str(folder))
    assert (record.architecture, record.training_architecture) == (architecture, None)
    assert (record.d_in, record.d_sae, record.dtype) == (D_IN, D_SAE, dtype)
    assert (record.model_name, record.hook_name) == (MODEL_NAME, HOOK_NAME)
    assert (record.matryoshka_widths, record.widths_source) == (None, None)
    assert record.notes == ()
    assert loaded.levels == (D_SAE,)
    assert {weight.dtype for weight in loaded.module.state_dict().values()} == {torch.float32}
    assert torch.equal(loaded.module.encode(tokens()), saelens_encode(folder, tokens()))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_matryoshka_sae_keeps_its_widths(tmp_path: Path, dtype: str) -> None:
    folder = save_matryoshka(tmp_path / "m", dtype=dtype)
    loaded = load_sae(str(folder))
    assert loaded.record.architecture == "jumprelu"
    assert loaded.record.training_architecture == "matryoshka_batchtopk"
    assert loaded.record.matryoshka_widths == loaded.levels == loaded.whole_levels == WIDTHS
    assert loaded.record.widths_source == "metadata"
    assert torch.equal(loaded.module.encode(tokens()), saelens_encode(folder, tokens()))


def test_widths_from_elsewhere(tmp_path: Path) -> None:
    groups = load_sae(str(save_matryoshka(tmp_path / "groups", widths_in="group_sizes"))).record
    assert (groups.matryoshka_widths, groups.widths_source) == (WIDTHS, "group_sizes")
    folder = str(save_matryoshka(tmp_path / "nowhere", widths_in="nowhere"))
    declared = load_sae(folder, widths=[4, 12]).record
    assert (declared.matryoshka_widths, declared.widths_source) == (WIDTHS, "declared")
    unknown = load_sae(folder).record
    assert (unknown.matryoshka_widths, unknown.widths_source) == (None, None)
    assert unknown.notes == ("trained as a Matryoshka SAE, but its widths are not in the file; declare them",)
    with pytest.raises(SaeError, match=r"but the file says \[4, 12, 24\]"):
        load_sae(str(tmp_path / "groups"), widths=[4, 24])


def test_decoder_rows_and_norms(tmp_path: Path) -> None:
    folder = save_sae(tmp_path / "a")
    loaded = load_sae(str(folder))
    decoder = load_file(folder / WEIGHTS_FILE)["W_dec"].double()
    np.testing.assert_allclose(loaded.decoder_norms, (decoder**2).sum(dim=1).sqrt(), rtol=1e-6)
    np.testing.assert_allclose(loaded.unit_decoder * loaded.decoder_norms[:, None], decoder, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose((loaded.unit_decoder.astype(np.float64) ** 2).sum(axis=1), 1, rtol=1e-6)


def test_the_checksum_is_of_the_weights_file(tmp_path: Path) -> None:
    folder = save_sae(tmp_path / "a")
    record = load_sae(str(folder)).record
    assert record.checksum == hashlib.sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest()
    edit_weights(folder, lambda weights: weights["b_enc"].add_(1e-3))
    assert load_sae(str(folder)).record.checksum != record.checksum


def test_shards_are_shared_by_what_encodes_alike_and_only_by_that(tmp_path: Path) -> None:
    folder = save_sae(tmp_path / "a", "topk", k=5)
    key = load_sae(str(folder)).shard_key
    moved = shutil.copytree(folder, tmp_path / "moved")
    edit_config(moved, metadata={"hook_name": "elsewhere"}, device="cuda")
    assert load_sae(str(moved)).shard_key == key
    edit_config(moved, k=6)
    assert load_sae(str(moved)).shard_key != key
    assert load_sae(str(folder), widths=[4]).shard_key != key
    assert load_sae(str(save_sae(tmp_path / "b", "topk", k=5, seed=1))).shard_key != key


def test_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save_sae(tmp_path / "mine")
    assert load_sae(f"{folder}/").record.name == "mine"
    assert load_sae(str(folder), name="other").record.name == "other"
    monkeypatch.chdir(folder)
    assert load_sae(".").record.name == "mine"
    assert load_sae(".").record.source == str(folder)


def test_a_prefix_is_an_sae_of_its_own(tmp_path: Path) -> None:
    whole = load_sae(str(save_matryoshka(tmp_path / "m")))
    inner = prefix(whole, 12)
    assert (inner.record.name, inner.record.d_sae, inner.record.matryoshka_widths) == ("m@12", 12, (4, 12))
    assert (inner.levels, inner.whole_levels) == ((4, 12), WIDTHS)
    assert (inner.d_sae, inner.unit_decoder.shape, inner.decoder_norms.shape) == (12, (12, D_IN), (12,))
    np.testing.assert_array_equal(inner.unit_decoder, whole.unit_decoder[:12])
    assert inner.shard_key == whole.shard_key
    assert inner.record.checksum == whole.record.checksum
    assert prefix(inner, 4).d_sae == 4


@pytest.mark.parametrize("width", [0, 5, 25])
def test_a_prefix_has_a_levels_width(tmp_path: Path, width: int) -> None:
    whole = load_sae(str(save_matryoshka(tmp_path / "m")))
    with pytest.raises(SaeError, match=f"m@{width}: no such prefix; widths are 4, 12, 24"):
        prefix(whole, width)
    with pytest.raises(SaeError, match="no such prefix; widths are 4, 12"):
        prefix(prefix(whole, 12), 24)


def test_some_zero_decoder_rows_are_worth_a_note(tmp_path: Path) -> None:
    folder = save_sae(tmp_path / "a")
    edit_weights(folder, lambda weights: weights["W_dec"][:2].zero_())
    loaded = load_sae(str(folder))
    assert loaded.record.notes == ("2 of 24 decoder rows are zero: these latents count as dead",)
    assert not loaded.unit_decoder[:2].any()
    assert loaded.unit_decoder[2:].any(axis=1).all()


def test_a_loaded_sae_does_not_train(tmp_path: Path) -> None:
    loaded: LoadedSae = load_sae(str(save_sae(tmp_path / "a")))
    assert not loaded.module.training
    assert not any(weight.requires_grad for weight in loaded.module.parameters())


def test_its_place_on_neuronpedia(tmp_path: Path) -> None:
    def named(name: str, value: object) -> str | None:
        folder = save_sae(tmp_path / name)
        metadata = json.loads((folder / "cfg.json").read_text())["metadata"]
        edit_config(folder, metadata={**metadata, "neuronpedia_id": value})
        return load_sae(str(folder)).record.neuronpedia_id

    assert named("a", "gemma-2-2b/12-gemmascope-res-16k") == "gemma-2-2b/12-gemmascope-res-16k"
    assert named("b", "javascript:alert(1)") is None
    assert named("c", ["x"]) is None
