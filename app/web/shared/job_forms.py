"""What people ask for, from JSON or from a form, checked the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import parse_qsl

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.requests import Request

from app.errors import QueryError
from app.jobs.records import ComparisonRequest, Dtype, SaeRequest

MAX_FIELDS = 50
MAX_TOKENS = 10**12

Text = Annotated[str, Field(min_length=1, max_length=400, pattern=r"^[^\x00-\x1f]+$")]
Name = Annotated[str, Field(max_length=64, pattern=r"^[a-z0-9][a-z0-9_.-]*$")]
"""As the pipeline takes it for a part of an address."""


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ComparisonBody(_Body):
    """A comparison that is asked for."""

    kind: Literal["comparison"] = Field(default="comparison", description="What kind of job it is.")
    narrow: Text = Field(description="Registered SAE under examination, or `name@width`.")
    reference: Text = Field(description="Registered SAE that it is compared with, or `name@width`.")
    model: Text | None = Field(default=None, description="Language model; without it the narrow SAE's own.")
    text: Text | None = Field(
        default=None, description="File in the input folder, or dataset on the hub; without it the bundled text."
    )
    tokens: int | None = Field(
        default=None, ge=1, le=MAX_TOKENS, description="Scored tokens to stop after; without it all."
    )
    activations: Text | None = Field(
        default=None, description="File of activations in the input folder, instead of model and text."
    )
    name: Name | None = Field(default=None, description="Name part of the comparison's slug.")
    dtype: Dtype = Field(
        default="float32",
        description="Of the model's forward pass; bfloat16 is quicker on a GPU and less exact, and another comparison.",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.activations is not None and (self.model is not None or self.text is not None):
            raise ValueError("activations stand instead of model and text; give one or the other")
        if self.activations is not None and self.dtype != "float32":
            raise ValueError("dtype is the language model's, and activations run none; leave it out")
        return self

    def request(self) -> ComparisonRequest:
        """As a record."""
        return ComparisonRequest(**self.model_dump(exclude={"kind"}))


class SaeBody(_Body):
    """An SAE that is to be checked and registered."""

    kind: Literal["sae"] = Field(description="What kind of job it is.")
    source: Text = Field(description="Folder in the input folder, or `release:sae_id` on the hub.")
    name: Name | None = Field(default=None, description="To register it under; without it the last part of its source.")
    matryoshka_widths: tuple[Annotated[int, Field(ge=1, lt=2**31)], ...] | None = Field(
        default=None, max_length=64, description="Prefix widths, where its files have none."
    )
    model: Text | None = Field(default=None, description="The model it reads, where its files don't say.")

    def request(self) -> SaeRequest:
        """As a record."""
        return SaeRequest(**self.model_dump(exclude={"kind"}))


Body = TypeVar("Body", bound=_Body)
KINDS: Mapping[str, type[ComparisonBody] | type[SaeBody]] = {"comparison": ComparisonBody, "sae": SaeBody}


async def read_json(request: Request) -> ComparisonRequest | SaeRequest:
    """The job that a body of JSON asks for.

    Raises:
        QueryError: it is no JSON, or asks for something that makes no sense; names the field.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise QueryError(f"the body is {media_type or 'of no type'!r}; expected application/json", parameter="body")
    try:
        given = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise QueryError(f"the body is no JSON in UTF-8 ({error}); expected an object", parameter="body") from error
    if not isinstance(given, dict):
        raise QueryError("the body is JSON, but no object; expected an object", parameter="body")
    kind = given.get("kind", "comparison")
    if not isinstance(kind, str) or kind not in KINDS:
        raise QueryError(
            f"kind is {str(kind)[:80]!r}; expected {', '.join(KINDS)}", parameter="kind", valid=tuple(KINDS)
        )
    return parsed(KINDS[kind], given).request()


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; those left empty are not in it, and the last of a repeated one counts.

    Raises:
        QueryError: it is no form of UTF-8.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if body and media_type != "application/x-www-form-urlencoded":
        raise QueryError(f"the body is {media_type!r}; expected a form", parameter="body")
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError as error:
        raise QueryError("the form is not in UTF-8, or has too many fields", parameter="body") from error
    return {name: value.strip() for name, value in pairs if value.strip()}


def widths_of(text: str) -> list[str]:
    """`128, 512` as a form has it, in parts."""
    return [part.strip() for part in text.split(",")]


def parsed(model: type[Body], values: Mapping[str, Any]) -> Body:
    """Values, checked.

    Raises:
        QueryError: names the first field that makes no sense, what was found and what was expected.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _explained(error, model) from error


def _explained(error: ValidationError, model: type[_Body]) -> QueryError:
    first = error.errors(include_url=False)[0]
    field = str(first["loc"][0]) if first["loc"] else "body"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        fields = tuple(model.model_fields)
        return QueryError(
            f"unknown field {field[:80]!r}; expected {', '.join(fields)}", parameter=field[:80], valid=fields
        )
    if first["type"] == "missing":
        return QueryError(f"{field} is missing; it is needed", parameter=field)
    found = f"{field} is {str(first['input'])[:80]!r}: " if first["loc"] else ""
    return QueryError(f"{found}{message[:1].lower()}{message[1:]}", parameter=field)
