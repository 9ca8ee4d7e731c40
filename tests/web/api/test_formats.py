"""Lists as files: the same records, by ending and by `Accept`."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from app.records import ComparisonBundle
from app.web.api.formats import MEDIA_TYPES, PARQUET

LISTS = ["/saes", "/comparisons", "/jobs", "/comparisons/{}/levels", "/comparisons/{}/interventions"]
LISTS += ["/diff/{0}/{0}", "/interventions/1"]


def rows_of(kind: str, body: bytes) -> list[dict[str, Any]]:
    if kind == "csv":
        return list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    if kind == "ndjson":
        return [json.loads(line) for line in body.splitlines()]
    found: list[dict[str, Any]] = pq.read_table(io.BytesIO(body)).to_pylist()
    return found


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet"])
@pytest.mark.parametrize("path", LISTS)
def test_a_list_is_the_same_in_every_format(client: TestClient, slug: str, path: str, kind: str) -> None:
    path = "/api/v1" + path.format(slug)
    answer = client.get(path).json()
    items = answer.get("items") or answer.get("pairs") or [*answer["narrow"], *answer["reference"]]
    by_ending = client.get(f"{path}.{kind}")
    assert by_ending.headers["content-type"] == MEDIA_TYPES[kind]  # type: ignore[index]
    assert by_ending.headers["content-disposition"].endswith(f'.{kind}"')
    by_header = client.get(path, headers={"Accept": MEDIA_TYPES[kind].partition(";")[0]})  # type: ignore[index]
    assert by_header.content == by_ending.content
    rows = rows_of(kind, by_ending.content)
    assert len(rows) == len(items) > 0
    if kind == "ndjson" and "levels" not in path:
        assert rows == items
    first = next(name for name, value in items[0].items() if isinstance(value, str | int))
    assert [str(row[first]) for row in rows] == [str(item[first]) for item in items]
    assert client.head(f"{path}.{kind}").status_code == 200


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet"])
def test_a_file_of_latents_is_the_whole_view(
    client: TestClient, slug: str, bundle: ComparisonBundle, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("app.store.page.BLOCK", 7)
    query = "sae=reference&sort=-density,index&level=1&limit=3"
    answer = client.get(f"/api/v1/comparisons/{slug}/latents.{kind}?{query}")
    rows = rows_of(kind, answer.content)
    expected = [x for x in bundle.latents if x.sae == "reference" and x.level == 1]
    expected.sort(key=lambda x: (-x.density, x.index))
    assert [int(row["index"]) for row in rows] == [x.index for x in expected]
    if kind == "parquet":
        for row, latent in zip(rows, expected, strict=True):
            plain = orjson.loads(orjson.dumps(latent))
            assert json.loads(row.pop("reasons")) == plain.pop("reasons")
            assert row == plain
    assert client.get(f"/api/v1/comparisons/{slug}/latents.{kind}?sort=nope").status_code == 400


def test_each_format_has_a_tag_of_its_own(client: TestClient, slug: str) -> None:
    path = f"/api/v1/comparisons/{slug}/latents"
    accepts = ["application/json", "text/csv", PARQUET]
    tags = {client.get(path, headers={"Accept": accept}).headers["etag"] for accept in accepts}
    assert len(tags) == 3
    assert "Accept" in client.get(path, headers={"Accept": "text/csv"}).headers["vary"]
    assert client.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}).json()["items"]


def test_without_pyarrow_parquet_is_refused_in_words(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    answer = client.get("/api/v1/saes.parquet")
    assert (answer.status_code, "pyarrow" in answer.json()["detail"]) == (406, True)
