"""The control/extended pair: what it starts from, how it is trained, and the degree it gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner, Result

from app.cli.main import app
from app.errors import ActivationsError, SaeError
from app.sae.load import LoadedSae, load_sae
from app.scores.degree import HedgingDegree, hedging_degree
from app.training.extend import ExtensionPlan, extend, save_pair
from app.training.pair import METADATA_KEY, check_pair
from app.training.start import load_start, training_sae
from app.training.train import save, train
from tests.saved_saes import edit_config, edit_weights, save_matryoshka, save_sae
from tests.training.worlds import BATCH_SIZE, D_IN, N_PARENTS, plan, stream, write_world

WIDTHS = (2, N_PARENTS)


def extension(n_steps: int = 4, n_new: int = 2, seed: int = 0) -> ExtensionPlan:
    return ExtensionPlan(
        n_tokens=n_steps * BATCH_SIZE,
        batch_size=BATCH_SIZE,
        lr=3e-3,
        warm_up=0.05,
        decay=0.25,
        dead_after_tokens=20 * BATCH_SIZE,
        seed=seed,
        n_new=n_new,
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four parents with a child each: correlated features."""
    return write_world(tmp_path_factory.mktemp("world") / "acts.safetensors", p_child=0.4, p_alone=0.0)


@pytest.fixture(scope="module")
def parent(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SAE with as many latents as there are parents, trained on that world."""
    folder = tmp_path_factory.mktemp("sae") / "parent"
    save(train(plan(), stream(world)), plan(), folder)
    return folder


@pytest.fixture(scope="module")
def pair(world: Path, parent: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pair of a few steps: what it says of itself is the matter here."""
    return make_pair(parent, world, tmp_path_factory.mktemp("pair") / "pair", extension())


def make_pair(parent: Path, world: Path, folder: Path, how: ExtensionPlan) -> Path:
    start = load_start(str(parent))
    save_pair(extend(start, how, stream(world, how.seed)), start, how, folder)
    return folder


def opened(pair: Path) -> tuple[LoadedSae, LoadedSae]:
    return load_sae(str(pair / "control")), load_sae(str(pair / "extended"))


def degree_of(pair: Path) -> HedgingDegree:
    control, extended = opened(pair)
    return hedging_degree(control.unit_decoder, extended.unit_decoder)


def saved_kinds(tmp_path: Path, parent: Path) -> list[Path]:
    from app.training.balanced import BalancedMatryoshkaTrainingSAE, BalancedMatryoshkaTrainingSAEConfig

    config = BalancedMatryoshkaTrainingSAEConfig(
        d_in=D_IN, d_sae=8, k=2, matryoshka_widths=[3, 8], matryoshka_multipliers=[0.75, 1.0]
    )
    BalancedMatryoshkaTrainingSAE(config).save_inference_model(str(tmp_path / "balanced"))
    return [parent, save_matryoshka(tmp_path / "matryoshka"), tmp_path / "balanced"]


def test_training_goes_on_from_the_very_same_sae(tmp_path: Path, parent: Path) -> None:
    """Scaled, given back its norms, folded and saved again, without a step: the weights of the file."""
    for folder in saved_kinds(tmp_path, parent):
        sae = training_sae(load_start(str(folder)), scale=0.3)
        encoder_norms = (sae.W_enc.square().sum(dim=0) + sae.b_enc.square()).sqrt()
        assert torch.allclose(encoder_norms, sae.W_dec.norm(dim=1), rtol=1e-4)
        sae.fold_activation_norm_scaling_factor(0.3)
        sae.save_inference_model(str(tmp_path / "again" / folder.name))
        before, after = (load_sae(str(path)).module.state_dict() for path in (folder, tmp_path / "again" / folder.name))
        assert set(before) == set(after)
        for name, tensor in before.items():
            assert torch.allclose(after[name], tensor, rtol=1e-4, atol=1e-5), (folder.name, name)


def test_new_latents_are_as_saelens_initialises_them(parent: Path) -> None:
    from sae_lens import BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig

    torch.manual_seed(5)
    fresh = BatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(d_in=D_IN, d_sae=N_PARENTS + 3, k=2))
    torch.manual_seed(5)
    sae = training_sae(load_start(str(parent)), scale=0.3, n_new=3)
    assert torch.equal(sae.W_dec[N_PARENTS:], fresh.W_dec[N_PARENTS:])
    assert torch.equal(sae.W_enc[:, N_PARENTS:], fresh.W_enc[:, N_PARENTS:])
    assert torch.equal(sae.b_enc[N_PARENTS:], fresh.b_enc[N_PARENTS:])


def test_new_latents_join_the_outermost_level(tmp_path: Path) -> None:
    start = load_start(str(save_matryoshka(tmp_path / "matryoshka", widths=(4, 12, 24))))
    sae = training_sae(start, scale=1.0, n_new=5)
    assert (sae.cfg.matryoshka_widths, sae.cfg.d_sae, sae.cfg.k) == ([4, 12, 29], 29, 5)


def _say(folder: Path, **details: Any) -> None:
    """Set details of how it was trained; None leaves one out."""
    metadata = json.loads((folder / "cfg.json").read_text())["metadata"]
    changed = {**metadata["training_architecture_details"], **details}
    metadata["training_architecture_details"] = {name: value for name, value in changed.items() if value is not None}
    edit_config(folder, metadata=metadata)


def _own_threshold(tensors: dict[str, torch.Tensor]) -> None:
    tensors["threshold"][0] += 0.1


def _long_row(tensors: dict[str, torch.Tensor]) -> None:
    tensors["W_dec"][0] *= 2


REFUSED: list[tuple[Callable[[Path], Any], str]] = [
    (lambda folder: save_sae(folder, "standard"), "it is a standard SAE"),
    (lambda folder: save_sae(folder, "topk"), "it is a topk SAE"),
    (lambda folder: save_sae(folder, "jumprelu"), "do not say what it was trained as"),
    (lambda folder: save_matryoshka(folder, widths_in="nowhere"), "lack k"),
    (lambda folder: _say(save_matryoshka(folder), k=None), "lack k"),
    (lambda folder: _say(save_matryoshka(folder), k="five"), "lack k"),
    (lambda folder: _say(save_matryoshka(folder), matryoshka_widths=None), "lack its Matryoshka widths"),
    (lambda folder: _say(save_matryoshka(folder), rescale_acts_by_decoder_norm=False), "without decoder norms"),
    (lambda folder: edit_weights(save_matryoshka(folder), _own_threshold), "thresholds differ"),
    (lambda folder: edit_weights(save_matryoshka(folder), _long_row), "not of unit norm"),
    (lambda folder: edit_config(save_matryoshka(folder), normalize_activations="layer_norm"), "layer_norm"),
]


@pytest.mark.parametrize(("make", "reason"), REFUSED)
def test_saes_that_training_cannot_go_on_from(make: Callable[[Path], Any], reason: str, tmp_path: Path) -> None:
    make(tmp_path / "sae")
    with pytest.raises(SaeError, match=f"training can't continue from it: .*{reason}"):
        load_start(str(tmp_path / "sae"))


def test_both_see_the_same_data_and_say_so(pair: Path, parent: Path) -> None:
    control, extended = opened(pair)
    record = check_pair(control, extended)
    assert (record.n_latents, record.n_new, record.seed, record.n_tokens) == (N_PARENTS, 2, 0, 4 * BATCH_SIZE)
    assert record.parent_checksum == load_sae(str(parent)).record.checksum
    assert (control.d_sae, extended.d_sae) == (N_PARENTS, N_PARENTS + 2)
    kept = [loaded.module.cfg.metadata[METADATA_KEY]["data_checksum"] for loaded in (control, extended)]
    assert kept[0] == kept[1]


def test_the_same_pair_again(pair: Path, parent: Path, world: Path, tmp_path: Path) -> None:
    again = make_pair(parent, world, tmp_path / "again", extension())
    for role in ("control", "extended"):
        first, second = (load_file(folder / role / "sae_weights.safetensors") for folder in (pair, again))
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_stream_starts_again(world: Path) -> None:
    batches = stream(world)
    first = [next(batches) for _ in range(3)]
    batches.restart()
    assert all(torch.equal(next(batches), batch) for batch in first)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 7}, "seed 0 and 7"),
        ({"parent_checksum": "f" * 64}, "parent_checksum"),
        ({"data_checksum": "f" * 64}, "data_checksum"),
        ({"n_new": 3}, "n_new 2 and 3"),
        ({"role": "control"}, "expected the extended SAE"),
        ({"unheard_of": 1}, "incomplete"),
        (None, "does not belong to a control/extended pair"),
    ],
)
def test_other_pairs_are_refused(change: dict[str, Any] | None, message: str, pair: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "pair"
    shutil.copytree(pair, folder)
    metadata = json.loads((folder / "extended" / "cfg.json").read_text())["metadata"]
    metadata[METADATA_KEY] = None if change is None else {**metadata[METADATA_KEY], **change}
    edit_config(folder / "extended", metadata=metadata)
    with pytest.raises(SaeError, match=message):
        check_pair(*opened(folder))


def test_roles_the_wrong_way_round_are_refused(pair: Path, parent: Path) -> None:
    control, extended = opened(pair)
    with pytest.raises(SaeError, match="is the extended SAE of its pair; expected the control SAE"):
        check_pair(extended, control)
    with pytest.raises(SaeError, match="is the control SAE of its pair; expected the extended SAE"):
        check_pair(control, control)
    with pytest.raises(SaeError, match="does not belong to a control/extended pair"):
        check_pair(load_sae(str(parent)), extended)


def test_plans_that_make_no_sense(parent: Path, world: Path, tmp_path: Path) -> None:
    start = load_start(str(parent))
    with pytest.raises(SaeError, match=f"{D_IN} new latents"):
        extend(start, extension(n_new=D_IN), stream(world))
    with pytest.raises(SaeError, match="less than one batch"):
        extend(start, extension(n_steps=0), stream(world))
    with pytest.raises(ActivationsError, match=f"width {D_IN}"):
        extend(load_start(str(save_matryoshka(tmp_path / "sae"))), extension(), stream(world))


def test_hedging_shows_where_features_are_correlated(parent: Path, world: Path, tmp_path: Path) -> None:
    """Narrow latents that mixed their children in let go of them; on independent features there is nothing to let go.

    A latent of a parent whose child fires on 0.4 of its tokens holds about 0.4 of the child.
    """
    how = extension(n_steps=800, n_new=N_PARENTS)
    correlated = degree_of(make_pair(parent, world, tmp_path / "correlated", how))
    other = write_world(tmp_path / "independent.safetensors", p_child=0.06, p_alone=0.06)
    save(train(plan(), stream(other)), plan(), tmp_path / "other")
    independent = degree_of(make_pair(tmp_path / "other", other, tmp_path / "pair", how))
    assert correlated.degree is not None
    assert independent.degree is not None
    assert correlated.degree > 0.15
    assert independent.degree < 0.05
    assert n_hedged(correlated) >= 3
    assert n_hedged(independent) == 0


def n_hedged(result: HedgingDegree) -> int:
    return sum(latent.degree is not None and latent.degree > 0.1 for latent in result.latents)


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_commands(parent: Path, world: Path, tmp_path: Path) -> None:
    out = tmp_path / "pair"
    options = ["--new-latents", "3", "--tokens", "1024", "--batch-size", "256", "--activations", str(world)]
    made = invoke("extend", "--sae", str(parent), *options, "--out", str(out))
    assert made.exit_code == 0, made.output
    assert f"hedgescope degree --control {out / 'control'} --extended {out / 'extended'}" in made.stderr

    found = invoke("degree", "--control", str(out / "control"), "--extended", str(out / "extended"), "--json")
    assert found.exit_code == 0, found.output
    answer = json.loads(found.stdout)
    expected = degree_of(out)
    assert (answer["degree"], answer["raw"], answer["rank"]) == (expected.degree, expected.raw, 3)
    assert answer["shown_degree"] == max(0.0, answer["degree"])
    assert [latent["index"] for latent in answer["latents"]] == list(range(N_PARENTS))
    assert (answer["pair"]["n_new"], answer["pair"]["role"]) == (3, "control")

    shown = invoke("degree", "--control", str(out / "control"), "--extended", str(out / "extended"))
    assert f"{expected.raw:.4f}" in shown.stdout
    assert f"{expected.baseline_mean:.4f} (sd {expected.baseline_sd:.4f}, 50 draws)" in shown.stdout


def test_commands_refuse(parent: Path, world: Path, tmp_path: Path) -> None:
    options = ["--sae", str(parent), "--new-latents", "3", "--tokens", "1024"]
    assert "nothing to train on" in str(invoke("extend", *options, "--out", str(tmp_path / "new")).exception)
    taken = invoke("extend", *options, "--activations", str(world), "--out", str(tmp_path))
    assert "already exists" in str(taken.exception)
    other = invoke("degree", "--control", str(parent), "--extended", str(parent))
    assert other.exit_code == 1
    assert "does not belong to a control/extended pair" in str(other.exception)
