from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from app.errors import PreflightError, SaeError
from app.sae.load import LoadedSae, load_sae, prefix
from tests.saved_saes import (
    CONFIG_FILE,
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


def remove(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def truncate(folder: Path) -> None:
    weights = folder / WEIGHTS_FILE
    weights.write_bytes(weights.read_bytes()[:-1000])


def config(text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / CONFIG_FILE).write_text(text)


def configured(**changes: Any) -> Callable[[Path], object]:
    return lambda folder: edit_config(folder, **changes)


def without(key: str) -> Callable[[Path], object]:
    def drop(folder: Path) -> None:
        content = json.loads((folder / CONFIG_FILE).read_text())
        del content[key]
        (folder / CONFIG_FILE).write_text(json.dumps(content))

    return drop


def edited(edit: Callable[[dict[str, torch.Tensor]], Any]) -> Callable[[Path], object]:
    return lambda folder: edit_weights(folder, edit)


UNREADABLE = [
    (shutil.rmtree, f"no such folder; expected a folder with {CONFIG_FILE}, or `release:sae_id` on the Hub"),
    (remove(CONFIG_FILE), rf"has no {CONFIG_FILE} \(found {WEIGHTS_FILE}\)"),
    (remove(WEIGHTS_FILE), f"has no {WEIGHTS_FILE}; expected a SAELens folder"),
    (truncate, f"{WEIGHTS_FILE}: not a complete safetensors file; download it again .*incomplete"),
    (config("{"), "not JSON"),
    (config("[1]"), "d_in is missing or not a number"),
    (config("\x00\x01"), "not JSON"),
    (configured(d_in="wide"), "d_in is missing or not a number"),
    (without("d_sae"), "SAELens can't load it .*d_sae"),
    (without("architecture"), "SAELens can't load it"),
    (configured(architecture="unheard_of"), "SAELens can't load it .*unheard_of"),
    (edited(lambda weights: weights.pop("b_enc")), "SAELens can't load it .*b_enc"),
]

UNUSABLE = [
    (edited(lambda weights: weights["W_enc"][3, 4].fill_(float("nan"))), "W_enc has 1 values that are NaN or infinite"),
    (edited(lambda weights: weights["b_dec"].fill_(float("inf"))), "b_dec has 16 values that are NaN or infinite"),
    (edited(lambda weights: weights["W_dec"].zero_()), "all decoder rows are zero"),
    (
        edited(lambda weights: weights.update(b_enc=weights["b_enc"][1:])),
        r"b_enc has shape \[23\]; cfg.json says \[24\]",
    ),
    (
        edited(lambda weights: weights.update(W_dec=weights["W_dec"].T)),
        r"W_dec has shape \[16, 24\]; cfg.json says \[24, 16\]",
    ),
]


@pytest.mark.parametrize(("spoil", "message"), UNREADABLE)
def test_what_can_not_be_read_is_explained_in_one_line(
    tmp_path: Path, spoil: Callable[[Path], Any], message: str
) -> None:
    folder = save_sae(tmp_path / "a")
    spoil(folder)
    with pytest.raises(SaeError, match=message) as caught:
        load_sae(str(folder))
    assert not isinstance(caught.value, PreflightError)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(("spoil", "message"), UNUSABLE)
def test_what_can_not_be_used_is_explained_in_one_line(
    tmp_path: Path, spoil: Callable[[Path], Any], message: str
) -> None:
    folder = save_sae(tmp_path / "a")
    spoil(folder)
    with pytest.raises(PreflightError, match=message) as caught:
        load_sae(str(folder))
    assert str(caught.value).startswith(f"{folder}: ")
    assert len(caught.value.problems) == 1
    assert "\n" not in str(caught.value)


def test_every_problem_is_told(tmp_path: Path) -> None:
    def spoil(weights: dict[str, torch.Tensor]) -> None:
        weights["W_enc"][:, 0] = float("nan")
        weights["b_enc"][:2] = float("inf")

    folder = save_sae(tmp_path / "a")
    edit_weights(folder, spoil)
    with pytest.raises(PreflightError) as caught:
        load_sae(str(folder))
    assert set(caught.value.problems) == {
        "W_enc has 16 values that are NaN or infinite; expected none",
        "b_enc has 2 values that are NaN or infinite; expected none",
    }


def test_weights_of_another_width_are_told_tensor_by_tensor(tmp_path: Path) -> None:
    folder = save_sae(tmp_path / "a", "jumprelu")
    edit_config(folder, d_sae=12)
    with pytest.raises(PreflightError) as caught:
        load_sae(str(folder))
    assert caught.value.problems == (
        "W_enc has shape [16, 24]; cfg.json says [16, 12]",
        "W_dec has shape [24, 16]; cfg.json says [12, 16]",
        "b_enc has shape [24]; cfg.json says [12]",
        "threshold has shape [24]; cfg.json says [12]",
    )


def test_some_zero_decoder_rows_are_worth_a_note(tmp_path: Path) -> None:
    folder = save_sae(tmp_path / "a")
    edit_weights(folder, lambda weights: weights["W_dec"][:2].zero_())
    loaded = load_sae(str(folder))
    assert loaded.record.notes == ("2 of 24 decoder rows are zero: these latents count as dead",)
    assert not loaded.unit_decoder[:2].any()
    assert loaded.unit_decoder[2:].any(axis=1).all()


def test_an_sae_that_does_not_encode_token_by_token_is_refused(tmp_path: Path) -> None:
    from sae_lens.registry import get_sae_class

    sae_class, config_class = get_sae_class("transcoder")
    sae_class(config_class(d_in=D_IN, d_sae=D_SAE, d_out=8, apply_b_dec_to_input=False)).save_model(tmp_path / "t")
    with pytest.raises(PreflightError, match="architecture transcoder: it reads one hook and writes another"):
        load_sae(str(tmp_path / "t"))


@pytest.mark.parametrize("source", ["./none", "../none:8", "none", "/none"])
def test_a_missing_folder_is_not_looked_for_on_the_hub(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from sae_lens import SAE

    def asked(*name: str, **_: object) -> None:
        raise AssertionError(f"asked the hub for {name}")

    monkeypatch.setattr(SAE, "from_pretrained", asked)
    with pytest.raises(SaeError, match=f"{source}: no such folder"):
        load_sae(source)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    weights = save_sae(tmp_path / "a") / WEIGHTS_FILE
    with pytest.raises(SaeError, match="no such folder; expected a folder"):
        load_sae(str(weights))


def test_what_the_hub_does_not_have_is_explained_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from sae_lens import SAE

    def from_pretrained(release: str, sae_id: str, **_: object) -> None:
        raise ValueError(f"ID {sae_id} not found in release {release}.\n  Valid IDs are [...]")

    monkeypatch.setattr(SAE, "from_pretrained", from_pretrained)
    with pytest.raises(SaeError) as caught:
        load_sae("release:x")
    assert str(caught.value) == (
        "release:x: SAELens can't load it from the Hub "
        "(ValueError: ID x not found in release release. Valid IDs are [...])"
    )


def test_a_hub_sae_is_known_by_its_tensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub can't be reached here; what it would give is loaded from a folder."""
    from sae_lens import SAE

    def from_pretrained(release: str, sae_id: str, **options: Any) -> Any:
        return SAE.load_from_disk(tmp_path / release / sae_id, **options)

    monkeypatch.setattr(SAE, "from_pretrained", from_pretrained)
    save_sae(tmp_path / "release" / "layer_8")
    save_sae(tmp_path / "release" / "layer_9", seed=1)
    first, again, other = (load_sae(f"release:layer_{layer}").record for layer in (8, 8, 9))
    assert (first.name, first.source) == ("release:layer_8", "release:layer_8")
    assert first == again
    assert first.checksum != other.checksum


def test_a_switch_that_lets_weight_files_run_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(SaeError, match=r"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD is set.*unset it"):
        load_sae(str(save_sae(tmp_path / "a")))


def test_a_loaded_sae_does_not_train(tmp_path: Path) -> None:
    loaded: LoadedSae = load_sae(str(save_sae(tmp_path / "a")))
    assert not loaded.module.training
    assert not any(weight.requires_grad for weight in loaded.module.parameters())
