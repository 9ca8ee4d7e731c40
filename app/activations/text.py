"""A text, on disk or in a dataset, as documents and the checksum that says which ones."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from app.activations.text_sources import find_text, tokens_of
from app.activations.token_sets import TokenSet
from app.errors import TextError


@dataclass(frozen=True)
class Documents:
    """Documents that are read anew each time, so that a large text is never in memory as a whole."""

    read: Callable[[], Iterator[str]]

    def __iter__(self) -> Iterator[str]:
        return (document for document in self.read() if document.strip())


@dataclass(frozen=True)
class Text:
    """Documents, and the checksum that says which ones.

    Attributes:
        source: what the user named.
        documents: the documents, in order.
        checksum: SHA-256 of the documents, hexadecimal; of name, revision and split for a dataset on the Hub.
        notes: what was chosen for the user, one line each.
        tokens: rows of tokens, in place of documents, of which there are none then.
    """

    source: str
    documents: Iterable[str]
    checksum: str
    notes: tuple[str, ...] = field(default=())
    tokens: TokenSet | None = None


def read_text(source: str) -> Text:
    """Documents of a file, a folder of files, or a dataset on disk or on the Hub.

    A `.txt` file is one document. `.jsonl`, `.ndjson`, `.json`, `.csv`, `.tsv` and `.parquet` files have one per line,
    entry or row, under `text`; endings may be in capitals and files compressed. Behind the name may stand
    `?column=…&split=…&config=…&revision=…`.

    Raises:
        TextError: nothing there, not readable as UTF-8, no text but something else, or no word in it.
    """
    tokens = tokens_of(source)
    if tokens is not None:
        return _of_tokens(source, tokens)
    found = find_text(source)
    documents = Documents(found.open)
    if next(iter(documents), None) is None:
        raise TextError("found no text in it; expected at least one non-empty document", place=source)
    checksum = _checksum(documents) if found.identity is None else hashlib.sha256(found.identity.encode()).hexdigest()
    return Text(source, documents, checksum, found.notes)


def _of_tokens(source: str, tokens: TokenSet) -> Text:
    digest = hashlib.sha256()
    for block in tokens.blocks():
        digest.update(block.shape[1].to_bytes(8, "little"))
        digest.update(block.astype("<i4").tobytes())
    made = "" if tokens.tokenizer is None else f", made with the tokenizer of {tokens.tokenizer}"
    note = f"the text is rows of tokens (column {tokens.column}{made}), read as they are"
    return Text(source, (), digest.hexdigest(), (note,), tokens)


def _checksum(documents: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for document in documents:
        encoded = document.encode("utf-8", "surrogatepass")
        # The length keeps two splits of the same characters apart.
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return digest.hexdigest()
