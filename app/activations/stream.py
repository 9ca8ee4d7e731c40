"""One interface over the places activations come from: a model reading a text, or a file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from app.activations.batch import ActivationBatch, TokenRows
from app.activations.device import MOST_ROWS, free_memory, rows_that_fit, size_of
from app.activations.hooks import hook_width, model_batches
from app.activations.language_model import LanguageModel
from app.activations.text import Text, tokenize


class ActivationStream(Protocol):
    """Activations of a text's scored tokens, in order, readable from any row on.

    Attributes:
        key: hash of all that decides the activations; the number of tokens is not part of it, so
            that a longer run reuses a shorter one's shards.
        description: the same in words, for `stream.json` and the comparison's page.
        d_in: width of the activations.
        rows: token ids and which of them are scored.
    """

    key: str
    description: Mapping[str, Any]
    d_in: int
    rows: TokenRows

    def batches(self, start: int, stop: int) -> Iterator[ActivationBatch]:
        """Activations of rows `[start, stop)`, a few rows at a time."""
        ...


def stream_key(description: Mapping[str, Any]) -> str:
    """Hash of a stream's description, short enough for a folder name."""
    parts = "\n".join(f"{key}={description[key]}" for key in sorted(description))
    return hashlib.sha256(parts.encode()).hexdigest()[:24]


class ModelStream:
    """Activations of a text at a hook of a language model.

    Args:
        n_tokens: scored tokens to stop after; all, if None.
        rows_per_forward: rows in one forward pass; as many as fit into the free memory, if None.
    """

    def __init__(
        self,
        language_model: LanguageModel,
        text: Text,
        hook_name: str,
        *,
        n_tokens: int | None = None,
        rows_per_forward: int | None = None,
    ) -> None:
        self.d_in = hook_width(language_model, hook_name)
        self.rows = tokenize(text, language_model.tokenizer, n_tokens=n_tokens)
        self.description: Mapping[str, Any] = {
            "model": language_model.name,
            "model_checksum": language_model.checksum,
            "dtype": str(language_model.model.dtype),
            "hook_name": hook_name,
            "text_checksum": text.checksum,
            "row_length": self.rows.ids.shape[1],
        }
        self.key = stream_key(self.description)
        self._language_model = language_model
        self._hook_name = hook_name
        self.rows_per_forward = rows_per_forward or _rows_for(language_model, self.rows.ids.shape[1])

    def batches(self, start: int, stop: int) -> Iterator[ActivationBatch]:
        """Activations of rows `[start, stop)`, one batch a forward pass."""
        return model_batches(
            self._language_model,
            self.rows.slice(start, stop),
            self._hook_name,
            first_row=start,
            rows_per_forward=self.rows_per_forward,
        )


def _rows_for(language_model: LanguageModel, row_length: int) -> int:
    """Rows that fit into what is free on the model's device now."""
    device = language_model.model.device
    return rows_that_fit(size_of(language_model.model), row_length, free_memory(device), MOST_ROWS[device.type])
