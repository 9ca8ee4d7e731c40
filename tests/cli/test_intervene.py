"""`hedgescope intervene`: end to end on tiny SAEs, killed and resumed, and what it refuses."""

from __future__ import annotations

import json
import multiprocessing
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from app.lab.trained import save_perfect
from app.settings import Settings
from app.store.interventions import interventions_of
from app.store.read import list_comparisons
from app.store.session import make_engine
from tests.cli import driver
from tests.cli.conftest import Terminal
from tests.saved_saes import edit_config, edit_weights
from tests.training.worlds import BATCH_SIZE, N_PARENTS, features_of, sample_world, save_narrow, write_acts
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.slow

MIXED = (0.5, 0.5, 0.0, 0.0)
PROBABILITIES = (0.4, 0.4, 0.06, 0.06), (0.0, 0.0, 0.06, 0.06)
CHILDREN = tuple(range(N_PARENTS, 2 * N_PARENTS))
ARMS = [
    *("control-000", "run-000", "run-001", "all-000"),
    *("control-001", "run-002", "run-003", "all-001"),
    "other-budget",
]
"""The trainings of four runs, in order."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Activations of four families, a narrow SAE of which two latents hedge, and the SAE that knows all features."""
    folder = tmp_path_factory.mktemp("families")
    acts = sample_world(*PROBABILITIES, n_tokens=16_384)
    write_acts(folder / "acts.safetensors", acts)
    save_narrow(folder / "narrow", MIXED)
    save_perfect(features_of().numpy(), acts, folder / "reference")
    return folder


def compared(terminal: Terminal, world: Path, narrow: Path | None = None) -> None:
    """Store a comparison named `tiny`."""
    saes = ["--narrow", str(narrow or world / "narrow"), "--reference", str(world / "reference")]
    found = terminal.run("compare", *saes, "--activations", str(world / "acts.safetensors"), "--name", "tiny")
    assert found.code == 0, found.err


def words(world: Path, **changes: Any) -> list[str]:
    options: dict[str, Any] = {
        "comparison": "tiny",
        "runs": 4,
        "tokens": 20 * BATCH_SIZE,
        "batch-size": BATCH_SIZE,
        "lr": 3e-3,
        "activations": world / "acts.safetensors",
        **changes,
    }
    given = {name: value for name, value in options.items() if value is not None}
    return ["intervene", *(word for name, value in given.items() for word in (f"--{name}", str(value)))]


def n_stored(data_dir: Path) -> int:
    engine = make_engine(Settings(data_dir=data_dir).resolved_database_url)
    stored = sum(len(interventions_of(engine, summary.slug)) for summary in list_comparisons(engine))
    engine.dispose()
    return stored


def test_a_trial_from_the_command_line(terminal: Terminal, world: Path) -> None:
    compared(terminal, world)
    found = terminal.run(*words(world, tokens=100 * BATCH_SIZE), "--json")
    assert found.code == 0, found.err
    assert found.out.count("\n") == 1
    answer = json.loads(found.out)
    summary = answer["summary"]
    assert [candidate["index"] for candidate in summary["candidates"]] == list(CHILDREN)
    assert [len(run["added"]) for run in summary["runs"]] == [2] * 4
    for first, second in ((0, 1), (2, 3)):
        assert sorted(summary["runs"][first]["added"] + summary["runs"][second]["added"]) == list(CHILDREN)
    densities = {candidate["index"]: candidate["density"] for candidate in summary["candidates"]}
    for run in summary["runs"]:
        assert run["k"] == pytest.approx(summary["k"] + sum(densities[j] for j in run["added"]))
        assert run["explained_variance"] > run["control_explained_variance"]

    hedged = {(i, i + N_PARENTS) for i, mixed in enumerate(MIXED) if mixed}
    pairs = {(pair["narrow_index"], pair["reference_index"]): pair for pair in answer["pairs"]}
    assert {key for key, pair in pairs.items() if pair["named"]} == hedged
    for key, pair in pairs.items():
        assert (pair["release"] > 0.1) == (key in hedged), pair
    assert summary["n_named"] == 2
    assert summary["named_added"]["share_falling"] == 1
    assert summary["named_added"]["motion_cosine"] > 0.8
    assert abs(summary["named_not_added"]["median"]) < 0.05

    summed = {latent["index"]: latent["summed"] for latent in answer["latents"]}
    assert min(summed[0], summed[1]) > 0.1
    assert max(abs(summed[2]), abs(summed[3])) < 0.05
    assert not list(terminal.data_dir.glob("interventions/*"))

    again = terminal.run(*words(world, tokens=100 * BATCH_SIZE))
    assert again.code == 0, again.err
    assert f"intervention {answer['id']} of {summary['comparison']}" in again.out
    assert n_stored(terminal.data_dir) == 1


def test_the_budget_can_be_held(terminal: Terminal, world: Path) -> None:
    compared(terminal, world)
    found = terminal.run(*words(world, runs=2), "--hold-budget", "--json")
    assert found.code == 0, found.err
    summary = json.loads(found.out)["summary"]
    assert summary["settings"]["budget"] == "held"
    assert {run["k"] for run in summary["runs"]} == {summary["k"]}
    assert None not in (summary["degree"], summary["first_degree"], summary["other_degree"])
    assert summary["n_above_zero"] is None
    assert "--hold-budget" in summary["command"]


def run_apart(words: list[str], folder: Path, dies_at: str | None = None) -> int | None:
    """Exit code of the command in a process of its own."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["sae_lens", "tests.cli.driver"])
    process = context.Process(target=driver.intervention, args=(words, folder, dies_at))
    process.start()
    process.join(PATIENCE_S)
    return process.exitcode


def files_of_arms(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("interventions/*/*.safetensors")}


def test_killed_between_runs_it_resumes(terminal: Terminal, world: Path) -> None:
    compared(terminal, world)
    arguments = [*words(world), "--json", "--seed", "1"]
    folder = terminal.data_dir
    # In a process like the ones below: sums depend on the number of threads in their last digits.
    assert run_apart(arguments, folder) == 0, (folder / "err").read_text()
    undisturbed = json.loads((folder / "out").read_text())
    (folder / "trained").unlink()
    engine = terminal.engine()
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM interventions")
    engine.dispose()

    assert run_apart(arguments, folder, dies_at=ARMS[3]) == -signal.SIGKILL, (folder / "err").read_text()
    assert (folder / "trained").read_text().split() == ARMS[:4]
    assert files_of_arms(folder) == set(ARMS[:3])
    assert n_stored(folder) == 0

    (folder / "trained").unlink()
    assert run_apart(arguments, folder) == 0, (folder / "err").read_text()
    assert (folder / "trained").read_text().split() == ARMS[3:], "what was finished is used again"
    answer = json.loads((folder / "out").read_text())
    for key in ("pairs", "latents"):
        assert answer[key] == undisturbed[key]
    same = ("content_hash", "candidates", "runs", "named_added", "degree", "other_degree")
    assert {key: answer["summary"][key] for key in same} == {key: undisturbed["summary"][key] for key in same}
    assert n_stored(folder) == 1
    assert files_of_arms(folder) == set()


def refused(terminal: Terminal, arguments: list[str], *parts: str) -> None:
    """Exit code 1, one line of explanation that names all of these, and nothing is stored."""
    result = terminal.run(*arguments)
    assert result.code == 1, result.err
    assert result.out == ""
    assert "Traceback" not in result.err
    errors = [line for line in result.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, result.err
    assert [part for part in parts if part not in errors[0]] == [], errors[0]
    if list_of(terminal):
        assert n_stored(terminal.data_dir) == 0


def list_of(terminal: Terminal) -> list[Any]:
    engine = terminal.engine()
    found = list_comparisons(engine)
    engine.dispose()
    return list(found)


Change = Callable[[torch.Tensor], torch.Tensor]


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"comparison": "nowhere"}, ("no comparison 'nowhere'",)),
        ({"runs": 3}, ("runs is 3; expected an even number",)),
        ({"tokens": 100}, (f"tokens is 100; expected at least one batch of {BATCH_SIZE}",)),
        ({"add": 3}, ("4 of the 8 reference latents that fire have no near twin", "expected at least 6")),
        ({"activations": None}, ("was made from a file of activations", "--activations")),
        ({"activations": "none.safetensors"}, ("none.safetensors: no cached activations there",)),
        ({"batch-size": 20_000, "tokens": 20_000}, ("has 16384 activations; expected at least one batch",)),
        ({"lr": 1e30}, ("training diverged; give a smaller --lr",)),
    ],
)
def test_requests_that_cannot_be_met(
    changes: dict[str, Any], parts: tuple[str, ...], terminal: Terminal, world: Path
) -> None:
    compared(terminal, world)
    refused(terminal, words(world, **changes), *parts)


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda acts: acts[:, :20], ("activations of width 20", "reads 24")),
        (lambda acts: acts.index_fill(0, torch.tensor([5]), float("nan")), ("1 of 16384 activations are NaN",)),
        (torch.zeros_like, ("all activations are zero",)),
        (torch.neg, ("no latent fires",)),
    ],
)
def test_activations_that_cannot_be_trained_on(
    change: Change, parts: tuple[str, ...], terminal: Terminal, world: Path, tmp_path: Path
) -> None:
    compared(terminal, world)
    bad = tmp_path / "bad.safetensors"
    save_file({"activations": change(load_file(world / "acts.safetensors")["activations"]).contiguous()}, bad)
    refused(terminal, words(world, activations=bad), *parts)


def test_an_sae_that_cannot_be_trained_on(terminal: Terminal, world: Path, tmp_path: Path) -> None:
    other = save_narrow(tmp_path / "other", MIXED)
    edit_weights(other, lambda tensors: tensors["threshold"][0].fill_(0.7))
    compared(terminal, world, other)
    refused(terminal, words(world), "other: training can't continue from it: its thresholds differ between latents")


def test_all_candidates_have_twins(terminal: Terminal, world: Path, tmp_path: Path) -> None:
    twins = save_narrow(tmp_path / "twins", (0.3, 0.3, 0.1, 0.1))
    saes = ["--narrow", str(world / "narrow"), "--reference", str(twins)]
    found = terminal.run("compare", *saes, "--activations", str(world / "acts.safetensors"), "--name", "tiny")
    assert found.code == 0, found.err
    refused(terminal, words(world), "0 of the 4 reference latents that fire have no near twin", "decoder cosine of 0.7")


def test_a_reference_of_another_hook(terminal: Terminal, world: Path, tmp_path: Path) -> None:
    other = save_narrow(tmp_path / "other", (0.3, 0.3, 0.1, 0.1))
    metadata = json.loads((other / "cfg.json").read_text())["metadata"]
    edit_config(other, metadata={**metadata, "hook_name": "layer.3"})
    third = save_narrow(tmp_path / "third", MIXED)
    saes = ["--narrow", str(third), "--reference", str(other), "--allow-mismatch"]
    found = terminal.run("compare", *saes, "--activations", str(world / "acts.safetensors"), "--name", "tiny")
    assert found.code == 0, found.err
    refused(terminal, words(world), "reads layer.3 and third reads none")


def test_options_that_do_not_go_together(terminal: Terminal, world: Path) -> None:
    compared(terminal, world)
    refused(terminal, words(world, text="some.txt"), "activations replace the text; give one or the other")
