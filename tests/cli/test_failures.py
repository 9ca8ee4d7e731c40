"""What can't be done is said in one clear line, with the right exit code, and nothing is stored."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from app.errors import SaeError
from app.store.read import list_comparisons, list_saes
from tests.cli.conftest import Terminal
from tests.pipeline.world import World, save_activations
from tests.saved_saes import edit_weights, save_matryoshka, save_sae

pytestmark = pytest.mark.slow

Arguments = Callable[[World, Path], list[str]]


def compare(world: World, **changes: str | None) -> list[str]:
    """`compare` on the tiny world; a value of None leaves an option out."""
    options: dict[str, str | None] = {
        "narrow": str(world.narrow),
        "reference": str(world.reference),
        "activations": str(world.file),
        **changes,
    }
    return ["compare", *(word for name, value in options.items() if value is not None for word in (f"--{name}", value))]


def truncated(source: Path, target: Path) -> Path:
    """The first half of a file."""
    content = source.read_bytes()
    target.write_bytes(content[: len(content) // 2])
    return target


def truncated_sae(world: World, folder: Path) -> str:
    shutil.copytree(world.narrow, folder / "cut")
    truncated(world.narrow / "sae_weights.safetensors", folder / "cut" / "sae_weights.safetensors")
    return str(folder / "cut")


def wide_sae(folder: Path) -> str:
    return str(save_sae(folder / "wide", "jumprelu", d_in=20, model_name=None, hook_name=None))


def wide_matryoshka(folder: Path) -> str:
    path = folder / "wide"
    return str(path if path.exists() else save_matryoshka(path, d_in=20))


def silent_sae(folder: Path) -> str:
    edit_weights(
        save_sae(folder / "silent", "jumprelu", model_name=None, hook_name=None),
        lambda tensors: tensors["b_enc"].fill_(-1000),
    )
    return str(folder / "silent")


def no_activations(world: World, folder: Path) -> str:
    return str(save_activations(folder / "none.safetensors", world.acts[:0]))


def sae_with_nan(folder: Path) -> str:
    def spoil(tensors: dict[str, torch.Tensor]) -> None:
        tensors["W_enc"][0] = float("nan")

    edit_weights(save_sae(folder / "nan", "jumprelu"), spoil)
    return str(folder / "nan")


def activations_with_nan(world: World, folder: Path) -> str:
    acts = world.acts.copy()
    acts[300, 2] = np.inf
    return str(save_activations(folder / "nan.safetensors", acts))


def text_file(folder: Path, content: str) -> str:
    (folder / "text.txt").write_text(content)
    return str(folder / "text.txt")


FAILURES: dict[str, tuple[Arguments, str]] = {
    "missing SAE folder": (
        lambda world, folder: compare(world, narrow=str(folder / "missing")),
        "missing: neither a registered SAE nor a folder; `hedgescope sae list` shows names",
    ),
    "unknown name": (
        lambda world, folder: compare(world, reference="nobody@512"),
        "nobody: neither a registered SAE nor a folder",
    ),
    "folder without an SAE": (
        lambda world, folder: compare(world, narrow=str(folder)),
        "holds no SAE",
    ),
    "truncated SAE": (
        lambda world, folder: compare(world, narrow=truncated_sae(world, folder)),
        "cut/sae_weights.safetensors: not a complete safetensors file",
    ),
    "wrong d_in": (
        lambda world, folder: compare(world, narrow=wide_sae(folder)),
        "reads activations of width 20, but these have width 16",
    ),
    "NaN weights": (
        lambda world, folder: compare(world, reference=sae_with_nan(folder)),
        "nan: W_enc has 24 values that are NaN or infinite",
    ),
    "no such prefix": (
        lambda world, folder: compare(world, narrow=f"{world.reference}@5"),
        "reference@5: no such prefix; widths are 4, 12, 24",
    ),
    "wrong d_in of the reference": (
        lambda world, folder: compare(world, reference=wide_sae(folder)),
        "reads activations of width 20, but these have width 16",
    ),
    "wrong d_in of a prefix": (
        lambda world, folder: compare(world, narrow=f"{wide_matryoshka(folder)}@4", reference=wide_matryoshka(folder)),
        "reads activations of width 20, but these have width 16",
    ),
    "NaN in the SAE of a prefix": (
        lambda world, folder: compare(world, narrow=f"{sae_with_nan(folder)}@24"),
        "nan: W_enc has 24 values that are NaN or infinite",
    ),
    "a reference that never fires": (
        lambda world, folder: compare(world, reference=silent_sae(folder)),
        "silent: no latent fires on the",
    ),
    "a prefix beyond which nothing fires": (
        lambda world, folder: compare(world, narrow=f"{world.reference}@24"),
        "no latent beyond the narrow SAE fires",
    ),
    "no activations at all": (
        lambda world, folder: compare(world, activations=no_activations(world, folder)),
        "activations have shape [0, 16]; expected [n_tokens, d_in] with at least one token",
    ),
    "truncated activations": (
        lambda world, folder: compare(world, activations=str(truncated(world.file, folder / "cut.safetensors"))),
        "not a readable safetensors file",
    ),
    "missing activations": (
        lambda world, folder: compare(world, activations=str(folder / "missing")),
        "no such file",
    ),
    "NaN in activations": (
        lambda world, folder: compare(world, activations=activations_with_nan(world, folder)),
        "NaN or infinite activations in rows",
    ),
    "empty text": (
        lambda world, folder: compare(world, activations=None, text=text_file(folder, " \n\n")),
        "found no text in it",
    ),
    "no such text": (
        lambda world, folder: compare(world, activations=None, text=str(folder / "missing.txt")),
        "no such file",
    ),
    "no such model": (
        lambda world, folder: compare(world, activations=None, text=text_file(folder, "a"), model="/no/model"),
        "/no/model: no such folder",
    ),
    "activations and model": (
        lambda world, folder: compare(world, model="SmolLM2-135M-Instruct"),
        "activations replace model and text; give one or the other",
    ),
    "activations and text": (
        lambda world, folder: compare(world, text="a.txt"),
        "activations replace model and text; give one or the other",
    ),
    "bad name": (
        lambda world, folder: compare(world, name="Not a name"),
        "name 'Not a name': expected lower-case letters",
    ),
    "missing folder to add": (
        lambda world, folder: ["sae", "add", str(folder / "missing")],
        "no such folder",
    ),
    "NaN weights to add": (
        lambda world, folder: ["sae", "add", sae_with_nan(folder)],
        "nan: W_enc has 24 values that are NaN or infinite",
    ),
    "bad widths": (
        lambda world, folder: ["sae", "add", str(world.narrow), "--matryoshka-widths", "4,x,24"],
        "widths '4,x,24': expected numbers separated by commas",
    ),
    "widths that are no decimal numbers": (
        lambda world, folder: ["sae", "add", str(world.narrow), "--matryoshka-widths", "4,²"],
        "expected numbers separated by commas",
    ),
    "widths out of order": (
        lambda world, folder: ["sae", "add", str(world.narrow), "--matryoshka-widths", "4,2"],
        "expected positive, strictly ascending numbers",
    ),
    "widths against the file": (
        lambda world, folder: ["sae", "add", str(world.reference), "--matryoshka-widths", "3,24"],
        "but the file says [4, 12, 24]",
    ),
    "unknown SAE to show": (lambda world, folder: ["sae", "show", "nobody"], "no SAE 'nobody'"),
    "unknown SAE to remove": (lambda world, folder: ["sae", "remove", "nobody"], "no SAE 'nobody'"),
    "unknown architecture to train": (
        lambda world, folder: ["train", "--out", str(folder / "new"), "--architecture", "relu"],
        "expected batchtopk, matryoshka-batchtopk, balanced-matryoshka",
    ),
    "widths for a plain SAE": (
        lambda world, folder: ["train", "--out", str(folder / "new"), "--widths", "4,8"],
        "--widths belongs to the Matryoshka architectures",
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_one_line_says_what_is_wrong(failure: str, world: World, terminal: Terminal, tmp_path: Path) -> None:
    arguments, message = FAILURES[failure]
    result = terminal.run(*arguments(world, tmp_path))
    assert result.code == 1
    assert result.out == ""
    errors = [line for line in result.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert result.err.splitlines()[-1] == errors[0]
    assert "Traceback" not in result.err
    engine = terminal.engine()
    assert list_comparisons(engine) == []
    assert list_saes(engine) == []
    engine.dispose()


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "--narrow", "a"],
        ["compare", "--narrow", "a", "--reference", "b", "--nonsense"],
        ["compare", "--narrow", "a", "--reference", "b", "--tokens", "0"],
        ["compare", "--narrow", "a", "--reference", "b", "--tokens", "many"],
        ["nonsense"],
        ["sae"],
        ["sae", "add"],
        ["serve", "--port", "http"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], terminal: Terminal) -> None:
    result = terminal.run(*arguments)
    assert result.code == 2
    assert "Traceback" not in result.err
    assert not terminal.data_dir.exists()


@pytest.mark.parametrize("command", [["serve"], ["demo"]])
def test_a_taken_port_is_said_before_any_work(command: list[str], terminal: Terminal) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = terminal.run(*command, "--port", str(port))
    assert result.code == 1
    assert f"can't serve on 127.0.0.1:{port}" in result.err
    assert "choose another with --port" in result.err
    assert len(result.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("HEDGESCOPE_PORT", "http", "HEDGESCOPE_PORT is 'http'"),
        ("HEDGESCOPE_DATABASE_URL", "nonsense", "the database URL can't be used"),
        ("HEDGESCOPE_LOG_LEVEL", "loud", "HEDGESCOPE_LOG_LEVEL is 'loud'"),
    ],
)
def test_bad_settings(name: str, value: str, message: str, terminal: Terminal) -> None:
    terminal.set(name, value)
    result = terminal.run("sae", "list")
    assert result.code == 1
    assert len(result.err.splitlines()) == 1
    assert message in result.err
    assert "Traceback" not in result.err


def test_debug_shows_where_it_failed(terminal: Terminal) -> None:
    with pytest.raises(SaeError, match="no such folder"):
        terminal.run("--debug", "sae", "add", "/no/such/folder")
