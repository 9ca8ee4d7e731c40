"""Errors name files of this machine to those who run the program, and to nobody else."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import app.errors
from app.activations.cache import load_cached
from app.activations.cached import open_activations
from app.activations.language_model import load_language_model
from app.activations.text import read_text
from app.errors import HedgescopeError, PreflightError, QueryError, RequestError
from app.sae.formats.saelens import read_config
from app.sae.load import load_sae
from app.sparse.files import write_whole
from app.store.session import check_schema, make_engine, reading
from app.training.start import load_start
from tests.saved_saes import save_sae

ROOT = Path(__file__).parents[1]


def tree(kind: type[HedgescopeError] = HedgescopeError) -> Iterator[type[HedgescopeError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from tree(each)


OWN_CONSTRUCTOR = {kind for kind in tree() if kind is not HedgescopeError and "__init__" in vars(kind)}
"""Those that take other arguments; of them only `PreflightError` is about a place."""


@pytest.mark.parametrize("kind", [kind for kind in tree() if kind not in OWN_CONSTRUCTOR])
def test_the_folder_is_private(kind: type[HedgescopeError]) -> None:
    error = kind("is broken; make it again", place=Path("/srv/private/file"), reason="in /srv/private/other")
    assert str(error) == "/srv/private/file: is broken; make it again (in /srv/private/other)"
    assert error.public == "file: is broken; make it again"
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.public) == (str(error), error.public)


def test_the_folder_of_an_unusable_sae_is_private() -> None:
    error = PreflightError("/srv/private/sae", ["it is broken", "it is empty"])
    assert str(error) == "/srv/private/sae: it is broken; it is empty"
    assert error.public == "sae: it is broken; it is empty"


def test_an_error_without_a_place_is_the_same_for_everybody() -> None:
    error = RequestError("tokens is 0; expected 1 to 9", field="tokens")
    assert error.public == str(error) == "tokens is 0; expected 1 to 9"


def broken(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"{ broken")
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def sae_with_broken_weights(path: Path) -> Path:
    broken(save_sae(path) / "sae_weights.safetensors")
    return path


def nan_activations(path: Path) -> Path:
    save_file({"activations": np.full((4, 2), np.nan, dtype=np.float32)}, path)
    return path


def unknown_table(url: str) -> None:
    with reading(make_engine(url)) as connection:
        connection.exec_driver_sql("SELECT * FROM nothing")


FAILURES: dict[str, Callable[[Path], object]] = {
    "text: not there": lambda path: read_text(str(path / "a.txt")),
    "text: not JSON": lambda path: read_text(str(broken(path / "a.jsonl"))),
    "text: not a dataset": lambda path: read_text(str(folder(path / "data"))),
    "activations: not there": lambda path: open_activations(str(path / "a.safetensors")),
    "activations: broken": lambda path: open_activations(str(broken(path / "a.safetensors"))),
    "activations: not a dataset": lambda path: open_activations(str(folder(path / "data"))),
    "cached activations: not there": lambda path: load_cached(path / "none"),
    "cached activations: broken": lambda path: load_cached(broken(path / "a.safetensors")),
    "cached activations: NaN": lambda path: load_cached(nan_activations(path / "a.safetensors")),
    "model: not there": lambda path: load_language_model(str(path / "model"), cache_dir=path),
    "model: empty folder": lambda path: load_language_model(str(folder(path / "model")), cache_dir=path),
    "model: not a GGUF file": lambda path: load_language_model(str(broken(path / "m.gguf")), cache_dir=path / "cache"),
    "SAE: not there": lambda path: load_sae(str(path / "sae")),
    "SAE: empty folder": lambda path: load_sae(str(folder(path / "sae"))),
    "SAE: broken weights": lambda path: load_sae(str(sae_with_broken_weights(path / "sae"))),
    "SAE: broken configuration": lambda path: read_config(broken(path / "cfg.json")),
    "SAE: can't be trained on": lambda path: load_start(str(save_sae(path / "sae"))),
    "shard: can't be written": lambda path: write_whole(broken(path / "file") / "shard", b""),
    "database: its folder": lambda path: make_engine(f"sqlite:///{broken(path / 'file')}/a.db"),
    "database: not one": lambda path: check_schema(make_engine(f"sqlite:///{broken(path / 'a.db')}")),
    "database: no schema": lambda path: check_schema(make_engine(f"sqlite:///{path / 'a.db'}")),
    "database: no such table": lambda path: unknown_table(f"sqlite:///{path / 'a.db'}"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_what_goes_wrong_with_a_file_names_its_folder_in_private(failure: str, tmp_path: Path) -> None:
    with pytest.raises(HedgescopeError) as raised:
        FAILURES[failure](tmp_path)
    assert str(tmp_path) in str(raised.value)
    assert str(tmp_path) not in raised.value.public


PRIVATE = {
    "path",
    "folder",
    "file",
    "source",
    "error",
    "reason",
    "weights",
    "out",
    "_path",
    "str(error)",
    "_line(error)",
}
"""Names of what belongs into `place` or `reason`."""


def test_no_message_is_written_around_a_path() -> None:
    """Only `place` and `reason` can be left out where everybody reads the message."""
    found = []
    for module in sorted((ROOT / "app").rglob("*.py")):
        for call in calls_of_errors(ast.parse(module.read_text())):
            private = sorted(names_in(call.args[0]) & PRIVATE) if call.args else []
            if private:
                found.append(f"{module.relative_to(ROOT)}:{call.lineno} {private}")
    assert found == []


def calls_of_errors(module: ast.Module) -> Iterator[ast.Call]:
    """Where errors are made, but for those about what somebody sent."""
    names = {kind.__name__ for kind in tree() if kind is not QueryError} & set(vars(app.errors))
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            yield node


def names_in(message: ast.expr) -> set[str]:
    """What an f-string shows: its expressions, and the last part of attributes such as `record.source`."""
    shown = [ast.unparse(part.value) for part in ast.walk(message) if isinstance(part, ast.FormattedValue)]
    return {*shown, *(name.rpartition(".")[2] for name in shown if name.isidentifier() or "." in name)}
