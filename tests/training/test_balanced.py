"""Balanced Matryoshka: SAELens' own losses where every level weighs the same, the stated sum elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from app.cli.main import app
from app.errors import SaeError
from app.sae.load import load_sae
from tests.training.worlds import D_IN, plan, write_world

WIDTHS = [3, 8, 20]


def new_sae(multipliers: list[float] | None, seed: int = 0) -> Any:
    """A balanced SAE, or SAELens' own without multipliers, with the same weights; decoder norms vary."""
    from sae_lens import MatryoshkaBatchTopKTrainingSAE, MatryoshkaBatchTopKTrainingSAEConfig

    from app.training.balanced import BalancedMatryoshkaTrainingSAE, BalancedMatryoshkaTrainingSAEConfig

    torch.manual_seed(seed)
    common: dict[str, Any] = {"d_in": D_IN, "d_sae": WIDTHS[-1], "k": 4, "use_matryoshka_aux_loss": True}
    common["matryoshka_widths"] = list(WIDTHS)
    if multipliers is None:
        sae = MatryoshkaBatchTopKTrainingSAE(MatryoshkaBatchTopKTrainingSAEConfig(**common))
    else:
        config = BalancedMatryoshkaTrainingSAEConfig(matryoshka_multipliers=multipliers, **common)
        sae = BalancedMatryoshkaTrainingSAE(config)
    with torch.no_grad():
        sae.W_dec.mul_(5 + 5 * torch.rand(WIDTHS[-1], 1))
        sae.b_enc.copy_(0.1 * torch.randn(WIDTHS[-1]))
        sae.b_dec.copy_(0.1 * torch.randn(D_IN))
    return sae


def one_step(sae: Any) -> Any:
    """A forward pass with some dead latents, and the gradients of its loss."""
    from sae_lens.saes.sae import TrainStepInput

    generator = torch.Generator().manual_seed(1)
    dead = torch.zeros(WIDTHS[-1], dtype=torch.bool)
    dead[[1, 6, 15]] = True
    step_input = TrainStepInput(
        sae_in=torch.randn(64, D_IN, generator=generator),
        coefficients={},
        dead_neuron_mask=dead,
        n_training_steps=0,
        is_logging_step=False,
    )
    output = sae.training_forward_pass(step_input)
    output.loss.backward()
    return output


def test_equal_weights_are_saelens_own_losses() -> None:
    own, balanced = new_sae(None), new_sae([1.0, 1.0, 1.0])
    theirs, ours = one_step(own), one_step(balanced)
    assert abs(ours.loss.item() - theirs.loss.item()) <= 1e-6
    assert set(ours.losses) == set(theirs.losses)
    for (name, expected), (_, parameter) in zip(own.named_parameters(), balanced.named_parameters(), strict=True):
        assert parameter.grad is not None, name
        assert float(expected.grad.abs().max()) > 0, name
        assert float((parameter.grad - expected.grad).abs().max()) <= 1e-6, name


def reconstruction_losses(sae: Any) -> list[torch.Tensor]:
    """Mean squared error of each level, innermost first, from the definition: the sum over the first
    latents of what each adds."""
    generator = torch.Generator().manual_seed(1)
    sae_in = torch.randn(64, D_IN, generator=generator)
    norms = sae.W_dec.norm(dim=1)
    pre_acts = ((sae_in - sae.b_dec) @ sae.W_enc + sae.b_enc) * norms
    kept = pre_acts.relu().flatten().topk(4 * 64)
    acts = torch.zeros(64 * WIDTHS[-1]).scatter(0, kept.indices, kept.values).view(64, -1)
    unit = sae.W_dec / norms[:, None]
    outs = [acts[:, :width] @ unit[:width] + sae.b_dec for width in WIDTHS]
    return [(sae_out - sae_in).square().sum(dim=1).mean() for sae_out in outs]


def test_the_loss_is_the_weighted_sum_of_the_levels() -> None:
    weights = [0.4, 1.5, 0.7]
    sae = new_sae(weights)
    output = one_step(sae)
    levels = reconstruction_losses(sae)
    aux = output.losses["auxiliary_reconstruction_loss"]
    expected = torch.dot(torch.tensor(weights), torch.stack(levels)) + aux
    assert aux.item() > 0
    assert output.loss.item() == pytest.approx(expected.item(), rel=1e-5)

    alone = new_sae(weights)
    torch.dot(torch.tensor(weights), torch.stack(reconstruction_losses(alone))).backward()
    assert alone.b_enc.grad is not None
    # b_enc of a living latent has no part in the auxiliary loss.
    assert torch.allclose(sae.b_enc.grad[[0, 2, 3]], alone.b_enc.grad[[0, 2, 3]], rtol=1e-4, atol=1e-5)


def test_without_weight_the_inner_levels_have_no_part() -> None:
    sae = new_sae([0.0, 0.0, 1.0])
    output = one_step(sae)
    expected = output.losses["mse_loss"] + output.losses["auxiliary_reconstruction_loss"]
    assert output.loss.item() == pytest.approx(expected.item(), rel=1e-6)


def test_weights_shrink_towards_the_inner_levels() -> None:
    from app.training.balanced import level_multipliers

    assert level_multipliers(0.75, 4) == [0.421875, 0.5625, 0.75, 1.0]
    assert level_multipliers(1.0, 3) == [1.0, 1.0, 1.0]
    assert level_multipliers(0.0, 3) == [0.0, 0.0, 1.0]
    assert level_multipliers(2.0, 3) == [4.0, 2.0, 1.0]


@pytest.mark.parametrize("multiplier", [-0.1, float("nan"), float("inf")])
def test_a_multiplier_that_makes_no_sense(multiplier: float) -> None:
    from app.training.balanced import level_multipliers

    with pytest.raises(SaeError, match="expected a number of at least 0"):
        level_multipliers(multiplier, 3)


@pytest.mark.parametrize("multipliers", [[1.0, 1.0], [1.0, -1.0, 1.0], []])
def test_multipliers_that_do_not_fit(multipliers: list[float]) -> None:
    with pytest.raises(SaeError, match="multipliers"):
        new_sae(multipliers)


def test_saved_and_loaded_again(tmp_path: Path) -> None:
    """SAELens loads it as any Matryoshka SAE; widths and multipliers are in the metadata."""
    from sae_lens import SAE

    sae = new_sae([0.5625, 0.75, 1.0])
    sae.save_inference_model(str(tmp_path / "sae"))
    assert SAE.load_from_disk(str(tmp_path / "sae")).cfg.architecture() == "jumprelu"
    loaded = load_sae(str(tmp_path / "sae"))
    assert loaded.record.training_architecture == "balanced_matryoshka_batchtopk"
    assert (loaded.record.matryoshka_widths, loaded.record.widths_source) == (tuple(WIDTHS), "metadata")
    details = loaded.module.cfg.metadata.training_architecture_details
    assert details["matryoshka_multipliers"] == [0.5625, 0.75, 1.0]


def test_a_training_checkpoint_is_loaded_again(tmp_path: Path) -> None:
    """SAELens finds the class by its name."""
    from sae_lens import TrainingSAE

    from app.training.balanced import BalancedMatryoshkaTrainingSAE

    sae = new_sae([0.5625, 0.75, 1.0])
    sae.save_model(str(tmp_path / "sae"))
    again = TrainingSAE.load_from_disk(str(tmp_path / "sae"))
    assert isinstance(again, BalancedMatryoshkaTrainingSAE)
    assert again.cfg.matryoshka_multipliers == [0.5625, 0.75, 1.0]
    assert torch.equal(again.W_dec, sae.W_dec)


def test_train_command(tmp_path: Path) -> None:
    """The outermost width may be left out, and the multiplier too."""
    activations = write_world(tmp_path / "acts.safetensors", p_child=0.4, p_alone=0.0, n_tokens=4096)
    words = f"train --architecture balanced-matryoshka --d-sae 10 --widths 3,6 --k 2 --tokens 2048 --batch-size 256 \
        --activations {activations} --out {tmp_path / 'sae'}"
    result = CliRunner().invoke(app, words.split())
    assert result.exit_code == 0, result.output
    loaded = load_sae(str(tmp_path / "sae"))
    assert loaded.record.matryoshka_widths == (3, 6, 10)
    assert loaded.module.cfg.metadata.training_architecture_details["matryoshka_multipliers"] == [0.5625, 0.75, 1.0]
    assert json.loads((tmp_path / "sae" / "training.json").read_text())["multiplier"] == 0.75


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--architecture matryoshka-batchtopk --widths 3,6 --multiplier 0.5", "--multiplier belongs to"),
        ("--architecture balanced-matryoshka", "--widths belongs to"),
        ("--architecture balanced", "expected batchtopk, matryoshka-batchtopk, balanced-matryoshka"),
    ],
)
def test_train_command_refuses(words: str, message: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["train", *words.split(), "--out", str(tmp_path / "sae")])
    assert result.exit_code == 1
    assert message in str(result.exception)


def test_a_multiplier_belongs_to_the_balanced_architecture() -> None:
    with pytest.raises(SaeError, match="only balanced-matryoshka takes a multiplier"):
        plan("matryoshka-batchtopk", widths=(2, 4), multiplier=0.5)
    with pytest.raises(SaeError, match="only balanced-matryoshka takes a multiplier"):
        plan("balanced-matryoshka", widths=(2, 4))
