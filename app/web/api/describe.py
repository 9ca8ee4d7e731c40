"""Records as documented schemas: names and types from the record, texts and ranges from where they are declared.

The models are for the OpenAPI document only. Answers are written from the records themselves; a test holds the two
together.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from docstring_parser import DocstringStyle, parse
from pydantic import BaseModel, ConfigDict, Field, create_model

from app.catalogue import LATENT_FIELDS, PARTNER_FIELDS, SUMMARY_FIELDS, ScoreSpec
from app.records import ComparisonSummary, LatentScores, LevelSummary, NullSummary, Overlap, Partner, SideSummary
from app.web.api.models import ActivationsOfBoth, LatentPage, LatentRow, PairAnswer
from app.web.api.status_models import ProcessHealth

SPECS: Mapping[type, Mapping[str, ScoreSpec]] = {
    LatentScores: LATENT_FIELDS,
    Partner: PARTNER_FIELDS,
    Overlap: PARTNER_FIELDS,
    ComparisonSummary: SUMMARY_FIELDS,
    SideSummary: SUMMARY_FIELDS,
    LevelSummary: SUMMARY_FIELDS,
}
"""Records whose numbers the catalogue declares; the docstrings of the others explain their fields."""

NAMES: Mapping[type, str] = {
    LatentScores: "LatentScores",
    LatentRow: "LatentItem",
    NullSummary: "RandomDirections",
    PairAnswer: "Pair",
    ActivationsOfBoth: "JointHistogram",
    ProcessHealth: "Health",
}
"""Schemas whose name is not the record's."""

MISSING: Mapping[type, frozenset[str]] = {
    LatentRow: frozenset(field.name for field in fields(LatentRow)),
    LatentPage: frozenset({"facets"}),
}
"""Fields that are left out where they were not requested; all others are always there."""

COMMON: Mapping[str, str] = {
    "both": "Tokens on which both latents fire.",
    "bottom": "The tokens whose logits it lowers most.",
    "created_at": "When it was first stored.",
    "d_in": "Width of the hook point.",
    "d_sae": "Number of latents.",
    "decoder_cosine": "Cosine of the two decoder rows.",
    "dtype": "Of the stored weights.",
    "hook_name": "Where in the model the SAE reads; null where that is not known.",
    "index": "Index of the latent in its SAE.",
    "model_name": "The language model; null where that is not known.",
    "n_narrow": "Tokens on which the narrow latent fires.",
    "n_reference": "Tokens on which the reference latent fires.",
    "narrow": "The SAE under examination.",
    "narrow_index": "Index of the narrow latent.",
    "narrow_only": "Tokens on which the narrow latent fires and the reference latent does not.",
    "neither": "Tokens on which neither fires.",
    "null": "What random directions reach, to read a decoder cosine against.",
    "reference": "The SAE that it is compared with.",
    "reference_index": "Index of the reference latent.",
    "reference_only": "Tokens on which the reference latent fires and the narrow latent does not.",
    "scoring_version": "Of the formulas of the scores.",
    "token": "As it is shown.",
    "top": "The tokens whose logits it raises most.",
    "weight": "How much the latent's direction raises the token's logit.",
}
"""Fields whose name is clear in the code, in words for the users of the API."""


@cache
def model_of(record: type) -> type[BaseModel]:
    """The schema of a dataclass, and of those that it holds: all fields are there, but for those of `MISSING`."""
    documented_fields: dict[str, Any] = {
        name: (documented(hint, spec_of(record, name)), _field(record, name))
        for name, hint in get_type_hints(record).items()
    }
    summary = (inspect.getdoc(record) or "").partition("\n\n")[0]
    config = ConfigDict(json_schema_extra=lambda schema: _without(schema, MISSING.get(record, frozenset())))
    return create_model(NAMES.get(record, record.__name__), __config__=config, __doc__=summary, **documented_fields)


def _without(schema: dict[str, Any], missing: frozenset[str]) -> None:
    """Take fields that may be missing out of those that a schema requires."""
    required = [name for name in schema.pop("required", []) if name not in missing]
    if required:
        schema["required"] = required


def _field(record: type, name: str) -> Any:
    spec = spec_of(record, name)
    return Field(title=None if spec is None else spec.title, description=words(record, name))


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
    """What a field means: from the catalogue, the record's own metadata, its docstring, or `COMMON`."""
    spec = spec_of(record, field)
    if spec is not None:
        unit = f" Unit: {spec.unit}." if spec.unit else ""
        limits = f" {spec.limits}" if spec.limits else ""
        return f"{spec.definition}{unit}{limits}"
    declared = next(each.metadata.get("description") for each in fields(record) if each.name == field)
    if declared is not None:
        return str(declared)
    notes = (attribute_notes(base) for base in record.__mro__)
    return next((of_base[field] for of_base in notes if field in of_base), COMMON.get(field) or _interval_end(field))


def _interval_end(field: str) -> str | None:
    name, _, end = field.rpartition("_")
    return f"{end.capitalize()} end of the 95 % Wilson interval of `{name}`." if end in ("low", "high") else None


def attribute_notes(record: type) -> dict[str, str]:
    """Field -> its entry under `Attributes:` in the record's own docstring, as a sentence about JSON."""
    notes: dict[str, str] = {}
    for entry in parse(record.__doc__ or "", DocstringStyle.GOOGLE).params:
        sentence = " ".join((entry.description or "").split()).replace("None", "null")
        notes |= dict.fromkeys(entry.arg_name.split(", "), sentence[:1].upper() + sentence[1:])
    return notes
