"""The OpenAPI document tells the truth about every answer."""

from __future__ import annotations

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.catalogue import LATENT_SPECS, PARTNER_SPECS
from app.settings import Settings
from app.store.cursors import SORT_FIELDS
from app.web.api.describe import attribute_notes
from app.web.main import create_app
from tests.local_client import local_client
from tests.web.api.schema import resolve, violations

pytestmark = pytest.mark.slow

LISTED = "sae=reference&limit=20&include=partners,contexts&facets=level,diagnosis&count=1&sort=-level,density"

# Each operation with values for its path, so that a new one fails the test until it stands here.
EXAMPLES: dict[str, list[dict[str, str]]] = {
    "/healthz": [{}],
    "/readyz": [{}],
    "/api/v1/worker": [{}],
    "/api/v1/saes": [{}],
    "/api/v1/saes/{name}": [{"name": "plain"}, {"name": "release/with slashes:é"}],
    "/api/v1/inputs": [{}],
    "/api/v1/jobs": [{}, {"?": "limit=1"}],
    "/api/v1/jobs/{job_id}": [{"job_id": "1"}, {"job_id": "2"}],
    "/api/v1/comparisons": [{}],
    "/api/v1/comparisons/{slug}": [{}],
    "/api/v1/validation": [{}],
    "/api/v1/comparisons/{slug}/search": [{"?": "q=cat"}, {"?": "q=Script&limit=2"}, {"?": "q=nowhere at all"}],
    "/api/v1/diff/{a}/{b}": [{"a": "tiny", "b": "tiny"}, {"a": "tiny", "b": "tiny", "?": "limit=3"}],
    "/api/v1/comparisons/{slug}/levels": [{}],
    "/api/v1/comparisons/{slug}/tree": [{}, {"?": "sae=narrow"}, {"?": "latent=3&limit=2"}],
    "/api/v1/comparisons/{slug}/degree": [{}],
    "/api/v1/comparisons/{slug}/interventions": [{}],
    "/api/v1/interventions/{number}": [{"number": "1"}, {"number": "1", "?": "narrow=1&reference=2"}],
    "/api/v1/comparisons/{slug}/latents": [{}, {"?": "sae=reference"}, {"?": "sae=narrow&limit=3"}, {"?": LISTED}],
    "/api/v1/comparisons/{slug}/narrow/{index}/labels": [{"index": "3"}],
    "/api/v1/comparisons/{slug}/reference/{index}/labels": [{"index": "3"}],
    "/api/v1/comparisons/{slug}/narrow/{index}": [{"index": str(i)} for i in range(24)],
    "/api/v1/comparisons/{slug}/reference/{index}": [{"index": str(j)} for j in range(60)],
    "/api/v1/comparisons/{slug}/contexts": [
        {"?": f"sae={sae}&index={index}&cell={cell}"}
        for sae in ("narrow", "reference")
        for index in (0, 1, 2)
        for cell in ("both", "without_main", "partner_without_this")
    ],
    "/api/v1/comparisons/{slug}/pairs/{i}/{j}": [
        {"i": str(i), "j": str(j)} for i in (0, 1, 2, 3, 5) for j in range(0, 60, 3)
    ],
}

CHANGING = {
    ("/api/v1/comparisons/{slug}/prompt", "post"): "tests/live/test_api.py",
    ("/api/v1/comparisons/{slug}/vectors", "get"): "tests/live/test_vectors.py",
    ("/api/v1/inputs", "post"): "tests/web/test_inputs.py",
    ("/api/v1/jobs", "post"): "tests/web/test_jobs.py",
    ("/api/v1/jobs/preflight", "post"): "tests/e2e/test_inputs.py",
    ("/api/v1/jobs/{job_id}/cancel", "post"): "tests/web/test_jobs.py",
    ("/api/v1/jobs/{job_id}/resume", "post"): "tests/web/test_jobs.py",
}
"""Operations that change something, or need the inference worker -> where their answers are tested."""

WRONG = ["latents?sort=label", "latents?nope=1", "narrow/9999", "narrow/x", "pairs/0/-1"]


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def fill(path: str, values: dict[str, str], slug: str) -> str:
    query = f"?{values['?']}" if "?" in values else ""
    return path.format(**{"slug": slug, **values}) + query


def test_every_operation_has_an_example(document: dict[str, Any]) -> None:
    operations = {(path, method) for path, methods in document["paths"].items() for method in methods}
    streams = {("/api/v1/jobs/{job_id}/events", "get")}
    assert operations == {(path, "get") for path in EXAMPLES} | set(CHANGING) | streams


@pytest.mark.parametrize("path", EXAMPLES)
def test_answers_are_as_documented(client: TestClient, document: dict[str, Any], slug: str, path: str) -> None:
    documented = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    for values in EXAMPLES[path]:
        response = client.get(fill(path, values, slug))
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "application/json"
        assert list(violations(response.json(), documented, document)) == []


@pytest.mark.parametrize("path", WRONG)
def test_problems_are_as_documented(client: TestClient, document: dict[str, Any], slug: str, path: str) -> None:
    response = client.get(f"/api/v1/comparisons/{slug}/{path}")
    route = next(
        known for known in EXAMPLES if known.split("{slug}/")[-1].split("/")[0] == path.split("?")[0].split("/")[0]
    )
    documented = document["paths"][route]["get"]["responses"][str(response.status_code)]
    (media_type,) = documented["content"]
    assert response.headers["content-type"] == media_type == "application/problem+json"
    assert list(violations(response.json(), documented["content"][media_type]["schema"], document)) == []


def test_fastapis_own_error_shape_is_nowhere(document: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in str(document)


def test_what_needs_a_key_says_so(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert (schemes["key"]["name"], schemes["bearer"]["scheme"]) == ("X-API-Key", "bearer")
    found = {
        (path, method): operation["security"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    for (path, method), security in found.items():
        scope = "prompt" if path.endswith(("/prompt", "/vectors")) else "read" if method == "get" else "write"
        ways = [{"key": [scope]}, {"bearer": [scope]}]
        expected = [{}] if path in ("/healthz", "/readyz") else [{}, *ways] if scope == "read" else ways
        assert security == expected, (path, method)
    assert {operation for operation, security in found.items() if {} not in security} == set(CHANGING)


def test_every_field_is_explained(document: dict[str, Any]) -> None:
    unexplained = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, inner in schema["properties"].items()
        if not inner.get("description")
    ]
    assert unexplained == []


@pytest.mark.parametrize(("name", "specs"), [("LatentItem", LATENT_SPECS), ("Partner", PARTNER_SPECS)])
def test_numbers_are_documented_from_the_catalogue(document: dict[str, Any], name: str, specs: Any) -> None:
    properties = document["components"]["schemas"][name]["properties"]
    for spec in specs:
        found = properties[spec.name]
        assert spec.definition in found["description"]
        number: dict[str, Any] = next(
            (one for one in found.get("anyOf", [found]) if one.get("type") in ("integer", "number")), {}
        )
        if spec.kind in ("integer", "number"):
            assert (number.get("minimum"), number.get("maximum")) == (spec.minimum, spec.maximum)


def test_every_filter_is_documented_and_accepted(client: TestClient, document: dict[str, Any], slug: str) -> None:
    operation = document["paths"]["/api/v1/comparisons/{slug}/latents"]["get"]
    parameter = next(one for one in operation["parameters"] if one["name"] == "filters")
    filters = parameter["schema"]["properties"]
    assert {"level", "diagnosis__in", "hedging_score__gte", "density__lt", "max_jaccard__isnull"} <= set(filters)
    for name, schema in filters.items():
        usual = ["clean,dead" if name == "diagnosis__in" else "1"]
        value = (schema.get("enum") or schema.get("examples") or usual)[0]
        response = client.get(f"/api/v1/comparisons/{slug}/latents", params={name: value})
        assert response.status_code == 200, response.text


def test_the_latents_parameters_are_those_that_are_taken(
    client: TestClient, document: dict[str, Any], slug: str
) -> None:
    operation = document["paths"]["/api/v1/comparisons/{slug}/latents"]["get"]
    sort = next(one for one in operation["parameters"] if one["name"] == "sort")
    values = [sign + field for field in SORT_FIELDS for sign in ("", "-")]
    for value in [*values, *sort["schema"]["examples"]]:
        assert re.fullmatch(sort["schema"]["pattern"], value)
        assert client.get(f"/api/v1/comparisons/{slug}/latents", params={"sort": value}).status_code == 200


def test_the_schema_check_finds_what_is_wrong(document: dict[str, Any]) -> None:
    schema = resolve("#/components/schemas/Levels", document)
    right = {"slug": "x", "narrow": [], "reference": []}
    level = dict.fromkeys(resolve("#/components/schemas/LevelSummary", document)["properties"], 1)
    assert list(violations({**right, "narrow": [level]}, schema, document)) == []
    for wrong in (
        {"slug": 1, "narrow": [], "reference": []},
        {"slug": "x", "narrow": []},
        {**right, "more": 1},
        {**right, "narrow": [{**level, "l0": "1"}]},
        {**right, "narrow": [{**level, "mean_hedging_score": 1.5}]},
        {**right, "narrow": [{**level, "n_dead": None}]},
    ):
        assert list(violations(wrong, schema, document))


def test_docstring_notes_are_read_whole() -> None:
    class Example:
        """A summary.

        Attributes:
            one: the first: of two lines,
                the second; None where there is none.
            two, three: both of them.
        """

    assert attribute_notes(Example) == {
        "one": "The first: of two lines, the second; null where there is none.",
        "two": "Both of them.",
        "three": "Both of them.",
    }


def test_nothing_is_documented_as_anything(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            named = set(operation["responses"])
            assert "default" not in named, path
            if path.startswith("/api/"):
                assert {"401", "403", "421", "429", "500", "503"} <= named
                assert ("304" in named) == (method == "get")
                assert ("307" in named) == ("{slug}" in path)
                assert ({"408", "413", "415"} <= named) == ("requestBody" in operation)
            for status, response in operation["responses"].items():
                assert "X-Request-ID" in response["headers"], (path, status)
                if status == "429":
                    assert {"Retry-After", "RateLimit", "RateLimit-Policy"} <= set(response["headers"])


def test_headers_are_those_that_are_sent(client: TestClient, document: dict[str, Any], slug: str) -> None:
    answer = client.get(f"/api/v1/comparisons/{slug}/latents?limit=2")
    documented = document["paths"]["/api/v1/comparisons/{slug}/latents"]["get"]["responses"]["200"]["headers"]
    assert {"ETag", "Link", "X-Request-ID", "Cache-Control"} <= set(documented)
    for name in ("ETag", "Link", "X-Request-ID", "Cache-Control"):
        assert name in answer.headers


def test_every_plain_field_has_an_example_that_is_valid(document: dict[str, Any]) -> None:
    plain = {"string", "integer", "number", "boolean"}
    n_examples = 0
    for name, schema in document["components"]["schemas"].items():
        for field, inner in schema.get("properties", {}).items():
            kinds = inner.get("anyOf", [inner])
            if any(kind.get("type") in plain for kind in kinds):
                (example,) = inner["examples"]
                assert list(violations(example, inner, document)) == [], (name, field)
                n_examples += 1
    assert n_examples > 250


def test_the_largest_page_is_in_the_document(site: tuple[Settings, Engine], document: dict[str, Any]) -> None:
    settings, engine = site
    small = (
        local_client(create_app(settings.model_copy(update={"page_size_max": 7}), engine)).get("/openapi.json").json()
    )
    for found, most in ((document, 1000), (small, 7)):
        parameters = found["paths"]["/api/v1/comparisons/{slug}/latents"]["get"]["parameters"]
        assert next(one["schema"]["maximum"] for one in parameters if one["name"] == "limit") == most


def test_events_are_described_as_jobs(document: dict[str, Any]) -> None:
    answer = document["paths"]["/api/v1/jobs/{job_id}/events"]["get"]["responses"]["200"]
    data = answer["content"]["text/event-stream"]["schema"]["items"]["properties"]["data"]
    assert resolve(data["contentSchema"]["$ref"], document)["properties"]["state"]


def test_what_excludes_one_another_is_in_the_schema(client: TestClient, document: dict[str, Any]) -> None:
    body = document["paths"]["/api/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    schema = {**body, "$defs": {}}
    right = {"narrow": "a", "reference": "b"}
    validator = Draft202012Validator(schema)
    assert validator.is_valid(right)
    assert validator.is_valid({**right, "activations": "x", "model": None})
    for other in ("model", "text"):
        assert not validator.is_valid({**right, "activations": "x", other: "y"})
        assert client.post("/api/v1/jobs", json={**right, "activations": "x", other: "y"}).status_code == 400


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/v1/jobs", "GET, HEAD, POST"),
        ("/api/v1/saes", "GET, HEAD"),
        ("/api/v1/jobs/1/cancel", "POST"),
        ("/compare/new", "GET, HEAD, POST"),
        ("/healthz", "GET, HEAD"),
    ],
)
def test_a_wrong_method_gets_all_right_ones(client: TestClient, path: str, allowed: str) -> None:
    for method in ("DELETE", "OPTIONS"):
        answer = client.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
