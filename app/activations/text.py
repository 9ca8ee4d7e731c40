"""A text, on disk or in a dataset, to rows of tokens."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.activations.batch import TokenRows
from app.errors import TextError

ROW_LENGTH = 128
"""Tokens per row, including the first one (beginning of sequence)."""

TEXT_SUFFIXES = {".txt", ".jsonl"}
"""A source that ends in one of these is a file: if it is missing, no dataset is looked up on the Hub."""

DOCUMENTS_PER_CALL = 256
"""Documents given to the tokenizer at once: enough to use its threads, few enough to stay small."""


@dataclass(frozen=True)
class Text:
    """Documents, and the checksum that says which ones.

    Attributes:
        source: what the user named.
        documents: the documents, in order.
        checksum: SHA-256 of the documents, hexadecimal.
    """

    source: str
    documents: list[str]
    checksum: str


def read_text(source: str) -> Text:
    """Documents of a `.txt` file (one), a `.jsonl` file (one per line, key `text`) or a dataset.

    Raises:
        TextError: nothing there, not readable as UTF-8, or no word in it.
    """
    path = Path(source)
    if path.is_file():
        documents = list(_documents_of_file(path))
    else:
        documents = _documents_of_dataset(source)
    documents = [document for document in documents if document.strip()]
    if not documents:
        raise TextError("found no text in it; expected at least one non-empty document", place=source)
    return Text(source, documents, _checksum(documents))


def _checksum(documents: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for document in documents:
        encoded = document.encode("utf-8", "surrogatepass")
        # The length keeps two splits of the same characters apart.
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return digest.hexdigest()


def _documents_of_file(path: Path) -> Iterator[str]:
    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TextError(
            f"not UTF-8 text (byte {error.start}); expected a .txt or .jsonl file in UTF-8", place=path
        ) from error
    except OSError as error:
        raise TextError(f"can't be read ({error.strerror})", place=path) from error
    if path.suffix != ".jsonl":
        yield content
        return
    # Not splitlines(): JSON strings may hold other line ends, such as U+2028.
    for number, line in enumerate(content.split("\n"), start=1):
        if line.strip():
            yield _text_of_line(path, number, line)


def _text_of_line(path: Path, number: int, line: str) -> str:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise TextError(f"line {number}: not JSON ({error.msg}); expected one object per line", place=path) from error
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        raise TextError(f'line {number}: expected an object with a string under "text"', place=path)
    text: str = record["text"]
    if re.search("[\ud800-\udfff]", text):
        raise TextError(f"line {number}: has half of a surrogate pair; expected whole characters", place=path)
    return text


def _documents_of_dataset(source: str) -> list[str]:
    """Column `text` of a dataset saved on disk, or of a hub dataset's `train` split."""
    import datasets

    try:
        if Path(source).is_dir():
            dataset: Any = datasets.load_from_disk(source)
        elif "/" in source and not source.startswith(("/", ".")) and Path(source).suffix not in TEXT_SUFFIXES:
            dataset = datasets.load_dataset(source, split="train")
        else:
            raise TextError("no such file, folder or dataset", place=source)
    except TextError:
        raise
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TextError("neither a text file nor a dataset that can be loaded", place=source, reason=reason) from error
    if isinstance(dataset, datasets.DatasetDict):
        dataset = dataset["train"] if "train" in dataset else next(iter(dataset.values()))
    if "text" not in dataset.column_names:
        raise TextError(f'has columns {dataset.column_names}; expected one named "text"', place=source)
    documents = [document for document in dataset["text"] if document is not None]
    if not all(isinstance(document, str) for document in documents):
        raise TextError(f'column "text" holds {dataset.features["text"]}; expected strings', place=source)
    return documents


def tokenize(text: Text, tokenizer: Any, *, row_length: int = ROW_LENGTH, n_tokens: int | None = None) -> TokenRows:
    """Pack the documents into rows of `row_length` tokens.

    Each row starts with the beginning-of-sequence token, and the same token stands between two
    documents, as in SAELens' activation store. What is left over at the end fills no row and is
    dropped, unless it is all there is.

    Args:
        tokenizer: a transformers tokenizer.
        n_tokens: stop when exactly this many tokens are scored; all, if None.

    Raises:
        TextError: the text has fewer than two tokens.
    """
    separator = _separator(tokenizer)
    special = np.array(sorted({*tokenizer.all_special_ids, separator}), dtype=np.int32)
    body = row_length - 1
    # The last row is dropped where it isn't full, hence one row more than requested.
    wanted = None if n_tokens is None else n_tokens + body
    stream = _token_stream(text.documents, tokenizer, separator, special, wanted)
    n_rows = max(1, len(stream) // body)
    stream = stream[: n_rows * body]
    if not np.isin(stream, special, invert=True).any():
        raise TextError("has no token to score; expected at least one word", place=text.source)
    if len(stream) < body:
        body = len(stream)
    ids = np.empty((n_rows, body + 1), dtype=np.int32)
    ids[:, 0] = separator
    ids[:, 1:] = stream.reshape(n_rows, body)
    keep = ~np.isin(ids, special)
    keep[:, 0] = False
    rows = TokenRows(ids, keep)
    return rows if n_tokens is None else rows.limited(n_tokens)


def tokenize_prompt(text: str, tokenizer: Any) -> TokenRows:
    """One row: the beginning-of-sequence token and the text's tokens, as a row of a comparison's text has them.

    Args:
        tokenizer: a transformers tokenizer.

    Returns:
        One row, as long as the text needs; nothing in it is scored but the text's own tokens.
    """
    separator = _separator(tokenizer)
    special = np.array(sorted({*tokenizer.all_special_ids, separator}), dtype=np.int32)
    encoded = tokenizer([text], add_special_tokens=False, split_special_tokens=True, verbose=False)
    ids = np.array([[separator, *encoded["input_ids"][0]]], dtype=np.int32)
    keep = ~np.isin(ids, special)
    keep[:, 0] = False
    return TokenRows(ids, keep)


def _separator(tokenizer: Any) -> int:
    for token_id in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token_id is not None:
            return int(token_id)
    raise TextError("this model's tokenizer has neither a beginning nor an end-of-sequence token")


def _token_stream(
    documents: list[str],
    tokenizer: Any,
    separator: int,
    special: NDArray[np.int32],
    wanted: int | None,
) -> NDArray[np.int32]:
    """The documents' tokens in one array, with the separator after each; until `wanted` are not special."""
    parts: list[NDArray[np.int32]] = []
    n_scored = 0
    for start in range(0, len(documents), DOCUMENTS_PER_CALL):
        batch = documents[start : start + DOCUMENTS_PER_CALL]
        # A document may spell out a special token; it is text here, so it stays text.
        encoded = tokenizer(batch, add_special_tokens=False, split_special_tokens=True, verbose=False)
        parts.extend(np.array([*ids, separator], dtype=np.int32) for ids in encoded["input_ids"])
        n_scored += sum(int(np.isin(part, special, invert=True).sum()) for part in parts[-len(batch) :])
        if wanted is not None and n_scored >= wanted:
            break
    return np.concatenate(parts)
