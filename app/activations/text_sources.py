"""What a text is named by: a file, a folder of files, a dataset on disk, or a dataset on the Hub."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from app.activations.checkpoint import first_line
from app.activations.text_files import (
    DOCUMENTS_OF_THEIR_OWN,
    PIECE,
    documents_of_file,
    is_text_file,
    kind_of,
    texts_of_column,
)
from app.activations.text_kinds import EXPECTED
from app.activations.token_sets import TokenSet, find_token_set
from app.errors import TextError

OPTIONS = ("config", "split", "column", "revision")
"""What may stand behind a text's name: `org/name?config=en&split=train&column=body`."""

PREFERRED_SPLIT = "train"
_ABOUT = re.compile(r"(README|LICEN[CS]E|CHANGELOG|dataset_infos?|sae_lens)\b", re.IGNORECASE)
"""Files that describe a data set."""


@dataclass(frozen=True)
class TextSource:
    """Documents that can be read again and again.

    Attributes:
        name: what the user named.
        open: starts to read them.
        identity: what stands for their content, where reading all of them would take too long; None where it is read.
        notes: what was chosen for the user, one line each.
    """

    name: str
    open: Callable[[], Iterator[str]]
    identity: str | None = None
    notes: tuple[str, ...] = field(default=())


def find_text(source: str) -> TextSource:
    """The documents that a name means.

    Raises:
        TextError: nothing of this name, or nothing in it that is a text.
    """
    name, options = split_options(source)
    column = options.get("column", "text")
    path = Path(name).expanduser()
    if path.is_file():
        return TextSource(source, lambda: documents_of_file(path, column), notes=_notes_of(path))
    if path.is_dir():
        return _of_folder(source, path, column, options.get("split"))
    if "/" not in name or name.startswith(("/", ".", "~")) or is_text_file(path) or name.count("/") != 1:
        raise TextError("no such file, folder or dataset", place=source)
    return _of_hub(source, name, column, options)


def tokens_of(source: str) -> TokenSet | None:
    """The tokens of a saved data set that holds no text; None for any other text.

    Raises:
        TextError: an option is unknown, or the data set can't be read.
    """
    name, options = split_options(source)
    folder = Path(name).expanduser()
    if "column" in options or not folder.is_dir():
        return None
    if (folder / "dataset_dict.json").is_file():
        folder = folder / _split_of(source, _splits(folder), options.get("split"))[0]
    return find_token_set(folder) if (folder / "state.json").is_file() else None


def _notes_of(path: Path) -> tuple[str, ...]:
    if kind_of(path)[0] in DOCUMENTS_OF_THEIR_OWN or path.stat().st_size <= PIECE:
        return ()
    return (
        f"a text of more than {PIECE // 10**6} million characters is read as several documents, cut at blank lines",
    )


def split_options(source: str) -> tuple[str, dict[str, str]]:
    """(name, options) of `name?key=value&…`; a path that is there is a name as it is.

    Raises:
        TextError: an option is unknown.
    """
    name, mark, query = source.partition("?")
    if not mark or Path(source).exists():
        return source, {}
    options = dict(parse_qsl(query, keep_blank_values=True))
    for option in options:
        if option not in OPTIONS:
            raise TextError(f"unknown option {option!r}; expected {', '.join(OPTIONS)}", place=source)
    return name, options


def _of_folder(source: str, folder: Path, column: str, split: str | None) -> TextSource:
    if (folder / "dataset_dict.json").is_file():
        chosen, notes = _split_of(source, _splits(folder), split)
        return TextSource(source, lambda: _saved_dataset(folder / chosen, column), notes=notes)
    if (folder / "state.json").is_file():
        return TextSource(source, lambda: _saved_dataset(folder, column))
    found_files = sorted(path for path in folder.rglob("*") if path.is_file() and is_text_file(path))
    # A data set's own description is not part of it.
    files = [path for path in found_files if not _ABOUT.match(path.name)] or found_files
    if not files:
        found = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
        raise TextError(f"holds no text file (found {found}); {EXPECTED}, or a saved dataset", place=source)

    def read() -> Iterator[str]:
        for file in files:
            yield from documents_of_file(file, column)

    return TextSource(source, read)


def _splits(folder: Path) -> list[str]:
    try:
        splits = json.loads((folder / "dataset_dict.json").read_text(encoding="utf-8"))["splits"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TextError("not a saved dataset", place=folder, reason=first_line(error)) from error
    return [split for split in splits if isinstance(split, str)]


def _split_of(source: str, splits: list[str], wanted: str | None) -> tuple[str, tuple[str, ...]]:
    """(split to read, notes); the only one, or `train`, where none is named."""
    if wanted is None and len(splits) == 1:
        return splits[0], ()
    if wanted is None and PREFERRED_SPLIT in splits:
        return PREFERRED_SPLIT, (f"the text is the split {PREFERRED_SPLIT} of {', '.join(splits)}",)
    if wanted not in splits:
        named = "names no split" if wanted is None else f"has no split {wanted!r}"
        raise TextError(f"{named}; choose one of {', '.join(splits)}, with ?split=… behind its name", place=source)
    return wanted, ()


def _saved_dataset(folder: Path, column: str) -> Iterator[str]:
    """Column of a dataset that `save_to_disk` wrote, batch after batch; not mapped into memory."""
    import pyarrow as pa

    try:
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        files = [folder / each["filename"] for each in state["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TextError("not a saved dataset", place=folder, reason=first_line(error)) from error
    for file in files:
        try:
            with pa.OSFile(str(file)) as raw, pa.ipc.open_stream(raw) as reader:
                if column not in reader.schema.names:
                    raise TextError(f'has columns {reader.schema.names}; expected one named "{column}"', place=folder)
                for batch in reader:
                    yield from texts_of_column(folder, batch.column(column), column)
        except (pa.ArrowException, OSError) as error:
            raise TextError("not a complete Arrow file", place=file, reason=first_line(error)) from error


def _of_hub(source: str, name: str, column: str, options: dict[str, str]) -> TextSource:
    """A dataset on the Hub, streamed: only what is read is downloaded."""
    import datasets
    from huggingface_hub import HfApi

    chosen = {key: options[key] for key in ("revision",) if key in options}
    try:
        revision = options.get("revision") or HfApi().dataset_info(name).sha
        splits = datasets.get_dataset_split_names(name, options.get("config"), **chosen)
    except Exception as error:
        raise TextError(
            "neither a file nor a dataset that can be loaded from the Hub", place=source, reason=first_line(error)
        ) from error
    split, notes = _split_of(source, list(splits), options.get("split"))

    def read() -> Iterator[str]:
        try:
            rows = datasets.load_dataset(name, options.get("config"), split=split, streaming=True, **chosen)
            for row in rows:
                yield _text_of(source, row, column)
        except TextError:
            raise
        except Exception as error:
            raise TextError("the dataset can't be read from the Hub", place=source, reason=first_line(error)) from error

    identity = f"{name}@{revision} {options.get('config')} {split} {column}"
    return TextSource(source, read, identity, notes)


def _text_of(source: str, row: dict[str, Any], column: str) -> str:
    if column not in row:
        raise TextError(f'has columns {sorted(row)}; expected one named "{column}"', place=source)
    text = row[column]
    if text is not None and not isinstance(text, str):
        raise TextError(f'column "{column}" holds {type(text).__name__}; expected strings', place=source)
    return text or ""
