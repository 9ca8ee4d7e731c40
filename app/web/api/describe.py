"""Records as documented schemas: names and types from the record, words and ranges from where they are declared.

The models are for the OpenAPI document only. Answers are written from the records themselves; a test holds the two
together.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, Field, create_model

from app.catalogue import LATENT_FIELDS, PARTNER_FIELDS, SUMMARY_FIELDS, ScoreSpec
from app.records import ComparisonSummary, LatentScores, LevelSummary, NullSummary, Partner, SideSummary
from app.web.contexts import Overlap

SPECS: Mapping[type, Mapping[str, ScoreSpec]] = {
    LatentScores: LATENT_FIELDS,
    Partner: PARTNER_FIELDS,
    Overlap: PARTNER_FIELDS,
    ComparisonSummary: SUMMARY_FIELDS,
    SideSummary: SUMMARY_FIELDS,
    LevelSummary: SUMMARY_FIELDS,
}
"""Records whose numbers the catalogue declares; the others say what they hold in their docstring."""

NAMES: Mapping[type, str] = {LatentScores: "LatentItem", NullSummary: "RandomDirections"}
"""Schemas whose name is not the record's."""

ATTRIBUTE = re.compile(r"^ {4}(\w+(?:, \w+)*): (.+(?:\n {8}.+)*)", re.MULTILINE)
"""One entry of a docstring's list of attributes, with the lines that continue it."""


@cache
def model_of(record: type) -> type[BaseModel]:
    """The schema of a dataclass, and of those that it holds: every field is always there."""
    fields: dict[str, Any] = {
        name: (documented(hint, spec_of(record, name)), Field(description=words(record, name)))
        for name, hint in get_type_hints(record).items()
    }
    summary = (inspect.getdoc(record) or "").partition("\n\n")[0]
    return create_model(NAMES.get(record, record.__name__), __doc__=summary, **fields)


def documented(hint: Any, spec: ScoreSpec | None = None) -> Any:
    """A type with records as schemas, and with the catalogue's range where it is a number."""
    if isinstance(hint, type) and is_dataclass(hint):
        return model_of(hint)
    if hint in (int, float) and spec is not None:
        return Annotated[hint, Field(ge=spec.minimum, le=spec.maximum)]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is None or origin is Literal:
        return hint
    inner = tuple(argument if argument is ... else documented(argument, spec) for argument in arguments)
    return reduce(or_, inner) if origin in (Union, UnionType) else origin[inner]


def spec_of(record: type, field: str) -> ScoreSpec | None:
    """The catalogue's declaration of a record's field, its own or of a record that it extends."""
    return next((SPECS[base][field] for base in record.__mro__ if field in SPECS.get(base, {})), None)


def words(record: type, field: str) -> str | None:
    """What a field means: from the catalogue, else from the record's docstring; None where neither says it."""
    spec = spec_of(record, field)
    if spec is None:
        return next((notes[field] for base in record.__mro__ if field in (notes := attribute_notes(base))), None)
    unit = f" Unit: {spec.unit}." if spec.unit else ""
    limits = f" {spec.limits}" if spec.limits else ""
    return f"{spec.definition}{unit}{limits}"


def attribute_notes(record: type) -> dict[str, str]:
    """Field -> its entry under `Attributes:` in the record's own docstring."""
    notes: dict[str, str] = {}
    for names, text in ATTRIBUTE.findall(inspect.cleandoc(record.__doc__ or "")):
        notes |= dict.fromkeys(names.split(", "), " ".join(text.split()))
    return notes
