"""Values against a JSON schema, as far as the OpenAPI document uses it; a property that it lacks is an error too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

Schema = dict[str, Any]

TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}

KNOWN = {
    *("$ref", "anyOf", "type", "enum", "const", "minimum", "maximum", "format", "items", "properties", "required"),
    *("additionalProperties", "title", "description", "examples"),
}
"""Keywords that `violations` understands; another one would go unchecked."""


def violations(value: Any, schema: Schema, document: Schema, where: str = "$") -> Iterator[str]:
    """What in `value` is not as the schema says, one line each."""
    assert set(schema) <= KNOWN, f"{where}: unknown keywords {set(schema) - KNOWN}"
    if "$ref" in schema:
        yield from violations(value, resolve(schema["$ref"], document), document, where)
    if "anyOf" in schema and all(list(violations(value, one, document, where)) for one in schema["anyOf"]):
        yield f"{where}: {value!r} is none of {schema['anyOf']}"
    if "type" in schema and not TYPES[schema["type"]](value):
        yield f"{where}: {value!r} is no {schema['type']}"
        return
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        yield f"{where}: {value!r} is not among the valid values"
    if schema.get("format") == "date-time":
        assert datetime.fromisoformat(value).tzinfo is not None
    yield from _outside_range(value, schema, where)
    yield from _wrong_parts(value, schema, document, where)


def resolve(reference: str, document: Schema) -> Schema:
    """The part of the document that `#/…` points to."""
    found = document
    for key in reference.removeprefix("#/").split("/"):
        found = found[key]
    return found


def _outside_range(value: Any, schema: Schema, where: str) -> Iterator[str]:
    if "minimum" in schema and value < schema["minimum"]:
        yield f"{where}: {value!r} is below {schema['minimum']}"
    if "maximum" in schema and value > schema["maximum"]:
        yield f"{where}: {value!r} is above {schema['maximum']}"


def _wrong_parts(value: Any, schema: Schema, document: Schema, where: str) -> Iterator[str]:
    if schema.get("type") == "array":
        for place, item in enumerate(value):
            yield from violations(item, schema["items"], document, f"{where}[{place}]")
    if schema.get("type") == "object":
        known = schema.get("properties", {})
        yield from (f"{where}: {name} is missing" for name in schema.get("required", []) if name not in value)
        for name, item in value.items():
            inner = known.get(name, schema.get("additionalProperties"))
            if inner is None:
                yield f"{where}: {name} is not documented"
            elif inner is not True:
                yield from violations(item, inner, document, f"{where}.{name}")
