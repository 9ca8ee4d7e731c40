"""Pages and API refuse the same parameters and bodies, with the same words."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

TABLES = ("/c/{slug}/latents.json", "/api/v1/comparisons/{slug}/latents")


def details(client: TestClient, slug: str, query: str) -> list[dict[str, Any]]:
    answers = [client.get(path.format(slug=slug) + query) for path in TABLES]
    assert [answer.status_code for answer in answers] == [400, 400]
    return [answer.json() for answer in answers]


@pytest.mark.parametrize(
    ("query", "parameter", "times"),
    [
        ("?limit=5&limit=6", "limit", 2),
        ("?limit=5&limit=5", "limit", 2),
        ("?density__gte=0.1&q=a&density__gte=0.2&density__gte=0.3", "density__gte", 3),
    ],
)
def test_a_repeated_parameter_is_refused(client: TestClient, slug: str, query: str, parameter: str, times: int) -> None:
    for problem in details(client, slug, query):
        assert problem["parameter"] == parameter
        assert problem["detail"] == f"parameter {parameter!r} is given {times} times; expected once"


@pytest.mark.parametrize("name", ["nope", "nope__gte", "hedgingscore__gte", "Limit", "label"])
def test_an_unknown_parameter_is_refused(client: TestClient, slug: str, name: str) -> None:
    for problem in details(client, slug, f"?{name}=1"):
        assert problem["parameter"] == name
        assert problem["detail"].startswith(f"unknown parameter {name!r}; expected sae, sort, q, limit, cursor, ")
        assert {"limit", "hedging_score"} <= set(problem["valid"])


@pytest.mark.parametrize(
    "path", ["/", "/about", "/saes", "/jobs", "/lab", "/validation", "/c/{slug}/levels", "/compare/new"]
)
def test_pages_take_embed_and_theme_and_say_so(client: TestClient, slug: str, path: str) -> None:
    path = path.format(slug=slug)
    assert client.get(f"{path}?embed=1&theme=dark").status_code == 200
    assert client.get(f"{path}?embed=1&embed=1").status_code == 400
    problem = client.get(f"{path}?nope=1").json()
    assert problem["valid"][-2:] == ["embed", "theme"]
    assert problem["detail"].endswith("embed, theme")


JSON_ROUTES = ("/api/v1/jobs", "/api/v1/comparisons/{slug}/prompt")
FORM_ROUTES = ("/compare/new", "/saes/new", "/jobs/1/cancel", "/jobs/1/resume", "/c/{slug}/prompt")


@pytest.mark.parametrize("path", JSON_ROUTES + FORM_ROUTES)
@pytest.mark.parametrize("media_type", ["text/plain", "multipart/form-data", "application/xml", ""])
def test_another_media_type_is_refused(client: TestClient, slug: str, path: str, media_type: str) -> None:
    expected = "application/json" if path in JSON_ROUTES else "application/x-www-form-urlencoded"
    answer = client.post(
        path.format(slug=slug), content="x", headers={"Content-Type": media_type} if media_type else {}
    )
    assert answer.status_code == 415
    stated = media_type or "not stated"
    assert answer.json()["detail"] == f"the media type of the body is {stated}; expected {expected}"


@pytest.mark.parametrize("path", JSON_ROUTES)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"text": "\xff"}', "the body is not valid UTF-8 (byte 10 of 13); expected JSON in UTF-8"),
        (b"[]", "object"),
        (b"{", "JSON"),
        (b"", "JSON"),
    ],
)
def test_json_is_read_in_one_way(client: TestClient, slug: str, path: str, content: bytes, words: str) -> None:
    answer = client.post(path.format(slug=slug), content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["parameter"]) == (400, "body")
    assert words in answer.json()["detail"]


@pytest.mark.parametrize("path", FORM_ROUTES)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"text=%ff", "the form is not valid UTF-8"),
        (b"text=\xff", "the form is not valid UTF-8"),
        (b"&".join(b"a%d=1" % k for k in range(101)), "more than 100 fields"),
    ],
)
def test_forms_are_read_in_one_way(client: TestClient, slug: str, path: str, content: bytes, words: str) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post(path.format(slug=slug), content=content, headers=form)
    assert answer.status_code == 400
    assert words in answer.text
