"""The page of latents: walking it, sorting and filtering it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient

from app.records import ComparisonBundle, LatentScores, Side
from app.settings import Settings
from app.web.main import create_app
from tests.local_client import local_client


@pytest.fixture(scope="module")
def path(slug: str) -> str:
    return f"/api/v1/comparisons/{slug}/latents"


def walk(client: TestClient, path: str, **params: Any) -> list[dict[str, Any]]:
    """All items, page by page, by the header `Link`; the body's cursor must say the same."""
    items: list[dict[str, Any]] = []
    response = client.get(path, params=params)
    total = response.json()["total"]
    while True:
        page = response.json()
        items += page["items"]
        following = response.links.get("next")
        assert (following is None) == (page["next"] is None)
        if following is None:
            assert total == len(items)
            return items
        assert client.get(path, params={**params, "cursor": page["next"]}).json() == client.get(following["url"]).json()
        response = client.get(following["url"])


def as_json(latents: list[LatentScores]) -> Any:
    return orjson.loads(orjson.dumps(latents))


def of_side(bundle: ComparisonBundle, side: Side) -> list[LatentScores]:
    return [latent for latent in bundle.latents if latent.sae == side]


def in_order(latents: list[LatentScores], sort: str) -> list[LatentScores]:
    """Undefined last, ties by index: written anew, to compare with what the database does."""
    field, sign = sort.removeprefix("-"), -1 if sort.startswith("-") else 1
    by_index = sorted(latents, key=lambda latent: latent.index)
    known = [latent for latent in by_index if getattr(latent, field) is not None]
    known.sort(key=lambda latent: getattr(latent, field) * sign)
    return known + [latent for latent in by_index if getattr(latent, field) is None]


@pytest.mark.parametrize("limit", [1, 7, 24, 1000])
@pytest.mark.parametrize("sort", ["-hedging_score", "hedging_score", "-n_firings", "index", "-index", "level"])
def test_a_walk_gives_every_latent_once_in_order(
    client: TestClient, bundle: ComparisonBundle, path: str, sort: str, limit: int
) -> None:
    expected = as_json(in_order(of_side(bundle, "narrow"), sort))
    assert walk(client, path, sort=sort, limit=limit) == expected


def test_the_usual_page(client: TestClient, bundle: ComparisonBundle, path: str) -> None:
    assert client.get(path).json() == {
        "items": as_json(in_order(of_side(bundle, "narrow"), "-hedging_score")),
        "next": None,
        "total": 24,
    }


def test_the_reference_side(client: TestClient, bundle: ComparisonBundle, path: str) -> None:
    items = walk(client, path, sae="reference", sort="-density", limit=25)
    assert items == as_json(in_order(of_side(bundle, "reference"), "-density"))


Condition = Callable[[LatentScores], bool]


def has_score(latent: LatentScores, holds: Callable[[float], bool]) -> bool:
    return latent.hedging_score is not None and holds(latent.hedging_score)


FILTERS: list[tuple[dict[str, str], Condition]] = [
    ({"hedging_score__gte": "0.3"}, lambda latent: has_score(latent, lambda score: score >= 0.3)),
    ({"hedging_score__lt": "0.3"}, lambda latent: has_score(latent, lambda score: score < 0.3)),
    (
        {"hedging_score__gt": "0.2", "hedging_score__lte": "0.4", "density__lt": "0.2"},
        lambda latent: has_score(latent, lambda score: 0.2 < score <= 0.4) and latent.density < 0.2,
    ),
    ({"hedging_score__isnull": "1"}, lambda latent: latent.hedging_score is None),
    ({"hedging_score__isnull": "0"}, lambda latent: latent.hedging_score is not None),
    ({"diagnosis": "hedged"}, lambda latent: latent.diagnosis == "hedged"),
    ({"diagnosis__in": "clean,dead"}, lambda latent: latent.diagnosis in ("clean", "dead")),
    ({"diagnosis__ne": "hedged"}, lambda latent: latent.diagnosis != "hedged"),
    ({"index__in": "3,1,999"}, lambda latent: latent.index in (1, 3)),
    ({"q": "5"}, lambda latent: latent.index == 5),
    ({"q": "SCRIPT"}, lambda latent: "script" in latent.label.lower()),
    ({"q": "%"}, lambda latent: "%" in latent.label),
    ({"q": ""}, lambda latent: True),
]


@pytest.mark.parametrize(("params", "holds"), FILTERS, ids=lambda value: str(value) if isinstance(value, dict) else "")
def test_filters(
    client: TestClient, bundle: ComparisonBundle, path: str, params: dict[str, str], holds: Condition
) -> None:
    expected = [latent for latent in in_order(of_side(bundle, "narrow"), "-hedging_score") if holds(latent)]
    assert expected, "a filter that finds nothing shows nothing"
    assert walk(client, path, limit=2, **params) == as_json(expected)


def test_level_of_the_reference(client: TestClient, path: str) -> None:
    page = client.get(path, params={"sae": "reference", "level": "1", "limit": 1000}).json()
    assert {item["level"] for item in page["items"]} == {1}
    assert page["total"] == 48


def test_the_largest_page_is_a_setting(site: tuple[Settings, Any], path: str) -> None:
    settings, engine = site
    small = local_client(create_app(settings.model_copy(update={"page_size_max": 5}), engine))
    assert len(small.get(path, params={"limit": 5}).json()["items"]) == 5
    response = small.get(path, params={"limit": 6})
    assert (response.status_code, response.json()["valid"]) == (400, ["1 to 5"])


def test_a_cursor_of_another_comparison_is_refused(
    client: TestClient, twice: tuple[ComparisonBundle, ComparisonBundle]
) -> None:
    first, second = (f"/api/v1/comparisons/{bundle.summary.slug}/latents" for bundle in twice)
    cursor = client.get(first, params={"limit": 2}).json()["next"]
    assert client.get(first, params={"limit": 2, "cursor": cursor}).status_code == 200
    response = client.get(second, params={"limit": 2, "cursor": cursor})
    assert (response.status_code, response.json()["parameter"]) == (400, "cursor")


def test_some_fields_only(client: TestClient, bundle: ComparisonBundle, path: str) -> None:
    page = client.get(path, params={"fields": "index, hedging_score,reasons", "sort": "index", "limit": 5}).json()
    expected = of_side(bundle, "narrow")[:5]
    assert page["items"] == [
        {"index": x.index, "hedging_score": x.hedging_score, "reasons": dict(x.reasons)} for x in expected
    ]
    refused = client.get(path, params={"fields": "index,nope"})
    assert (refused.status_code, refused.json()["parameter"]) == (400, "fields")


@pytest.mark.parametrize("side", ["narrow", "reference"])
def test_many_latents_with_their_evidence(client: TestClient, slug: str, path: str, side: Side) -> None:
    """One request, and the same as one request for each."""
    query = {"sae": side, "index__in": "3,1,17", "include": "partners,contexts", "sort": "index"}
    items = client.get(path, params=query).json()["items"]
    assert [item["index"] for item in items] == [1, 3, 17]
    for item in items:
        alone = client.get(f"/api/v1/comparisons/{slug}/{side}/{item['index']}").json()
        assert item.items() <= alone.items()
        assert item["contexts"]
    assert client.get(path, params={"include": "partners", "limit": 101}).json()["parameter"] == "limit"
    for wrong in ("all", "", "partners,", ",contexts"):
        assert client.get(path, params={"include": wrong}).json()["valid"] == ["partners", "contexts"]


def test_facets_count_the_filtered_view(client: TestClient, bundle: ComparisonBundle, path: str) -> None:
    query = {"sae": "reference", "facets": "level,diagnosis", "limit": "1"}
    everything = client.get(path, params=query).json()["facets"]
    assert {each["value"]: each["count"] for each in everything["level"]} == {0: 12, 1: 48}
    some = client.get(path, params={**query, "index__lt": "20"}).json()["facets"]
    assert {each["value"]: each["count"] for each in some["level"]} == {0: 12, 1: 8}
    assert sum(each["count"] for each in some["diagnosis"]) == 20
    assert "facets" not in client.get(path).json()
    assert client.get(path, params={"facets": "density"}).json()["parameter"] == "facets"


def test_the_total_on_request(client: TestClient, path: str) -> None:
    second = client.get(path, params={"limit": 5}).json()["next"]
    assert client.get(path, params={"limit": 5, "cursor": second}).json()["total"] is None
    assert client.get(path, params={"limit": 5, "cursor": second, "count": "1"}).json()["total"] == 24
    assert client.get(path, params={"limit": 5, "count": "0"}).json()["total"] is None
    assert client.get(path, params={"count": "2"}).status_code == 400


def test_links_lead_back(client: TestClient, path: str) -> None:
    first = client.get(path, params={"limit": 7, "sort": "-level,hedging_score"})
    assert "prev" not in first.links
    second = client.get(first.links["next"]["url"])
    third = client.get(second.links["next"]["url"])
    assert client.get(third.links["prev"]["url"]).json() == second.json()
    assert client.get(second.links["prev"]["url"]).json()["items"] == first.json()["items"]


def test_text_filters(client: TestClient, bundle: ComparisonBundle, path: str) -> None:
    for op, holds in (("contains", str.__contains__), ("startswith", str.startswith), ("endswith", str.endswith)):
        found = client.get(path, params={f"label__{op}": "<SCRIPT>"}).json()["items"]
        expected = {x.index for x in of_side(bundle, "narrow") if holds(x.label.lower(), "<script>")}
        assert {item["index"] for item in found} == expected
    assert client.get(path, params={"label__gt": "a"}).json()["parameter"] == "label__gt"
