"""`POST /api/v1/comparisons/{slug}/prompt`, from the pages through a real worker."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from app.inference.client import fixed
from app.store.read import get_latent, partners_of_narrow
from app.web.main import create_app
from tests.inference.place import SECRET, Place
from tests.local_client import local_client
from tests.web.api.schema import violations


def path(place: Place) -> str:
    return f"/api/v1/comparisons/{place.slug}/prompt"


def ask(client: TestClient, place: Place, text: str, **more: Any) -> Any:
    response = client.post(path(place), json={"text": text, **more})
    assert response.status_code == 200, response.text
    return response.json()


def test_the_answer_is_as_documented(client: TestClient, place: Place) -> None:
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/api/v1/comparisons/{slug}/prompt"]["post"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    found = ask(client, place, place.documents[0], latents=[{"sae": "narrow", "index": 5}])
    assert list(violations(found, schema, document)) == []
    status = client.get("/api/v1/worker").json()
    assert status == {"available": True, "reason": None}


def test_both_saes_on_every_token(client: TestClient, place: Place) -> None:
    found = ask(client, place, place.documents[0], top=3)
    assert found["n_tokens"] == len(found["tokens"]) == 127
    assert "".join(token["text"] for token in found["tokens"][1:]).split() == place.documents[0].split()
    assert [token["scored"] for token in found["tokens"]] == [False] + [True] * 126
    for token in found["tokens"]:
        for side in ("narrow", "reference"):
            activations = [one["activation"] for one in token[side]]
            assert activations == sorted(activations, reverse=True)
            assert len(activations) == min(3, token[f"n_active_{side}"])


def test_latents_come_with_what_the_comparison_knows(client: TestClient, place: Place) -> None:
    found = ask(client, place, place.documents[0], latents=[{"sae": "narrow", "index": i} for i in range(6)])
    narrow = [latent for latent in found["latents"] if latent["sae"] == "narrow"]
    assert [latent["index"] for latent in narrow] == list(range(6))
    for latent in narrow:
        stored = get_latent(place.engine, place.slug, "narrow", latent["index"])
        assert (latent["diagnosis"], latent["hedging_score"]) == (stored.diagnosis, stored.hedging_score)
        expected = [
            (partner.index, partner.diagnosis)
            for partner in partners_of_narrow(place.engine, place.slug, latent["index"])
            if partner.diagnosis in ("main", "hedged")
        ]
        assert {(one["index"], one["diagnosis"]) for one in latent["partners"]} == set(expected)
    assert any(one["diagnosis"] == "main" for latent in narrow for one in latent["partners"])


def test_a_name_leads_to_its_slug(client: TestClient, place: Place) -> None:
    response = client.post("/api/v1/comparisons/live/prompt", json={"text": "w1"})
    assert response.status_code == 307
    assert response.headers["location"] == path(place)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b'{"text": ""}', 400, "empty"),
        (b"{", 400, "JSON"),
        (b'{"text": 5}', 400, "text"),
        (b'{"text": "\xff\xfe"}', 400, "not valid UTF-8 (byte 10 of 14); expected JSON in UTF-8"),
        (b'{"text": "\\ud800"}', 400, "body"),
        (b'{"text": "x", "top": 1000}', 400, "top"),
        (b'{"text": "x", "more": 1}', 400, "more"),
        (b'{"text": "x", "latents": [{"sae": "narrow", "index": 6}]}', 400, "valid: 0 to 5"),
    ],
)
def test_what_is_wrong_is_said(client: TestClient, place: Place, body: bytes, status: int, words: str) -> None:
    response = client.post(path(place), content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert words.lower() in problem["detail"].lower()


def test_too_long_is_said_with_both_numbers(client: TestClient, place: Place) -> None:
    found = client.post(path(place), json={"text": "w1 " * 2000})
    assert found.status_code == 400
    assert "2001 tokens" in found.json()["detail"]
    assert "at most 1024" in found.json()["detail"]
    found = client.post(path(place), json={"text": "w1 " * 3_500_000})
    assert found.status_code == 413
    assert "has 10,500,011 bytes; at most 1,048,576 bytes are taken" in found.json()["detail"]


def test_a_text_that_the_pages_take_and_the_worker_does_not(place: Place, worker_url: str) -> None:
    """With a higher limit of the pages: still 400, from the pages themselves."""
    pages = create_app(place.settings(max_body_bytes=20_000_000), place.engine, fixed(worker_url, SecretStr(SECRET)))
    with local_client(pages) as client:
        found = client.post(path(place), json={"text": "w1 " * 3_500_000})
        assert found.status_code == 400
        assert "has 10,500,000 bytes in UTF-8; at most 1,048,576 are read" in found.json()["detail"]
        assert client.post(path(place), json={"text": "w1"}).status_code == 200


def test_ten_megabytes_of_unknown_length_are_counted(client: TestClient, place: Place) -> None:
    parts = (b'{"text": "', *(b"w1 " * 1000 for _ in range(3500)), b'"}')
    found = client.post(path(place), content=iter(parts), headers={"Content-Type": "application/json"})
    assert found.status_code == 413
    assert "has 10,500,012 bytes; at most 1,048,576 bytes are taken" in found.json()["detail"]


def test_only_json_of_this_site_is_read(client: TestClient, place: Place) -> None:
    body = b'{"text": "w1"}'
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert client.post(path(place), content=body, headers={"Content-Type": content_type}).status_code == 415
    json_type = {"Content-Type": "application/json"}
    refused = [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ]
    for headers in refused:
        assert client.post(path(place), content=body, headers={**json_type, **headers}).status_code == 403
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://127.0.0.1"}, {}):
        assert client.post(path(place), content=body, headers={**json_type, **headers}).status_code == 200


def test_other_methods_are_refused(client: TestClient, place: Place) -> None:
    response = client.get(path(place))
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert "use POST" in response.json()["detail"]
