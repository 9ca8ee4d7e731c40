"""Loading of a transformers model: all of its weights come from its files, or it is an error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from app.activations.layers import layer_list, submodule
from app.errors import ModelError
from app.files import LFS_REMEDY, is_lfs_pointer

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tokenizer_config.json")
"""Files of which a tokenizer has at least one."""

LISTED = 5
"""Tensors that a message names."""


def from_pretrained(source: Path | str, dtype: torch.dtype, revision: str | None = None) -> tuple[Any, Any]:
    """(model, tokenizer) of a folder or a name on the Hub.

    Args:
        revision: branch, tag or commit on the Hub; the default branch, if None.

    Raises:
        ModelError: transformers can't load it, or some of its weights are not in its files.
    """
    from transformers import AutoTokenizer

    options = {} if revision is None else {"revision": revision}
    if isinstance(source, Path):
        refuse_pointers(source.glob("*"))
        if reason := _why_no_model(source):
            raise ModelError(reason, place=source)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, **options)
    except Exception as error:
        raise ModelError("transformers can't load its tokenizer", place=source, reason=first_line(error)) from error
    model = load_whole(source, source, dtype=dtype, use_safetensors=True, **options)
    return model, tokenizer


def _why_no_model(folder: Path) -> str | None:
    """What keeps a folder from being a model of its own; None where nothing is seen from its files."""
    if (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file():
        return "is an adapter (LoRA) of another model; merge it into that model (merge_and_unload), and save the result"
    if not (folder / "config.json").is_file():
        inside = sorted(path.parent.name for path in folder.glob("*/config.json"))
        hint = f"; did you mean {', '.join(inside[:LISTED])} in it?" if inside else ""
        return f"has no config.json; expected a transformers folder{hint}"
    if not any((folder / name).is_file() for name in TOKENIZERS):
        return f"has no tokenizer (none of {', '.join(TOKENIZERS)}); copy its files from the model's own repository"
    return None


def load_whole(place: Path | str, source: Path | str, **options: Any) -> Any:
    """A causal language model all of whose weights come from its files.

    Args:
        place: what messages name.
        options: of transformers' `from_pretrained`.

    Raises:
        ModelError: it can't be loaded, or weights are missing or of other names or shapes; the message lists them.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    verbosity = logging.get_verbosity()
    # transformers would print a report of what is missing; the error says it.
    logging.set_verbosity_error()
    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            source, output_loading_info=True, ignore_mismatched_sizes=True, **options
        )
    except Exception as error:
        raise ModelError("transformers can't load it", place=place, reason=first_line(error)) from error
    finally:
        logging.set_verbosity(verbosity)
    if problems := weight_problems(model, info):
        raise ModelError("; ".join(problems), place=place)
    return model


def weight_problems(model: Any, info: Mapping[str, Any]) -> list[str]:
    """What of a model does not come from its files, in transformers' account of the loading; one line each."""
    missing, unexpected = sorted(info["missing_keys"]), sorted(info["unexpected_keys"])
    mismatched = sorted(info["mismatched_keys"])
    total = len(dict(model.named_parameters()))
    homeless = [name for name in unexpected if missing or _belongs(model, name)]
    problems = []
    if missing:
        problems.append(
            f"{len(missing)} of its {total} weights are not in its files ({listed(missing)}), so they would be random"
        )
    if mismatched:
        shapes = [f"{name} {list(there)}, expected {list(here)}" for name, there, here in mismatched]
        problems.append(f"{len(mismatched)} weights have another shape than config.json says ({listed(shapes)})")
    if homeless:
        problems.append(f"its files hold {len(homeless)} weights that {type(model).__name__} has no place for")
        problems[-1] += f" ({listed(homeless)})"
    if problems:
        problems[-1] += "; get the whole checkpoint, saved for this architecture"
    return problems


def _belongs(model: Any, name: str) -> bool:
    """Whether a weight that was left out would have changed what the model computes: a bias, or one more layer."""
    parent, _, kind = name.rpartition(".")
    if kind in ("weight", "bias") and parent and submodule(model, parent) is not None:
        return True
    try:
        path, n_layers = layer_list(model)
    except ModelError:
        return False
    match = re.search(rf"(?:^|\.){re.escape(path.rpartition('.')[2])}\.(\d+)\.", name)
    return match is not None and name.startswith(path) and int(match[1]) >= n_layers


def refuse_pointers(paths: Iterable[Path]) -> None:
    """Raise ModelError for a Git LFS pointer among files."""
    for path in paths:
        if path.is_file() and is_lfs_pointer(path):
            raise ModelError(LFS_REMEDY, place=path)


def listed(names: Iterable[str]) -> str:
    """The first few of some names, and how many more there are."""
    every = list(names)
    more = len(every) - LISTED
    return ", ".join(every[:LISTED]) + (f" and {more} more" if more > 0 else "")


def first_line(error: BaseException) -> str:
    """An error of a library in one line."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
