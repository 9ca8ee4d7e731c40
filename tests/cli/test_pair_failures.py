"""What `extend` and `degree` can't work on is said in one clear line, and nothing is written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from app.training.train import save, train
from tests.cli.conftest import Terminal
from tests.saved_saes import edit_config, edit_weights
from tests.training.worlds import BATCH_SIZE, D_IN, plan, stream, write_world

Tensors = dict[str, torch.Tensor]
NAN = float("nan")


@pytest.fixture(scope="module")
def acts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("acts") / "acts.safetensors", p_child=0.4, p_alone=0.0, n_tokens=4096)


@pytest.fixture(scope="module")
def parent(acts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sae") / "parent"
    save(train(plan(n_steps=4), stream(acts)), plan(n_steps=4), folder)
    return folder


def edited(folder: Path, target: Path, edit: Callable[[Tensors], object]) -> Path:
    shutil.copytree(folder, target)
    edit_weights(target, edit)
    return target


def changed(acts: Path, target: Path, change: Callable[[torch.Tensor], torch.Tensor]) -> Path:
    save_file({"activations": change(load_file(acts)["activations"].clone()).contiguous()}, target)
    return target


def words(sae: Path, acts: Path, out: Path, **changes: int) -> list[str]:
    options = {"new-latents": 2, "tokens": 2 * BATCH_SIZE, "batch-size": BATCH_SIZE, **changes}
    numbers = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return ["extend", "--sae", str(sae), "--activations", str(acts), "--out", str(out), *numbers]


def refused(terminal: Terminal, arguments: list[str], *parts: str) -> None:
    """Exit code 1, and nothing but one line that names all of these."""
    result = terminal.run(*arguments)
    assert result.code == 1, result.err
    assert result.out == ""
    assert "Traceback" not in result.err
    errors = [line for line in result.err.splitlines() if line.startswith("error: ")]
    assert result.err.splitlines() == errors
    assert len(errors) == 1
    assert [part for part in parts if part not in errors[0]] == []


@pytest.mark.parametrize("n_rows", [0, BATCH_SIZE - 1])
def test_fewer_activations_than_a_batch(
    n_rows: int, parent: Path, acts: Path, terminal: Terminal, tmp_path: Path
) -> None:
    few = changed(acts, tmp_path / "few.safetensors", lambda tensor: tensor[:n_rows])
    parts = f"has {n_rows} activations", f"expected at least one batch of {BATCH_SIZE}"
    refused(terminal, words(parent, few, tmp_path / "out"), *parts)
    assert not (tmp_path / "out").exists()


def test_fewer_tokens_than_a_batch(parent: Path, acts: Path, terminal: Terminal, tmp_path: Path) -> None:
    parts = f"100 tokens are less than one batch of {BATCH_SIZE}", "give more"
    refused(terminal, words(parent, acts, tmp_path / "out", tokens=100), *parts)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (
            lambda acts: acts[:, :20],
            (f"reads activations of width {D_IN}, but these have width 20", "give activations of"),
        ),
        (
            lambda acts: acts.index_fill(0, torch.tensor([5, 9]), NAN),
            ("2 of 4096 activations are NaN", "expected none"),
        ),
        (lambda acts: acts.index_fill(0, torch.tensor([5]), float("inf")), ("1 of 4096 activations are NaN or inf",)),
        (torch.zeros_like, ("all activations are zero", "expected those of the hook")),
    ],
)
def test_activations_to_extend_on(
    change: Callable[[torch.Tensor], torch.Tensor],
    parts: tuple[str, ...],
    parent: Path,
    acts: Path,
    terminal: Terminal,
    tmp_path: Path,
) -> None:
    bad = changed(acts, tmp_path / "bad.safetensors", change)
    refused(terminal, words(parent, bad, tmp_path / "out"), *parts)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("edit", "parts"),
    [
        (lambda tensors: tensors["b_enc"].fill_(-1e6), ("no latent fires on", "expected those of the hook")),
        (lambda tensors: tensors["threshold"].fill_(1e6), ("no latent fires on", "expected those of the hook")),
        (lambda tensors: tensors["W_dec"][0].fill_(NAN), (f"W_dec has {D_IN} values that are NaN", "expected none")),
        (lambda tensors: tensors["W_dec"].zero_(), ("all decoder rows are zero",)),
    ],
)
def test_saes_to_extend(
    edit: Callable[[Tensors], object],
    parts: tuple[str, ...],
    parent: Path,
    acts: Path,
    terminal: Terminal,
    tmp_path: Path,
) -> None:
    bad = edited(parent, tmp_path / "bad", edit)
    refused(terminal, words(bad, acts, tmp_path / "out"), str(bad), *parts)
    assert not (tmp_path / "out").exists()


def test_pairs_to_measure(parent: Path, acts: Path, terminal: Terminal, tmp_path: Path) -> None:
    out = tmp_path / "pair"
    assert terminal.run(*words(parent, acts, out)).code == 0
    control, extended = out / "control", out / "extended"

    def measured(first: Path, second: Path) -> list[str]:
        return ["degree", "--control", str(first), "--extended", str(second)]

    spoiled = edited(extended, tmp_path / "nan", lambda tensors: tensors["W_dec"][-1].fill_(NAN))
    refused(terminal, measured(control, spoiled), str(spoiled), f"W_dec has {D_IN} values that are NaN")
    zero = edited(control, tmp_path / "zero", lambda tensors: tensors["W_dec"].zero_())
    refused(terminal, measured(zero, extended), str(zero), "all decoder rows are zero")
    refused(terminal, measured(control, parent), str(parent), "does not belong to a control/extended pair")
    refused(terminal, measured(extended, control), "is the extended SAE of its pair; expected the control SAE")
    narrow = edited(extended, tmp_path / "narrow", cut_to_20)
    edit_config(narrow, d_in=20)
    refused(terminal, measured(control, narrow), str(narrow), f"d_in {D_IN} and 20", "`hedgescope extend` makes both")


def cut_to_20(tensors: Tensors) -> None:
    tensors.update(W_dec=tensors["W_dec"][:, :20], W_enc=tensors["W_enc"][:20], b_dec=tensors["b_dec"][:20])


def test_a_pair_whose_new_latents_span_nothing(parent: Path, acts: Path, terminal: Terminal, tmp_path: Path) -> None:
    """No degree is no failure: it is undefined, and the reason is told."""
    out = tmp_path / "pair"
    assert terminal.run(*words(parent, acts, out)).code == 0
    nothing = edited(out / "extended", tmp_path / "nothing", lambda tensors: tensors["W_dec"][-2:].zero_())
    result = terminal.run("degree", "--control", str(out / "control"), "--extended", str(nothing))
    assert result.code == 0
    assert result.err.splitlines() == [
        "no hedging degree: the new latents' decoder rows are all zero; they span nothing"
    ]
