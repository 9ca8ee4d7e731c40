"""The overview: its plot's state and columns, and what it says without a plot."""

from __future__ import annotations

import orjson
import pytest
from starlette.testclient import TestClient

from app.records import ComparisonBundle
from app.web.shared import formatting as show
from tests.web.pages.markup import Document


def scatter(page: Document) -> dict[str, object]:
    data: dict[str, object] = orjson.loads(page.by_id("scatter-data").text)
    return data


def test_the_plot_starts_as_the_url_says(client: TestClient, slug: str) -> None:
    query = "sae=narrow&x=density&y=c_dec&color=max_jaccard&hedging_score__gte=0.5&level__in=0,1&zoom=0.1,0.2,0,1"
    page = Document(client.get(f"/c/{slug}?{query}").text)
    assert scatter(page)["view"] == {
        "sae": "narrow",
        "x": "density",
        "y": "c_dec",
        "color": "max_jaccard",
        "size": "",
        "filters": [["hedging_score__gte", "0.5"], ["level__in", "0,1"]],
        "q": "",
        "zoom": [0.1, 0.2, 0.0, 1.0],
    }
    chosen = [e.attributes["value"] for e in page.all("option") if "selected" in e.attributes]
    assert chosen == ["narrow", "density", "c_dec", "max_jaccard"]
    table = next(e for e in page.all("a") if "data-scatter-table" in e.attributes)
    assert table.attributes["href"].endswith("?sae=narrow&hedging_score__gte=0.5&level__in=0,1")


def test_the_reference_has_its_own_colour_and_no_chance_level(client: TestClient, slug: str) -> None:
    page = Document(client.get(f"/c/{slug}?sae=reference").text)
    view = scatter(page)["view"]
    assert isinstance(view, dict)
    assert view["color"] == "density"
    assert "hidden" in page.by_id("scatter-chance").attributes


def test_points_are_whole_columns_in_order(client: TestClient, slug: str, bundle: ComparisonBundle) -> None:
    answer = client.get(f"/c/{slug}/points.json?sae=reference&fields=label,max_jaccard,main_partner")
    reference = [latent for latent in bundle.latents if latent.sae == "reference"]
    assert answer.json() == {
        "sae": "reference",
        "n": 60,
        "columns": {
            "label": [show.plain(latent.label) for latent in reference],
            "max_jaccard": [rounded(latent.max_jaccard) for latent in reference],
            "main_partner": [latent.main_partner for latent in reference],
        },
    }


def rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def test_filters_see_all_digits(client: TestClient, slug: str, bundle: ComparisonBundle) -> None:
    names = ("index", "hedging_score", "diagnosis", "n_firings", "mutual_best")
    answer = client.get(f"/c/{slug}/points.json?fields={','.join(names)}&exact=1").json()
    narrow = [latent for latent in bundle.latents if latent.sae == "narrow"]
    assert answer["columns"] == {name: [getattr(latent, name) for latent in narrow] for name in names}
    assert client.get(f"/c/{slug}/points.json?fields=index&exact=2").status_code == 400


def test_columns_are_read_once(
    client: TestClient, slug: str, bundle: ComparisonBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = client.get(f"/c/{slug}/points.json?fields=density,c_dec")
    monkeypatch.setattr("app.store.read.columns", None)
    again = client.get(f"/c/{slug}/points.json?fields=c_dec,density")
    assert first.json()["columns"] == again.json()["columns"]
    assert len(first.json()["columns"]["density"]) == bundle.summary.narrow.sae.d_sae


def test_data_in_the_page_can_not_end_its_element(client: TestClient, slug: str) -> None:
    text = client.get(f"/c/{slug}", params={"q": "</script><b>"}).text
    data = text.partition('id="scatter-data">')[2].partition("</script>")[0]
    assert orjson.loads(data)["view"]["q"] == "</script><b>"
    assert "<" not in data


def test_every_filter_in_force_has_a_chip_that_takes_it_off(client: TestClient, slug: str) -> None:
    """Also those for which the form has no input."""
    page = Document(client.get(f"/c/{slug}?density__lt=0.01&q=a&color=c_dec").text)
    chips = page.by_id("scatter-chips")
    assert "hidden" not in chips.attributes
    assert "Search: a" in chips.text
    assert "Density < 0.01" in chips.text
    without = [href for href in page.hrefs() if "color=c_dec" in href and ".json" not in href]
    assert [("density__lt" in href, "q=a" in href) for href in without] == [(True, False), (False, True)]
    assert "hidden" in Document(client.get(f"/c/{slug}").text).by_id("scatter-chips").attributes


def test_points_can_be_searched_as_the_table_is(client: TestClient, slug: str) -> None:
    found = client.get(f"/c/{slug}/points.json?sae=reference&q=1").json()["columns"]
    table = client.get(f"/c/{slug}/latents.json?sae=reference&q=1&sort=index").json()["items"]
    assert found == {"index": [latent["index"] for latent in table]}
    assert table


def test_the_most_hedged_latents_have_partners_and_a_context(
    client: TestClient, slug: str, bundle: ComparisonBundle
) -> None:
    top = client.get(f"/c/{slug}.json").json()["top"]
    scores = sorted((v.hedging_score for v in bundle.latents if v.hedging_score is not None), reverse=True)[:10]
    assert [row["latent"]["hedging_score"] for row in top] == scores
    for row in top:
        assert row["partners"][0]["index"] == row["latent"]["main_partner"]
        roles = [p["partner"]["diagnosis"] for p in row["partners"]]
        assert roles[0] == "main"
        assert len(roles) - 1 + row["n_more"] == row["latent"]["n_hedged_partners"]
        masses = [p["partner"]["mixed_mass"] for p in row["partners"][1:]]
        assert masses == sorted(masses, reverse=True)
        assert any(token["strength"] == 10 and token["centre"] for token in row["context"]["tokens"])


def test_both_saes_stand_beside_one_another(client: TestClient, slug: str, bundle: ComparisonBundle) -> None:
    table = Document(client.get(f"/c/{slug}").text).one("table", "sides").text
    for side in (bundle.summary.narrow, bundle.summary.reference):
        assert show.tenths(side.l0) in table
        assert show.number(side.explained_variance) in table
        assert str(side.n_dead) in table


@pytest.mark.parametrize("path", ["", "/levels"])
def test_levels_without_scores_say_why(client: TestClient, slug: str, path: str) -> None:
    page = Document(client.get(f"/c/{slug}{path}").text)
    assert "only narrow latents are scored" in {e.attributes.get("title") for e in page.all("span", "none")}


def test_without_scripts_there_are_tables_and_a_note(client: TestClient, slug: str) -> None:
    page = Document(client.get(f"/c/{slug}").text)
    assert any("needs JavaScript" in note.text for note in page.all("noscript"))
    assert any("Apply" in note.text for note in page.all("noscript"))
    details = [e for e in page.all("details") if "Show as table" in e.text]
    assert len(details) == len(page.all("svg", "chart")) == 2


def test_facets_lead_to_the_latents_they_count(client: TestClient, slug: str) -> None:
    for query in ("sae=narrow", "sae=narrow&density__gte=0.01&diagnosis=hedged", "sae=reference&q=a"):
        facets = client.get(f"/c/{slug}.json?{query}").json()["facets"]
        assert facets
        for value in (one for facet in facets for one in facet["values"]):
            if not value["chosen"]:
                rest = value["url"].partition("?")[2]
                kept = [part for part in rest.split("&") if part.split("=")[0] not in ("x", "y", "color")]
                found = client.get(f"/api/v1/comparisons/{slug}/latents?{'&'.join(kept)}").json()
                assert found["total"] == value["count"], value
            else:
                assert "diagnosis" not in value["url"]
