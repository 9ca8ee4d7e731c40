"""Requests: rules between their fields, and the one declaration that everything else is derived from."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any

import pytest
from pydantic import TypeAdapter

from app.cli.compare import compare
from app.cli.intervene import intervene
from app.cli.sae import add
from app.errors import RequestError
from app.records.request import ComparisonRequest, InterventionRequest, JobRequest, SaeRequest, about, given

PAIR = {"narrow": "a", "reference": "b"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"activations": "x", "model": "m"}, "activations"),
        ({"activations": "x", "text": "t"}, "activations"),
        ({"activations": "x", "dtype": "bfloat16"}, "dtype"),
        ({"dtype": "float16"}, "dtype"),
        ({"tokens": 0}, "tokens"),
        ({"tokens": 10**13}, "tokens"),
    ],
)
def test_an_invalid_comparison_names_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(RequestError, match=f"^{field} ") as raised:
        ComparisonRequest(**{**PAIR, **changes})
    assert raised.value.field == field


def test_an_invalid_registration_names_its_field() -> None:
    with pytest.raises(RequestError, match="matryoshka_widths has 0") as raised:
        SaeRequest("folder", matryoshka_widths=(4, 0))
    assert raised.value.field == "matryoshka_widths"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"runs": 3}, "runs"),
        ({"runs": 0}, "runs"),
        ({"lr": 0.0}, "lr"),
        ({"tokens": 1000}, "tokens"),
        ({"activations": "x", "text": "t"}, "activations"),
    ],
)
def test_an_invalid_intervention_names_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(RequestError, match=f"^{field} ?") as raised:
        InterventionRequest(**{"comparison": "demo", **changes})
    assert raised.value.field == field


def test_the_command_of_an_intervention_repeats_it() -> None:
    request = InterventionRequest("demo", runs=4, batch_size=512, activations="my acts", hold_budget=True)
    assert request.command == [
        *("hedgescope", "intervene", "--comparison", "demo", "--runs", "4", "--activations", "my acts"),
        *("--batch-size", "512", "--hold-budget"),
    ]
    assert InterventionRequest("demo").command == ["hedgescope", "intervene", "--comparison", "demo"]


@pytest.mark.parametrize("record", [ComparisonRequest, SaeRequest, InterventionRequest])
def test_every_field_has_a_title_and_a_description(record: type[JobRequest]) -> None:
    for name, metadata in about(record).items():
        assert metadata["title"], name
        assert metadata["description"].endswith("."), name


@pytest.mark.parametrize(
    ("record", "command"), [(ComparisonRequest, compare), (SaeRequest, add), (InterventionRequest, intervene)]
)
def test_the_command_line_has_every_field(record: type[JobRequest], command: Any) -> None:
    assert {field.name for field in fields(record)} <= set(inspect.signature(command).parameters)


def test_what_was_set_is_given_as_text() -> None:
    request = ComparisonRequest("a", "b@4", tokens=100, dtype="bfloat16")
    assert given(request) == [("narrow", "a"), ("reference", "b@4"), ("tokens", "100"), ("dtype", "bfloat16")]
    assert given(SaeRequest("folder", matryoshka_widths=(4, 8))) == [
        ("source", "folder"),
        ("matryoshka_widths", "4, 8"),
    ]


def test_requests_that_were_stored_before_can_be_read() -> None:
    """As the database of an earlier version has them."""
    stored = (
        b'{"narrow":"a","reference":"b@4","model":null,"text":"t.txt","tokens":1000,"activations":null,"name":"n",'
        b'"dtype":"bfloat16"}'
    )
    read = TypeAdapter(ComparisonRequest).validate_json(stored)
    assert read == ComparisonRequest("a", "b@4", text="t.txt", tokens=1000, name="n", dtype="bfloat16")
    older = b'{"narrow":"a","reference":"b","model":null,"text":null,"tokens":null,"activations":"x","name":null}'
    assert TypeAdapter(ComparisonRequest).validate_json(older) == ComparisonRequest("a", "b", activations="x")
    sae = b'{"source":"folder","name":null,"matryoshka_widths":[4,8],"model":null}'
    assert TypeAdapter(SaeRequest).validate_json(sae) == SaeRequest("folder", matryoshka_widths=(4, 8))
