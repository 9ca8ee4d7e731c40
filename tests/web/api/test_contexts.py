"""Contexts by cell in the API and on the pages: the same counts, kept in the URL, and older comparisons without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.records import ComparisonBundle, FiringCells
from app.settings import Settings
from app.store.session import make_engine, upgrade
from app.store.write import write_comparison
from app.web.main import create_app
from tests.builders import make_bundle
from tests.local_client import local_client
from tests.web.pages.markup import Document


def some_cells(bundle: ComparisonBundle, n_partners: int) -> FiringCells:
    return next(each for each in bundle.cells if len(each.partners) >= n_partners and min(each.counts[1:]) > 0)


def test_the_api_counts_what_was_stored(client: TestClient, slug: str, bundle: ComparisonBundle) -> None:
    cells = some_cells(bundle, 2)
    api = f"/api/v1/comparisons/{slug}/contexts?index={cells.narrow_index}"
    both = client.get(f"{api}&cell=both").json()
    n_both = sum(n for code, n in enumerate(cells.counts) if code & 1)
    assert (both["partners"], both["partner"]) == (list(cells.partners), cells.partners[0])
    assert both["count"] == both["counts"]["both"] == n_both
    assert both["counts"]["without_main"] == sum(cells.counts) - n_both
    stored = {(each.row, each.position): each for each in cells.contexts if each.cell & 1}
    assert len(both["items"]) == len(stored)
    for item in both["items"]:
        context = stored[item["row"], item["position"]]
        assert item["activations"] == list(context.activations)
        assert len(item["tokens"]) == len(context.activations)
        assert item["partner_activations"][0][item["position"] - item["start"]] > 0
    second = client.get(f"{api}&cell=both&partner={cells.partners[1]}").json()
    assert second["count"] == sum(n for code, n in enumerate(cells.counts) if code & 2)


def test_both_sides_of_a_pair_say_the_same(client: TestClient, slug: str, bundle: ComparisonBundle) -> None:
    api, checked = f"/api/v1/comparisons/{slug}/contexts", 0
    for j in range(60):
        seen = client.get(f"{api}?sae=reference&index={j}&cell=without_main").json()
        if seen["reason"] is not None or not seen["partners"]:
            continue
        i = seen["partners"][0]
        mirrored = client.get(f"{api}?index={i}&cell=partner_without_this&partner={j}").json()
        assert (seen["count"], len(seen["items"])) == (mirrored["count"], len(mirrored["items"]))
        checked += 1
    assert checked > 5


def test_pages_and_api_show_the_same_rows(client: TestClient, slug: str, bundle: ComparisonBundle) -> None:
    cells = some_cells(bundle, 2)
    for cell in ("both", "without_main", "mixed_in_without_main", "partner_without_this"):
        query = f"cell={cell}"
        api = client.get(f"/api/v1/comparisons/{slug}/contexts?index={cells.narrow_index}&{query}").json()
        page = client.get(f"/c/{slug}/narrow/{cells.narrow_index}.json?{query}&duplicates=1").json()["contexts"]
        assert next(tab for tab in page["tabs"] if tab["chosen"])["count"] == api["count"]
        shown = [(c["row"], c["position"]) for group in page["groups"] for c in group["contexts"]]
        assert shown == [(item["row"], item["position"]) for item in api["items"]][:20]


def test_counts_of_the_table_lead_to_their_tabs(client: TestClient, slug: str, bundle: ComparisonBundle) -> None:
    cells = some_cells(bundle, 2)
    path = f"/c/{slug}/narrow/{cells.narrow_index}"
    parts = {part["name"]: part for part in client.get(f"{path}.json").json()["pictures"]["parts"]}
    assert sum(part["n"] for part in parts.values()) == sum(cells.counts)
    assert Document(client.get(path).text).one("table", "parts")
    for part in parts.values():
        if part["href"] is not None:
            assert client.get(part["href"].partition("#")[0]).status_code == 200


def test_state_is_in_the_url(client: TestClient, slug: str, bundle: ComparisonBundle) -> None:
    cells = some_cells(bundle, 2)
    path, second = f"/c/{slug}/narrow/{cells.narrow_index}", cells.partners[1]
    page = Document(client.get(f"{path}?cell=both&partner={second}&mark={second}&length=whole&sort=-density").text)
    chosen = [link for link in page.all("a") if link.attributes.get("aria-current") == "true"]
    assert [link.text.split()[0] for link in chosen] == ["Both", str(second), str(second), "whole"]
    tabs = [href for href in page.hrefs() if "cell=without_main" in href]
    assert tabs
    assert all("sort=-density" in href and "length=whole" in href and f"mark={second}" in href for href in tabs)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("cell=all", "cell is 'all'"),
        ("cell=both&partner=99999", "partner is 99999"),
        ("cell=both&partner=x", "partner is 'x'"),
        ("mark=1,2,3,4", "mark is '1,2,3,4'"),
        ("length=long", "length is 'long'"),
    ],
)
def test_wrong_parameters_are_refused(
    client: TestClient, slug: str, bundle: ComparisonBundle, query: str, message: str
) -> None:
    answer = client.get(f"/c/{slug}/narrow/{some_cells(bundle, 1).narrow_index}?{query}")
    assert answer.status_code == 400
    assert message in answer.json()["detail"]


@pytest.mark.parametrize("query", ["", "index=0&cell=all", "index=-1", "index=0&partner=99999", "index=0&x=1"])
def test_wrong_requests_are_refused(client: TestClient, slug: str, query: str) -> None:
    assert client.get(f"/api/v1/comparisons/{slug}/contexts?{query}").status_code in (400, 422)
    assert client.get(f"/api/v1/comparisons/{slug}/contexts?index=5000").status_code == 404


def test_an_older_comparison_says_that_it_has_none(tmp_path: Path) -> None:
    whole = make_bundle(name="older", n_narrow=6, n_reference=12, widths=(4, 12))
    settings = Settings(data_dir=tmp_path)
    upgrade(settings.resolved_database_url)
    engine = make_engine(settings.resolved_database_url)
    write_comparison(engine, replace(whole, cells=()))
    slug = whole.summary.slug
    with local_client(create_app(settings, engine)) as client:
        for side in ("narrow", "reference"):
            page = Document(client.get(f"/c/{slug}/{side}/0").text)
            assert "was scored before contexts by cell were kept" in page.one("main").text
            answer = client.get(f"/api/v1/comparisons/{slug}/contexts?sae={side}&index=0").json()
            assert "Score it again" in answer["reason"]
            assert answer["items"] == []
        assert client.get(f"/c/{slug}/narrow/0?cell=both").status_code == 400
    engine.dispose()


def test_counts_of_a_pair_lead_to_its_contexts(client: TestClient, slug: str, bundle: ComparisonBundle) -> None:
    cells = some_cells(bundle, 2)
    i, j = cells.narrow_index, cells.partners[1]
    shown = client.get(f"/c/{slug}/pairs/{i}/{j}.json").json()
    for name, cell in (("both", "both"), ("narrow_only", "without_main"), ("reference_only", "partner_without_this")):
        assert f"cell={cell}&partner={j}" in shown["cells"][name]
        page = client.get(shown["cells"][name].partition("#")[0].replace("?", ".json?")).json()["contexts"]
        chosen = next(choice for choice in page["partners"] if choice["chosen"])
        assert (chosen["text"], chosen["count"]) == (str(j), shown["firing"][name])
    other = next(j for j in range(60) if j not in cells.partners)
    assert client.get(f"/c/{slug}/pairs/{i}/{other}.json").json()["cells"] is None


def test_a_latent_without_a_main_partner_says_so(client: TestClient, slug: str, bundle: ComparisonBundle) -> None:
    alone = next(each.narrow_index for each in bundle.cells if not each.partners)
    answer = client.get(f"/api/v1/comparisons/{slug}/contexts?index={alone}&cell=both")
    assert (answer.status_code, answer.json()["count"], answer.json()["items"]) == (200, None, [])
    assert "no main partner" in answer.json()["reason"]
    assert client.get(f"/c/{slug}/narrow/{alone}").status_code == 200
