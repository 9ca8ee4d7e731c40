"""Where a comparison's activations come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.activations.cached import open_activations
from app.activations.language_model import LanguageModel, ModelShelf, load_tokenizer
from app.activations.stream import ActivationStream, ModelStream, longest_row
from app.activations.text import read_text
from app.activations.tokenize import ROW_LENGTH
from app.errors import SaeError
from app.paths import resource
from app.records import ComparisonRequest, RowRules, SaeRecord

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
        hook_name: where the activations are read; None where that is not known.
        rules: how the text is cut into rows; None where activations come from a file.
        notes: what to know before the numbers are believed, one line each.
    """

    stream: ActivationStream
    language_model: LanguageModel | None
    tokenizer: Any | None
    name: str
    checksum: str
    hook_name: str | None = None
    rules: RowRules | None = None
    notes: tuple[str, ...] = ()


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
    hook_name = request.hook or narrow.hook_name
    if model_name is None or hook_name is None:
        missing = [word for word, found in (("model", model_name), ("hook", hook_name)) if found is None]
        options = " and ".join(f"--{word}" for word in missing)
        raise SaeError(
            f"{narrow.name}: its files name no {' and no '.join(missing)}; give {options}, or a file with --activations"
        )
    text = read_text(str(resource(BUNDLED_TEXT)) if request.text is None else find_file(request.text))
    language_model = models.get(model_name, request.dtype)
    rules, notes = rules_for(request, narrow, language_model)
    stream = ModelStream(
        language_model, text, hook_name, rules, n_tokens=request.tokens, rows_per_forward=models.rows_per_forward
    )
    return Source(
        stream=stream,
        language_model=language_model,
        tokenizer=language_model.tokenizer,
        name=request.text or BUNDLED_TEXT,
        checksum=text.checksum,
        hook_name=hook_name,
        rules=replace(rules, length=int(stream.rows.ids.shape[1])),
        notes=(*stream.notes, *notes),
    )


def rules_for(
    request: ComparisonRequest, narrow: SaeRecord, language_model: LanguageModel
) -> tuple[RowRules, tuple[str, ...]]:
    """(how the text is cut into rows, notes): as requested, else as in the narrow SAE's training."""
    notes = []
    length, longest = request.context_length or narrow.context_length or ROW_LENGTH, longest_row(language_model)
    if request.context_length is None and longest is not None and length > longest:
        notes.append(f"{narrow.name} was trained on rows of {length} tokens; the model reads {longest} at once")
        length = longest
    bos = request.bos if request.bos is not None else narrow.bos is not False
    first, last = narrow.positions or (None, None)
    if first is not None and first < 0:
        first = max(length + first, 0)
    rules = RowRules(length, bos, request.control_tokens, max(first or 0, 1), last)
    if narrow.positions is not None:
        notes.append(
            f"positions {rules.first} to {last or length} of each row are scored, as {narrow.name} was trained"
        )
    return rules, tuple(notes)


def _from_file(activations: str, n_tokens: int | None, narrow: SaeRecord, models: ModelShelf) -> Source:
    stream = open_activations(activations, n_tokens=n_tokens)
    tokenizer = None
    if narrow.model_name is not None and (stream.rows.ids >= 0).any():
        tokenizer = load_tokenizer(narrow.model_name, cache_dir=models.cache_dir)
    column = str(stream.description.get("hook_name", ""))
    # SAELens names the column after the hook; a column of another name says nothing.
    hook_name = column if "." in column else narrow.hook_name
    checksum = str(stream.description["activations_checksum"])
    return Source(stream, None, tokenizer, Path(activations).name, checksum, hook_name)
