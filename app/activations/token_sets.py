"""Data sets that hold tokens in place of text, as SAELens' `PretokenizeRunner` saves them: one row each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.activations.checkpoint import first_line
from app.errors import TextError

COLUMNS = ("tokens", "input_ids", "token_ids")
SETTINGS_FILE = "sae_lens.json"
"""What SAELens keeps of the way in which a set was made."""
MOST_ROWS = 1 << 20


@dataclass(frozen=True)
class TokenSet:
    """Rows of tokens of one length.

    Attributes:
        folder: where they are.
        column: that holds them.
        tokenizer: name of the tokenizer that made them; None where that is not known.
    """

    folder: Path
    column: str
    tokenizer: str | None

    def blocks(self) -> Iterator[NDArray[np.int32]]:
        """`[n_rows, row_length]` tokens, some rows at a time.

        Raises:
            TextError: the files can't be read, or rows differ in length.
        """
        length: int | None = None
        for batch in _batches(self.folder):
            rows = [row for row in batch.column(self.column).to_pylist() if row is not None]
            lengths = {len(row) for row in rows} | ({length} if length is not None else set())
            if len(lengths) > 1:
                raise TextError(
                    f"has rows of {min(lengths)} to {max(lengths)} tokens; expected rows of one length, as SAELens' "
                    "PretokenizeRunner saves them",
                    place=self.folder,
                )
            if rows:
                length = len(rows[0])
                yield np.array(rows, dtype=np.int32)


def find_token_set(folder: Path) -> TokenSet | None:
    """The tokens of a saved data set without text; None where it holds something else. Raises TextError."""
    import pyarrow as pa

    for batch in _batches(folder):
        names = [name for name in COLUMNS if name in batch.schema.names]
        kinds = [batch.schema.field(name).type for name in names]
        lists = [
            name
            for name, kind in zip(names, kinds, strict=True)
            if (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))
            and pa.types.is_integer(kind.value_type)
        ]
        return TokenSet(folder, lists[0], _tokenizer_of(folder)) if lists and "text" not in batch.schema.names else None
    return None


def _tokenizer_of(folder: Path) -> str | None:
    try:
        settings = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
        return str(settings["tokenizer_name"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _batches(folder: Path) -> Iterator[Any]:
    """Record batches of a data set that `save_to_disk` wrote."""
    import pyarrow as pa

    try:
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        files = [folder / each["filename"] for each in state["_data_files"]]
        for file in files:
            with pa.OSFile(str(file)) as raw, pa.ipc.open_stream(raw) as reader:
                yield from reader
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise TextError("not a complete saved dataset", place=folder, reason=first_line(error)) from error
