"""SAEs that can't be read or used: each is explained in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from app.errors import PreflightError, SaeError
from app.sae.load import load_sae
from tests.saved_saes import (
    CONFIG_FILE,
    D_IN,
    D_SAE,
    WEIGHTS_FILE,
    edit_config,
    edit_weights,
    save_sae,
)


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
    (shutil.rmtree, "no such folder; expected a folder of an SAE, owner/repo:path on the Hub, or release:sae_id"),
    (remove(CONFIG_FILE), rf"has no {CONFIG_FILE} \(found {WEIGHTS_FILE}\)"),
    (remove(WEIGHTS_FILE), rf"has no {WEIGHTS_FILE} \(found {CONFIG_FILE}\); expected a folder of SAELens, "),
    (truncate, f"{WEIGHTS_FILE}: not a complete safetensors file; download it again .*incomplete"),
    (config("{"), "not JSON"),
    (config("[1]"), "not a JSON object"),
    (config("\x00\x01"), "not JSON"),
    (configured(d_in="wide"), "d_in is missing or not a number"),
    (without("d_sae"), "SAELens can't load it .*d_sae"),
    (without("architecture"), "SAELens can't load it"),
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


def test_an_sae_that_does_not_encode_token_by_token_is_refused(tmp_path: Path) -> None:
    from sae_lens.registry import get_sae_class

    sae_class, config_class = get_sae_class("transcoder")
    sae_class(config_class(d_in=D_IN, d_sae=D_SAE, d_out=8, apply_b_dec_to_input=False)).save_model(tmp_path / "t")
    with pytest.raises(PreflightError, match="architecture transcoder: it reads one hook and writes another"):
        load_sae(str(tmp_path / "t"))


@pytest.mark.parametrize("name", [WEIGHTS_FILE, CONFIG_FILE])
def test_a_file_of_an_sae_stands_for_its_folder(tmp_path: Path, name: str) -> None:
    file = save_sae(tmp_path / "a") / name
    assert load_sae(str(file)).record.source == str(tmp_path / "a")
    assert load_sae(str(file)).record.name == "a"


def test_another_file_is_called_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(SaeError, match=r"notes.txt: no file of an SAE; expected a folder of SAELens, "):
        load_sae(str(tmp_path / "notes.txt"))


def test_a_switch_that_lets_weight_files_run_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(SaeError, match=r"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD is set.*unset it"):
        load_sae(str(save_sae(tmp_path / "a")))
