"""What lies in the input folder, by the names and heads of its files: SAEs, models, texts, activations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.activations.text_files import is_text_file
from app.sae.formats.names import FILES, format_in

DEEPEST = 5
"""Levels of folders that are looked through."""
MOST_SEEN, MOST_LISTED = 20_000, 500
"""Entries that are looked at, and found things that are listed."""
HEAD_BYTES = 1 << 20
"""A header of a safetensors file is rarely longer, and of activations never."""

InputKind = Literal["sae", "model", "text", "activations"]


@dataclass(frozen=True)
class InputFile:
    """Something in the input folder that a job can name.

    Attributes:
        kind: what it looks like; a job's preflight looks closer.
        name: its path in the input folder, as a job names it.
        format: of an SAE, else the ending of its name.
        n_bytes: size of its files.
    """

    kind: InputKind
    name: str
    format: str
    n_bytes: int


@dataclass(frozen=True)
class InputFolder:
    """What can be chosen from.

    Attributes:
        items: in order of their names.
        is_complete: false where the folder holds more than is looked at.
    """

    items: tuple[InputFile, ...]
    is_complete: bool

    def of(self, *kinds: InputKind) -> tuple[InputFile, ...]:
        """Those of some kinds."""
        return tuple(item for item in self.items if item.kind in kinds)


def input_files(root: Path) -> InputFolder:
    """What the input folder holds; nothing where there is no such folder. Links that lead out of it are left out."""
    root = root.resolve()
    found: list[InputFile] = []
    budget = [MOST_SEEN]
    for item in _walk(root, root, DEEPEST, budget):
        found.append(item)
        if len(found) > MOST_LISTED:
            break
    is_complete = len(found) <= MOST_LISTED and budget[0] > 0
    return InputFolder(tuple(sorted(found[:MOST_LISTED], key=lambda item: item.name)), is_complete)


def _walk(folder: Path, root: Path, depth: int, budget: list[int]) -> Iterator[InputFile]:
    for path in _entries(folder, root):
        budget[0] -= 1
        if budget[0] <= 0:
            return
        if path.is_dir():
            whole = _of_folder(path, root)
            if whole is not None:
                yield whole
            elif depth > 1:
                yield from _walk(path, root, depth - 1, budget)
        elif (kind := _kind_of(path)) is not None:
            yield InputFile(kind, _name(path, root), path.suffix.lower().lstrip("."), path.stat().st_size)


def _entries(folder: Path, root: Path) -> list[Path]:
    try:
        entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        return [path for path in entries if path.resolve().is_relative_to(root)]
    except OSError:
        return []


def _of_folder(path: Path, root: Path) -> InputFile | None:
    """An SAE or a model whose files lie in one folder."""
    name = format_in(path)
    if name is not None:
        return InputFile("sae", _name(path, root), name, sum((path / file).stat().st_size for file in FILES[name]))
    weights = [*path.glob("*.safetensors")]
    if weights and (path / "config.json").is_file() and (path / "tokenizer_config.json").is_file():
        return InputFile("model", _name(path, root), "transformers", sum(file.stat().st_size for file in weights))
    return None


def _kind_of(path: Path) -> InputKind | None:
    if path.suffix.lower() == ".gguf":
        return "model"
    if is_text_file(path):
        return "text"
    return "activations" if path.suffix == ".safetensors" and "activations" in _tensor_names(path) else None


def _tensor_names(path: Path) -> list[str]:
    """Names in the head of a safetensors file; none where it is something else."""
    try:
        with path.open("rb") as file:
            n_bytes = int.from_bytes(file.read(8), "little")
            head = json.loads(file.read(n_bytes)) if n_bytes <= HEAD_BYTES else {}
    except (OSError, ValueError, RecursionError):
        return []
    return list(head) if isinstance(head, dict) else []


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
