"""Where a comparison's activations come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.activations.cached import open_activations
from app.activations.language_model import LanguageModel, ModelShelf, load_tokenizer
from app.activations.stream import ActivationStream, ModelStream
from app.activations.text import read_text
from app.errors import SaeError
from app.paths import resource
from app.records import ComparisonRequest, SaeRecord

BUNDLED_TEXT = "demo/text.jsonl"

FindFile = Callable[[str], str]
"""From a text, model or activations file as a request names it to where it is."""


def as_given(name: str) -> str:
    """A file is where its name says."""
    return name


@dataclass(frozen=True)
class Source:
    """Activations, and what else is known of their model.

    Attributes:
        stream: the activations.
        language_model: None where activations come from a file.
        tokenizer: None where tokens can't be shown.
        name: the text, dataset or file, as pages name it.
        checksum: SHA-256 of it.
    """

    stream: ActivationStream
    language_model: LanguageModel | None
    tokenizer: Any | None
    name: str
    checksum: str


def open_source(
    request: ComparisonRequest, narrow: SaeRecord, models: ModelShelf, find_file: FindFile = as_given
) -> Source:
    """The activations that a request names.

    Raises:
        HedgescopeError: model, hook, text or file can't be used.
    """
    if request.activations is not None:
        return _from_file(find_file(request.activations), request.tokens, narrow, models)
    model_name = find_file(request.model) if request.model is not None else narrow.model_name
    if model_name is None or narrow.hook_name is None:
        missing = "model" if model_name is None else "hook"
        raise SaeError(f"{narrow.name}: its metadata name no {missing}; give --model, or a file with --activations")
    text = read_text(str(resource(BUNDLED_TEXT)) if request.text is None else find_file(request.text))
    language_model = models.get(model_name, request.dtype)
    stream = ModelStream(
        language_model, text, narrow.hook_name, n_tokens=request.tokens, rows_per_forward=models.rows_per_forward
    )
    return Source(stream, language_model, language_model.tokenizer, request.text or BUNDLED_TEXT, text.checksum)


def _from_file(activations: str, n_tokens: int | None, narrow: SaeRecord, models: ModelShelf) -> Source:
    stream = open_activations(activations, n_tokens=n_tokens)
    tokenizer = None
    if narrow.model_name is not None and (stream.rows.ids >= 0).any():
        tokenizer = load_tokenizer(narrow.model_name, cache_dir=models.cache_dir)
    name = Path(activations).name
    return Source(stream, None, tokenizer, name, str(stream.description["activations_checksum"]))
