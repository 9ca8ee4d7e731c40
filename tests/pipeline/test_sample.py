from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from app.activations.cached import open_activations
from app.activations.stream import ActivationStream
from app.errors import SaeError
from app.pipeline.sample import reconstruct_sample
from app.sae.load import load_sae
from tests.saved_saes import D_IN, save_sae


def stream_of(folder: Path, acts: torch.Tensor) -> ActivationStream:
    save_file({"activations": acts}, folder / "acts.safetensors")
    return open_activations(str(folder / "acts.safetensors"))


def tokens(n: int, d_in: int = D_IN) -> torch.Tensor:
    return torch.randn(n, d_in, generator=torch.Generator().manual_seed(2)) + 3


@pytest.mark.parametrize("n_rows", [1, 3, 32])
def test_explained_variance_and_l0_are_those_of_the_first_rows(tmp_path: Path, n_rows: int) -> None:
    from sae_lens import SAE

    folder = save_sae(tmp_path / "sae", "jumprelu")
    acts = tokens(1000)
    found = reconstruct_sample(stream_of(tmp_path, acts), load_sae(str(folder)), n_rows=n_rows)
    part = acts[: n_rows * 128]
    sae = SAE.load_from_disk(folder).requires_grad_(False)
    latents = sae.encode(part)
    error = (part - sae.decode(latents)).double().square().sum()
    variance = (part - part.mean(dim=0)).double().square().sum()
    assert found.n_tokens == len(part)
    assert found.explained_variance == pytest.approx(float(1 - error / variance), rel=1e-5)
    assert found.l0 == pytest.approx(float((latents > 0).double().sum(dim=1).mean()))


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1])
def test_without_variance_there_is_none_to_explain(tmp_path: Path, value: float) -> None:
    acts = torch.full((300, D_IN), value)
    found = reconstruct_sample(stream_of(tmp_path, acts), load_sae(str(save_sae(tmp_path / "sae"))))
    assert found.explained_variance is None
    assert found.n_tokens == 300


def test_another_width_is_refused(tmp_path: Path) -> None:
    sae = load_sae(str(save_sae(tmp_path / "sae")))
    with pytest.raises(SaeError, match="sae: reads activations of width 16, but these have width 8"):
        reconstruct_sample(stream_of(tmp_path, tokens(10, d_in=8)), sae)
