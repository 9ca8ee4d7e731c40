"""One interface over the places activations come from: a model reading a text, or a file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any, Protocol

from app.activations.batch import ActivationBatch, TokenRows
from app.activations.device import MOST_ROWS, free_memory, rows_that_fit, size_of
from app.activations.hooks import hook_width, model_batches, point_of
from app.activations.language_model import LanguageModel
from app.activations.layers import text_config
from app.activations.text import Text
from app.activations.tokenize import DEFAULT, control_token_note, tokenize, tokenizer_checksum
from app.errors import ModelError
from app.records import RowRules


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
        rules: how the text is cut into rows.
        n_tokens: scored tokens to stop after; all, if None.
        rows_per_forward: rows in one forward pass; as many as fit into the free memory, if None.

    Attributes:
        notes: what to know about the text before the numbers are believed, one line each.

    Raises:
        ModelError: the model has no such hook, or can't read such rows.
        TextError: the text has no token to score.
    """

    def __init__(
        self,
        language_model: LanguageModel,
        text: Text,
        hook_name: str,
        rules: RowRules = DEFAULT,
        *,
        n_tokens: int | None = None,
        rows_per_forward: int | None = None,
    ) -> None:
        self.d_in = hook_width(language_model, hook_name)
        self.rows = tokenize(text, language_model.tokenizer, rules, n_tokens=n_tokens)
        _check_fits(language_model, self.rows)
        self.description: Mapping[str, Any] = {
            "model": language_model.name,
            "model_checksum": language_model.checksum,
            "dtype": str(language_model.model.dtype),
            "tokenizer_checksum": tokenizer_checksum(language_model.tokenizer),
            "hook_name": point_of(language_model, hook_name).key,
            "text_checksum": text.checksum,
            "row_length": self.rows.ids.shape[1],
            **_unusual(rules),
        }
        self.key = stream_key(self.description)
        note = control_token_note(text.documents, language_model.tokenizer, rules)
        self.notes = text.notes if note is None else (*text.notes, note)
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


def _unusual(rules: RowRules) -> dict[str, Any]:
    """The rules that are not the usual ones; the row length stands apart."""
    usual = asdict(replace(DEFAULT, length=rules.length))
    return {name: value for name, value in asdict(rules).items() if value != usual[name]}


def _check_fits(language_model: LanguageModel, rows: TokenRows) -> None:
    """Make sure that the model has an embedding for each token and position. Raises ModelError."""
    n_embeddings = int(language_model.model.get_input_embeddings().num_embeddings)
    if (largest := int(rows.ids.max())) >= n_embeddings:
        raise ModelError(
            f"its tokenizer gives token {largest}, but it has {n_embeddings} embeddings: the tokenizer is another "
            "model's",
            place=language_model.name,
        )
    longest = longest_row(language_model)
    if longest is not None and rows.ids.shape[1] > longest:
        raise ModelError(
            f"reads at most {longest} tokens at once, but rows have {rows.ids.shape[1]}; give at most that many with "
            "--context-length",
            place=language_model.name,
        )


def longest_row(language_model: LanguageModel) -> int | None:
    """Tokens that the model can read at once; None where its configuration does not say."""
    config = text_config(language_model.model)
    longest = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    return None if longest is None else int(longest)


def _rows_for(language_model: LanguageModel, row_length: int) -> int:
    """Rows that fit into what is free on the model's device now."""
    device = language_model.model.device
    return rows_that_fit(size_of(language_model.model), row_length, free_memory(device), MOST_ROWS[device.type])
