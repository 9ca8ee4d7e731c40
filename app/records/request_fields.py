"""Limits of the fields of requests, and how the fields that were set are written out again."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Dtype = Literal["float32", "bfloat16"]
"""Precision of a language model's forward pass. bfloat16 is faster if the processor has instructions for it."""

DTYPES: tuple[Dtype, ...] = get_args(Dtype)

MAX_NAME = 64
NAME_PATTERN = r"^[a-z0-9][a-z0-9_.-]*$"
"""A name is a part of an address."""

MAX_TOKENS = 10**12
MAX_WIDTH = 2**31 - 1
MAX_CONTEXT = 2**17

TEXT = {"min_length": 1, "max_length": 400, "pattern": r"^[^\x00-\x1f]+$"}
NAME = {"max_length": MAX_NAME, "pattern": NAME_PATTERN}
NAME_CHARACTERS = "lower-case letters, digits, '.', '_' and '-'"


def given(request: DataclassInstance) -> list[tuple[str, str]]:
    """The fields that were set, each as text, in the order of the record."""
    values = ((each.name, getattr(request, each.name), each.default) for each in fields(request))
    return [(name, _as_text(value)) for name, value, default in values if value != default]


def options_of(request: DataclassInstance) -> list[str]:
    """The words of a command line that set the same fields; one that is true or false is a flag."""
    words = []
    for each in fields(request):
        value, flag = getattr(request, each.name), each.name.replace("_", "-")
        if value == each.default:
            continue
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", _as_text(value)]
    return words


def _as_text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
