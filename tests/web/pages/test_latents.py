"""The table of latents: order, filters, columns, pages, files."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest
from starlette.testclient import TestClient

from app.catalogue import LATENT_SPECS
from app.records import ComparisonBundle, LatentScores
from tests.web.pages.markup import Document


def table(client: TestClient, url: str) -> Document:
    answer = client.get(url)
    assert answer.status_code == 200, answer.text
    return Document(answer.text)


def indices(page: Document) -> list[int]:
    return [int(link.text) for link in page.all("a", "index")]


@pytest.fixture(scope="module")
def narrow(bundle: ComparisonBundle) -> list[LatentScores]:
    return [latent for latent in bundle.latents if latent.sae == "narrow"]


def by_score(latents: list[LatentScores]) -> list[int]:
    return [
        latent.index
        for latent in sorted(latents, key=lambda v: (v.hedging_score is None, -(v.hedging_score or 0), v.index))
    ]


def test_the_most_hedged_come_first(client: TestClient, slug: str, narrow: list[LatentScores]) -> None:
    assert indices(table(client, f"/c/{slug}/latents")) == by_score(narrow)


def test_filters_leave_what_passes_and_can_be_taken_off(
    client: TestClient, slug: str, narrow: list[LatentScores]
) -> None:
    page = table(client, f"/c/{slug}/latents?hedging_score__gte=0.4&diagnosis=hedged")
    passing = [v for v in narrow if (v.hedging_score or 0) >= 0.4 and v.diagnosis == "hedged"]
    assert indices(page) == by_score(passing)
    assert f"{len(passing)} latents" in page.one("output").text
    chips = page.one("ul", "chips")
    assert "Hedging score ≥ 0.4" in chips.text
    without = [href for href in page.hrefs() if "diagnosis=hedged" not in href and "hedging_score__gte=0.4" in href]
    assert any(urlsplit(href).path.endswith("/latents") for href in without)


def test_the_form_keeps_what_it_does_not_show(client: TestClient, slug: str) -> None:
    url = f"/c/{slug}/latents?sae=narrow&sort=density&max_jaccard__lt=0.9&hedging_score__gte=0.1&q=a&limit=5"
    page = table(client, url)
    hidden = {
        e.attributes["name"]: e.attributes["value"]
        for e in page.all("input")
        if e.attributes["type"] == "hidden" and e.attributes["name"] != "in"
    }
    # The form of columns keeps all filters; that of filters only those that it has no input for.
    of_columns = {"hedging_score__gte": "0.1", "q": "a"}
    assert hidden == {"sae": "narrow", "sort": "density", "limit": "5", "max_jaccard__lt": "0.9", **of_columns}
    shown = {
        e.attributes["name"]: e.attributes.get("value", "")
        for e in page.all("input")
        if e.attributes["type"] != "hidden"
    }
    assert (shown["q"], shown["hedging_score__gte"]) == ("a", "0.1")


def test_heads_sort_and_say_how_the_table_is_sorted(client: TestClient, slug: str) -> None:
    page = table(client, f"/c/{slug}/latents?density__gte=0.01&sort=-density")
    (head,) = [e for e in page.all("th") if "aria-sort" in e.attributes]
    assert head.attributes["aria-sort"] == "descending"
    assert head.text.startswith("Density")
    sorts = {dict(parse_qsl(urlsplit(href).query)).get("sort") for href in page.hrefs() if "/latents?" in href}
    assert {"density", "-hedging_score", "index", "diagnosis"} <= sorts
    assert "-label" not in sorts
    definitions = {e.attributes["href"] for e in page.all("a", "what")}
    assert "/about#hedging_score" in definitions


def test_pages_follow_one_another(client: TestClient, slug: str, narrow: list[LatentScores]) -> None:
    url: str | None = f"/c/{slug}/latents?limit=7"
    seen: list[int] = []
    while url:
        page = table(client, url)
        seen += indices(page)
        url = next((e.attributes["href"] for e in page.all("a") if e.attributes.get("rel") == "next"), None)
    assert seen == by_score(narrow)
    assert any(e.attributes.get("rel") == "first" for e in page.all("a"))


def rel(page: Document, name: str) -> str:
    return next(e.attributes["href"] for e in page.all("a") if e.attributes.get("rel") == name)


def test_each_page_knows_the_total_its_place_and_the_page_before(
    client: TestClient, slug: str, narrow: list[LatentScores]
) -> None:
    first = table(client, f"/c/{slug}/latents?limit=7")
    second = table(client, rel(first, "next"))
    third = table(client, rel(second, "next"))
    assert [page.one("output").text for page in (first, second, third)] == [
        "1–7 of 24 latents",
        "8–14 of 24 latents",
        "15–21 of 24 latents",
    ]
    assert indices(table(client, rel(third, "prev"))) == by_score(narrow)[7:14]
    assert indices(table(client, rel(second, "prev"))) == by_score(narrow)[:7]


def test_a_start_without_a_page_is_refused(client: TestClient, slug: str) -> None:
    assert "fewer than the latents" in client.get(f"/c/{slug}/latents?start=24").json()["detail"]
    assert "at most 20000" in client.get(f"/c/{slug}/latents?start=20001").json()["detail"]


def test_the_search_has_a_chip(client: TestClient, slug: str) -> None:
    page = table(client, f"/c/{slug}/latents?q=+the&density__gt=0")
    assert "Search:  the" in page.one("ul", "chips").text
    assert any("density__gt=0" in href and "q=" not in href and "/latents?" in href for href in page.hrefs())


def test_a_search_with_a_leading_space_finds_whole_tokens(
    client: TestClient, slug: str, bundle: ComparisonBundle
) -> None:
    labels = {v.index: v.label.casefold() for v in bundle.latents if v.sae == "reference"}
    for q in ('"the"', "+the"):
        page = table(client, f"/c/{slug}/latents?sae=reference&sort=index&q={q}")
        assert indices(page) == [i for i, label in labels.items() if "the" in label.split(" ")]
    either = table(client, f"/c/{slug}/latents?sae=reference&sort=index&q=the|cat")
    assert indices(either) == [i for i, label in labels.items() if {"the", "cat"} & set(label.split(" "))]


def test_the_other_sae_keeps_search_and_common_filters(client: TestClient, slug: str) -> None:
    page = table(client, f"/c/{slug}/latents?q=a&density__gt=0&hedging_score__gt=0&sort=-hedging_score&columns=all")
    (switch,) = [e for e in page.all("a") if e.text == "reference"]
    query = dict(parse_qsl(urlsplit(switch.attributes["href"]).query))
    assert query == {"sae": "reference", "density__gt": "0", "q": "a", "columns": "all"}
    assert client.get(switch.attributes["href"]).status_code == 200


def test_the_plot_and_the_api_get_search_and_filters(client: TestClient, slug: str) -> None:
    page = table(client, f"/c/{slug}/latents?q=a&density__gt=0&limit=5")
    plot = next(e.attributes["href"] for e in page.all("a") if e.text == "Open as plot")
    api = next(e.attributes["href"] for e in page.all("a") if e.text == "API")
    assert dict(parse_qsl(urlsplit(plot).query)) == {"sae": "narrow", "density__gt": "0", "q": "a"}
    assert dict(parse_qsl(urlsplit(api).query))["q"] == "a"
    found = client.get(api).json()["items"]
    assert [latent["index"] for latent in found] == indices(page)


def test_a_search_finds_an_index_or_a_label(client: TestClient, slug: str) -> None:
    assert indices(table(client, f"/c/{slug}/latents?q=7")) == [7]
    empty = table(client, f"/c/{slug}/latents?q=nowhere-in-it&density__gt=0")
    assert "No latents match. Clear filters" in empty.one("main").text
    clear = next(e.attributes["href"] for e in empty.all("a") if e.text == "Clear filters")
    assert "density" not in clear


def test_all_columns_are_the_catalogue(client: TestClient, slug: str) -> None:
    page = table(client, f"/c/{slug}/latents?sae=reference&columns=all")
    heads = [e.text for e in page.all("th") if e.attributes.get("scope") == "col"]
    assert [head.partition("\xa0")[0] for head in heads] == [s.title for s in LATENT_SPECS if s.name != "sae"]


def test_a_cell_without_value_says_why(client: TestClient, slug: str) -> None:
    page = table(client, f"/c/{slug}/latents?hedging_score__isnull=1")
    assert "never fires on the 690 sampled tokens" in {e.attributes.get("title") for e in page.all("span", "none")}


def test_csv_has_a_head_and_every_latent_of_the_view(client: TestClient, slug: str, narrow: list[LatentScores]) -> None:
    answer = client.get(f"/c/{slug}/latents.csv?sae=narrow&sort=index")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="{slug}-narrow.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))
    assert list(rows[0]) == [spec.name for spec in LATENT_SPECS]
    assert [row["label"] for row in rows] == [latent.label for latent in narrow]
    for row, latent in zip(rows, narrow, strict=True):
        score = float(row["hedging_score"]) if row["hedging_score"] else None
        assert score == latent.hedging_score


def test_ndjson_is_the_records_of_the_view(client: TestClient, slug: str, narrow: list[LatentScores]) -> None:
    answer = client.get(f"/c/{slug}/latents.ndjson?density__gt=0.1&sort=index")
    found = [orjson.loads(line) for line in answer.content.splitlines()]
    assert found == [asdict(latent) for latent in narrow if latent.density > 0.1]


def test_links_lead_to_latents_in_the_same_order(client: TestClient, slug: str) -> None:
    page = table(client, f"/c/{slug}/latents?sort=-density&level=0&q=a")
    query = dict(parse_qsl(urlsplit(page.all("a", "index")[0].attributes["href"]).query))
    assert query == {"sort": "-density", "level": "0", "q": "a"}


def test_several_keys_sort_and_lead_on(client: TestClient, slug: str, narrow: list[LatentScores]) -> None:
    page = table(client, f"/c/{slug}/latents?sort=diagnosis,-density")

    def key(v: LatentScores) -> tuple[bool, str, float, int]:
        return v.diagnosis is None, v.diagnosis or "", -v.density, v.index

    order = [v.index for v in sorted(narrow, key=key)]
    assert indices(page) == order
    then = [urlsplit(href).query for href in page.hrefs() if "sort=diagnosis,-density,-n_firings" in href]
    assert then, "a third key can be added"
    links = [link.attributes["href"] for link in page.all("a", "index")]
    assert "sort=diagnosis,-density" in links[1]
    second = Document(client.get(links[1]).text)
    around = {e.attributes["rel"]: e.attributes["href"] for e in second.all("a") if "rel" in e.attributes}
    assert urlsplit(around["prev"]).path.endswith(f"/narrow/{order[0]}")
    assert urlsplit(around["next"]).path.endswith(f"/narrow/{order[2]}")


def test_columns_are_chosen_in_the_link(client: TestClient, slug: str) -> None:
    page = table(client, f"/c/{slug}/latents?fields=label,c_dec&density__gt=0")
    heads = [
        e.text.replace("\xa0", " ").split(" ?")[0].strip(" +?▼▲")
        for e in page.all("th")
        if e.attributes.get("scope") == "col"
    ]
    assert [head.split()[0] for head in heads] == ["Latent", "Fires", "c_dec"]
    answer = client.get(f"/c/{slug}/latents?sae=narrow&fields=label&fields=c_dec", follow_redirects=False)
    assert answer.status_code == 307
    assert answer.headers["location"] == f"/c/{slug}/latents?sae=narrow&fields=label,c_dec"
    assert any("fields=label,c_dec" in href and "sort=" in href for href in page.hrefs()), "sorting keeps the columns"
    wrong = client.get(f"/c/{slug}/latents?fields=label,nope")
    assert wrong.status_code == 400
    assert "nope" in wrong.text


def test_a_row_names_what_is_mixed_in(client: TestClient, slug: str, bundle: ComparisonBundle) -> None:
    page = client.get(f"/c/{slug}/latents.json").json()
    labels = {v.index: v.label for v in bundle.latents if v.sae == "reference"}
    mixed = [v for v in bundle.latents if v.n_hedged_partners]
    assert mixed
    for latent in mixed:
        rows = page["partners"][str(latent.index)]
        assert [row["partner"]["diagnosis"] for row in rows].count("main") <= 1
        named = [row for row in rows if row["partner"]["diagnosis"] != "main"]
        assert len(named) == min(3, latent.n_hedged_partners or 0)
        assert all(row["label"] == labels[row["index"]] for row in rows)
        href = f"/c/{slug}/pairs/{latent.index}/{named[0]['index']}"
        assert href in table(client, f"/c/{slug}/latents").hrefs()


def test_facets_are_above_the_table(client: TestClient, slug: str, narrow: list[LatentScores]) -> None:
    page = client.get(f"/c/{slug}/latents.json?diagnosis=hedged").json()
    counts = {one["text"]: one["count"] for one in page["facets"][0]["values"]}
    hedged = [v for v in narrow if v.diagnosis == "hedged"]
    assert counts["hedged"] == len(hedged) == page["total"]
    assert sum(counts.values()) == len(narrow)


def test_of_too_many_latents_only_kept_counts_are_shown(
    client: TestClient, slug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.pages.facets.MOST_COUNTED", 3)

    def fields(query: str) -> list[str]:
        answer = client.get(f"/c/{slug}/latents.json?{query}", headers={"Cache-Control": "no-cache"})
        return [facet["field"] for facet in answer.json()["facets"]]

    assert fields("sae=narrow") == ["diagnosis"]
    assert fields("sae=narrow&diagnosis=hedged") == ["diagnosis"]
    assert fields("sae=narrow&diagnosis=hedged&density__gte=0.001") == []
