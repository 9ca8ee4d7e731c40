"""Files with labels: Neuronpedia's exports of explanations, and SAEDashboard's JSON."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.errors import HedgescopeError
from app.records.label import OtherLabel

MOST_CHARACTERS = 2000
"""Of a label."""
N_TOKENS = 5
"""Tokens of a latent of SAEDashboard that its label names."""
EXPECTED = (
    "expected Neuronpedia's export of explanations (JSON or JSON Lines, also .gz) or a batch of SAEDashboard's JSON"
)


def read_labels(path: Path, d_sae: int, neuronpedia_id: str | None) -> list[OtherLabel]:
    """The labels in a file, in its order.

    Args:
        d_sae: latents of the SAE that they are for.
        neuronpedia_id: of that SAE, as `model/source`; None where it is not known.

    Raises:
        HedgescopeError: it can't be read, is of another kind, or of another SAE.
    """
    found = []
    for record in _records(path):
        _refuse_other_sae(path, record, neuronpedia_id)
        found += list(_of_dashboard(record)) if "feature_index" in record else list(_of_neuronpedia(path, record))
    if not found:
        raise HedgescopeError(f"holds no label; {EXPECTED}", place=path)
    largest = max(each.index for each in found)
    if largest >= d_sae or min(each.index for each in found) < 0:
        raise HedgescopeError(f"labels latent {largest}, but the SAE has 0 to {d_sae - 1}: another SAE's", place=path)
    return found


def _records(path: Path) -> Iterator[Mapping[str, Any]]:
    """The features in a file: of a list, of an object that holds one, or one a line."""
    text = _text(path)
    try:
        value = json.loads(text)
    except ValueError:
        value = [_parsed(path, number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if isinstance(value, dict) and isinstance(value.get("features"), list):
        whole = {name: value[name] for name in ("model_id", "layer", "sae_set") if name in value}
        value = [{**whole, **each} for each in value["features"] if isinstance(each, dict)]
    for each in value if isinstance(value, list) else [value]:
        if not isinstance(each, dict) or not {"index", "feature_index"} & set(each):
            raise HedgescopeError(f"is something else; {EXPECTED}", place=path)
        yield each


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        return content.decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise HedgescopeError(f"can't be read; {EXPECTED}", place=path, reason=str(error)) from error


def _parsed(path: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise HedgescopeError(f"line {number} is not JSON; {EXPECTED}", place=path) from error


def _refuse_other_sae(path: Path, record: Mapping[str, Any], neuronpedia_id: str | None) -> None:
    named = "/".join(str(record[name]) for name in ("modelId", "layer") if record.get(name))
    if neuronpedia_id is not None and "/" in named and named.lower() != neuronpedia_id.lower():
        raise HedgescopeError(f"has labels of {named}, but this SAE is {neuronpedia_id} on Neuronpedia", place=path)


def _of_neuronpedia(path: Path, record: Mapping[str, Any]) -> Iterator[OtherLabel]:
    index = _index(path, record["index"])
    explanations = record.get("explanations")
    for each in explanations if isinstance(explanations, list) else [record]:
        text = each.get("description") if isinstance(each, dict) else None
        if isinstance(text, str) and text.strip():
            maker = each.get("explanationModelName")
            yield OtherLabel(index, "Neuronpedia", _short(text), maker if isinstance(maker, str) and maker else None)


def _of_dashboard(record: Mapping[str, Any]) -> Iterator[OtherLabel]:
    """SAEDashboard names no latent: its label is the tokens whose logits it raises most."""
    index, raised = record["feature_index"], record.get("pos_str")
    if isinstance(index, int) and isinstance(raised, list) and raised:
        tokens = ", ".join(f"“{token!s}”" for token in raised[:N_TOKENS])
        yield OtherLabel(index, "SAEDashboard", _short(f"raises {tokens}"), None)


def _index(path: Path, value: Any) -> int:
    try:
        return int(str(value))
    except ValueError as error:
        raise HedgescopeError(f"has a latent of index {str(value)[:40]!r}; expected a number", place=path) from error


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= MOST_CHARACTERS else f"{plain[:MOST_CHARACTERS]}…"
