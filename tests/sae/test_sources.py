"""Saves in training, parts of repositories, and paths of every kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from app.errors import PreflightError, SaeError
from app.sae.load import load_sae
from tests.sae.other_formats import D_IN, D_SAE, save_sparsify
from tests.saved_saes import save_sae

TOLERANCE = 1e-5


def inputs() -> torch.Tensor:
    return 2 * torch.randn(200, D_IN, generator=torch.Generator().manual_seed(1))


TRAINED = ("standard", "topk", "jumprelu", "gated", "batchtopk", "matryoshka_batchtopk", "matching_pursuit")


@pytest.mark.filterwarnings("ignore:decoder_init_norm must be set:UserWarning")
@pytest.mark.parametrize("scale", [None, 0.25])
@pytest.mark.parametrize("architecture", TRAINED)
def test_saves_in_training_are_read_as_saelens_saves_them_for_use(
    tmp_path: Path, architecture: str, scale: float | None
) -> None:
    from sae_lens import SAE
    from sae_lens.registry import get_sae_training_class

    more: dict[str, Any] = {"k": 5} if "topk" in architecture else {}
    more |= {"matryoshka_widths": [4, 12, 24]} if "matryoshka" in architecture else {}
    more |= {"residual_threshold": 0.5, "max_iterations": 6} if architecture == "matching_pursuit" else {}
    more |= {"normalize_activations": "expected_average_only_in"} if scale else {}
    sae_class, config_class = get_sae_training_class(architecture)
    sae: Any = sae_class(config_class(d_in=D_IN, d_sae=D_SAE, **more))
    if hasattr(sae, "topk_threshold"):
        sae.topk_threshold.fill_(0.5)
    sae.save_model(tmp_path / "training")
    if scale:
        (tmp_path / "training" / "activation_scaler.json").write_text(json.dumps({"scaling_factor": scale}))
        sae.fold_activation_norm_scaling_factor(scale)
    sae.save_inference_model(tmp_path / "use")
    ours, theirs = load_sae(str(tmp_path / "training")), SAE.load_from_disk(tmp_path / "use", dtype="float32")
    difference = (ours.module.encode(inputs()) - theirs.encode(inputs())).abs().max()
    assert float(difference.detach()) <= TOLERANCE
    if "matryoshka" in architecture:
        assert ours.record.matryoshka_widths == (4, 12, 24)
    if scale:
        (tmp_path / "training" / "activation_scaler.json").unlink()
        with pytest.raises(PreflightError, match="the scale is not folded into its weights"):
            load_sae(str(tmp_path / "training"))


@pytest.mark.parametrize("source", ["C:\\Users\\me\\sae", "C:/Users/me/sae", "~/none", "runs/2026-11-28_10:30:00/typo"])
def test_a_path_that_is_not_there_is_not_looked_for_on_the_hub(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*name: object, **_: object) -> None:
        raise AssertionError(f"asked the hub for {name}")

    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.snapshot_download", asked)
    monkeypatch.setattr("sae_lens.SAE.from_pretrained", asked)
    with pytest.raises(SaeError, match="no such folder; expected a folder of an SAE, owner/repo:path on the Hub"):
        load_sae(source)


def test_a_part_of_a_repository_is_read_in_any_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Hub can't be reached here; what it would download is a folder."""
    save_sparsify(tmp_path / "snapshot" / "layers.3")
    asked: list[Any] = []

    def download(repo: str, **options: Any) -> str:
        asked.append((repo, options["revision"], options["allow_patterns"]))
        return str(tmp_path / "snapshot")

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    record = load_sae("someone/saes:layers.3@v2").record
    assert asked == [("someone/saes", "v2", ["layers.3", "layers.3/*"])]
    assert (record.source, record.hook_name) == ("someone/saes:layers.3@v2", "blocks.3.hook_resid_post")
    # The only one in the repository is meant.
    assert load_sae("someone/saes").record.checksum == record.checksum
    save_sparsify(tmp_path / "snapshot" / "layers.4")
    with pytest.raises(SaeError, match=r"holds 2 SAEs, not one; choose one of layers\.3, layers\.4"):
        load_sae("someone/saes")


def test_names_of_folders_with_odd_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("runs@2026/a", "2026-11-28_10:30:00/b", "with spaces/c", "ümläut/d"):
        folder = save_sae(tmp_path / name)
        assert load_sae(str(folder)).record.source == str(folder)
    monkeypatch.chdir(tmp_path)
    assert load_sae("./runs@2026/a").record.name == "a"
    assert load_sae("2026-11-28_10:30:00/b").record.name == "b"
