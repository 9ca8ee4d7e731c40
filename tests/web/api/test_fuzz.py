"""Whatever is asked, the answer is data, a redirect or a problem: never a failure."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.store.filters import FILTER_FIELDS, OPS
from app.web.api.query import OWN

relaxed = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

anything = st.text(max_size=40)
numbers = st.one_of(
    st.integers().map(str), st.floats().map(str), st.sampled_from(["0", "-0", "1e999", "٣", " 1", "1_0"])
)
words = st.sampled_from(
    ["narrow", "reference", "hedged", "-density", "index", "tiny", "twice", "", ",", "0,1", "\x00", "%"]
)
values = st.one_of(anything, numbers, words)
filter_names = st.builds(
    "{}__{}".format, st.sampled_from(FILTER_FIELDS), st.one_of(st.sampled_from(list(OPS)), anything)
)
names = st.one_of(st.sampled_from(OWN), st.sampled_from(FILTER_FIELDS), filter_names, anything)
queries = st.lists(st.tuples(names, values), max_size=4)
parts = st.one_of(
    values, st.sampled_from(["saes", "comparisons", "latents", "narrow", "reference", "pairs", "levels", "..", "."])
)


def check(client: TestClient, path: str, query: list[tuple[str, str]]) -> None:
    response = client.get(path, params=tuple(query))
    if not response.request.url.path.startswith("/api/"):
        return  # `..` went up to the pages before the request was sent
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        assert response.headers["content-type"] == "application/problem+json"
        problem = response.json()
        assert problem["status"] == response.status_code
        assert problem["detail"]
        if response.status_code in (400, 422):
            assert "parameter" in problem
    elif response.status_code == 200:
        response.json()
    else:
        assert response.status_code == 307


def encoded(text: str) -> str:
    """A path's part as UTF-8, where the text is not valid Unicode as bytes that are not valid UTF-8."""
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


@relaxed
@given(query=queries)
def test_any_query_of_the_latents(client: TestClient, slug: str, query: list[tuple[str, str]]) -> None:
    check(client, f"/api/v1/comparisons/{slug}/latents", query)


@relaxed
@given(path=st.lists(parts, min_size=1, max_size=5), query=queries)
def test_any_path(client: TestClient, path: list[str], query: list[tuple[str, str]]) -> None:
    check(client, "/api/v1/" + "/".join(map(encoded, path)), query)


@relaxed
@given(kind=st.sampled_from(["narrow/{}", "reference/{}", "pairs/{}/{}", "{}"]), first=values, second=values)
def test_any_index(client: TestClient, slug: str, kind: str, first: str, second: str) -> None:
    check(client, f"/api/v1/comparisons/{slug}/{kind.format(encoded(first), encoded(second))}", [])


@pytest.mark.parametrize(
    "raw", ["%", "%f", "%ff", "%00", "%c3%28", "%ed%a0%80", "%2e%2e", "%0d%0aX-Evil:%201", "+", ";"]
)
def test_bytes_that_are_no_text(client: TestClient, slug: str, raw: str) -> None:
    for path in (
        f"/api/v1/saes/{raw}",
        f"/api/v1/comparisons/{raw}/latents",
        f"/api/v1/comparisons/{slug}/narrow/{raw}",
    ):
        response = client.get(path)
        assert response.status_code in (404, 422)
        assert "x-evil" not in response.headers
    for query in (f"q={raw}", f"cursor={raw}", f"{raw}=1", f"hedging_score__gte={raw}"):
        response = client.get(f"/api/v1/comparisons/{slug}/latents?{query}")
        assert response.status_code in (200, 400), response.text
