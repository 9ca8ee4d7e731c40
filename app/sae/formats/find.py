"""Which format an SAE is saved in, from the folder or file itself; what a folder of several holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from app.errors import SaeError
from app.sae.formats import dictionary_learning, saelens, scopes, sparsify
from app.sae.formats.names import FILES, format_in
from app.sae.formats.raw import RawSae, one_line, refuse_pointer

Reader = Callable[[Path], RawSae]

READERS: Mapping[str, Reader] = {
    "SAELens": saelens.read,
    "sparsify": sparsify.read,
    "dictionary_learning": dictionary_learning.read,
    "Gemma Scope": scopes.read_gemma,
    "Gemma Scope 2": scopes.read_gemma_2,
    "Llama Scope": scopes.read_llama,
}
FORMATS: tuple[tuple[str, tuple[str, ...], Reader], ...] = tuple((name, FILES[name], READERS[name]) for name in FILES)
"""Name, files and reader of each format."""

EXPECTED = f"expected a folder of {', '.join(name for name, _, _ in FORMATS)} or SAEBench"
LISTED = 8
DEEPEST = 4
"""Levels of folders that are searched for SAEs."""

_SIGNS = (
    ("*.pth", "looks like Goodfire's: one .pth file; convert it with SAELens and save it as a SAELens folder"),
    (
        "*.pt",
        "looks like OpenAI's: a .pt file without a configuration; save it as a SAELens folder",
    ),
    ("*.ckpt", "holds a training checkpoint; save the SAE as a SAELens folder"),
    ("*.bin", "holds a pickle (.bin), which is never read; save the SAE as a SAELens folder"),
    ("*.zip", "is an archive; unpack it and give its folder"),
    ("*.tar*", "is an archive; unpack it and give its folder"),
    ("*.tgz", "is an archive; unpack it and give its folder"),
    ("*.pkl", "holds a pickle (.pkl), which is never read; save the SAE as a SAELens folder"),
)


def find_reader(path: Path) -> tuple[Path, Reader]:
    """(folder of the SAE, reader of its format).

    Args:
        path: a folder, or one of an SAE's files.

    Raises:
        SaeError: it is not an SAE that can be read; the message says what was found there, and the way out.
    """
    folder = _folder_of(path)
    for _, files, reader in FORMATS:
        if all((folder / file).is_file() for file in files):
            return folder, reader
    if len(inside := saes_inside(folder)) == 1:
        return find_reader(inside[0])
    raise SaeError(_what_instead(folder), place=path)


def read(folder: Path, reader: Reader) -> RawSae:
    """What a reader makes of its files, whatever they hold.

    Raises:
        SaeError: they do not fit together.
    """
    try:
        return reader(folder)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, RuntimeError, OverflowError) as error:
        detail = "its files do not fit together, or are damaged; download them again"
        raise SaeError(detail, place=folder, reason=one_line(error)) from error


def _folder_of(path: Path) -> Path:
    if path.is_dir():
        return path
    refuse_pointer(path)
    for parent in list(path.parents)[:2]:
        if any(parent / files[-1] == path for _, files, _ in FORMATS):
            return parent
    if path.name in {file for _, files, _ in FORMATS for file in files}:
        return path.parent
    sign = next((said for pattern, said in _SIGNS if path.match(pattern)), None)
    raise SaeError(sign or f"no file of an SAE; {EXPECTED}", place=path)


def _what_instead(folder: Path) -> str:
    """What a folder holds in place of an SAE, in one sentence."""
    names = sorted(path.name for path in folder.iterdir())
    if (broken := next((name for name in names if _is_broken_link(folder / name)), None)) is not None:
        return f"{broken} is a link to a file that is not there; download it again, or copy the file itself"
    if parts := [name for name in names if re.fullmatch(r".+-\d+-of-\d+\.safetensors", name)]:
        return (
            f"its weights are in {len(parts)} parts ({parts[0]}, …); join them in one file, as {saelens.WEIGHTS_FILE}"
        )
    for _, files, _ in FORMATS:
        there = [file for file in files if (folder / file).is_file()]
        missing = [file for file in files if file not in there]
        if there and missing and there != ["config.json"]:
            found = ", ".join(names[:LISTED])
            return f"has no {' and no '.join(missing)} (found {found}); {EXPECTED}"
    if (folder / "config.json").is_file() and (folder / saelens.WEIGHTS_FILE).is_file():
        return "looks like OpenMOSS': config.json and sae_weights.safetensors; save it as a SAELens folder"
    inside = saes_inside(folder)
    if inside:
        more = "" if len(inside) <= LISTED else f" and {len(inside) - LISTED} more"
        shown = ", ".join(str(path.relative_to(folder)) for path in inside[:LISTED])
        return f"holds {len(inside)} SAEs, not one; choose one of {shown}{more}"
    loose = [name for name in names if name.endswith(".safetensors")]
    if len(loose) > 1:
        shown = ", ".join(loose[:LISTED])
        return f"holds {len(loose)} weights files ({shown}); put each into a folder of its own, with its configuration"
    sign = next((said for pattern, said in _SIGNS if any(Path(name).match(pattern) for name in names)), None)
    return sign or f"holds no SAE (found {', '.join(names[:LISTED]) or 'nothing'}); {EXPECTED}"


def _is_broken_link(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def saes_inside(folder: Path, depth: int = DEEPEST) -> list[Path]:
    """The folders below this one that hold an SAE, in order of their names."""
    found = []
    for path in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        if format_in(path) is not None:
            found.append(path)
        elif depth > 1:
            found += saes_inside(path, depth - 1)
    return found
