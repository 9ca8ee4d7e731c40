"""`GET /api/v1/comparisons/{slug}/vectors`, from the pages through a real worker."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load, load_file
from starlette.testclient import TestClient

from app.client import Client
from app.inference.client import nowhere
from app.web.main import create_app
from tests.inference.place import Place
from tests.local_client import local_client
from tests.web.api.schema import violations


def path(place: Place, ending: str = "") -> str:
    return f"/api/v1/comparisons/{place.slug}/vectors{ending}"


def saved(place: Place, sae: str) -> dict[str, Any]:
    """The tensors of the SAE's own file."""
    folder = place.narrow if sae == "narrow" else place.reference
    return dict(load_file(folder / "sae_weights.safetensors"))


@pytest.mark.parametrize("sae", ["narrow", "reference"])
def test_vectors_are_those_of_the_file(client: TestClient, place: Place, sae: str) -> None:
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/api/v1/comparisons/{slug}/vectors"]["get"]
    found = client.get(path(place), params={"sae": sae, "index": 1, "n": 3})
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert list(violations(found.json(), schema, document)) == []
    weights = saved(place, sae)
    assert [item["index"] for item in found.json()["items"]] == [1, 2, 3]
    for item in found.json()["items"]:
        assert np.array_equal(np.float32(item["decoder"]), weights["W_dec"][item["index"]])
        assert np.array_equal(np.float32(item["encoder"]), weights["W_enc"][:, item["index"]])
        assert np.float32(item["encoder_bias"]) == weights["b_enc"][item["index"]]


def test_the_client_gets_them(site_url: str, place: Place) -> None:
    with Client(site_url) as client:
        (found,) = client.vectors(place.slug, "narrow", 4)
    assert np.array_equal(np.float32(found["decoder"]), saved(place, "narrow")["W_dec"][4])


def test_the_file_has_the_same(client: TestClient, place: Place, tmp_path: Any) -> None:
    found = client.get(path(place, ".safetensors"), params={"sae": "reference", "index": 2, "n": 4})
    assert found.headers["content-disposition"].endswith(f'{place.slug}-reference-2-4.safetensors"')
    tensors, weights = load(found.content), saved(place, "reference")
    assert np.array_equal(tensors["decoder"], weights["W_dec"][2:6])
    assert np.array_equal(tensors["encoder"], weights["W_enc"][:, 2:6].T)
    assert np.array_equal(tensors["encoder_bias"], weights["b_enc"][2:6])
    (tmp_path / "x.safetensors").write_bytes(found.content)
    with safe_open(tmp_path / "x.safetensors", "numpy") as file:
        assert file.metadata() == {"comparison": place.slug, "sae": "reference", "index": "2"}
    assert client.get(path(place), params={"index": 0}).headers["etag"] != found.headers["etag"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [({}, "index"), ({"index": 6}, "index"), ({"index": 5, "n": 2}, "n"), ({"index": 0, "n": 257}, "n")],
)
def test_what_the_sae_does_not_have_is_refused(
    client: TestClient, place: Place, query: dict[str, int], parameter: str
) -> None:
    refused = client.get(path(place), params=query)
    assert (refused.status_code, refused.json()["parameter"]) == (400, parameter)


def test_without_a_worker_there_is_a_reason(place: Place) -> None:
    with local_client(create_app(place.settings(), place.engine, nowhere("none is set up"))) as client:
        refused = client.get(path(place), params={"index": 0})
        assert (refused.status_code, refused.json()["detail"]) == (503, "none is set up")
