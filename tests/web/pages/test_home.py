"""The list of all comparisons: searched, sorted, selected and plotted, all of it in the address."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from app.records import ComparisonBundle
from app.web.shared.comparison_numbers import NUMBERS, ComparisonRow, layer_of, multiplier_of
from app.web.shared.figures.comparisons import comparisons_plot
from tests.builders import make_bundle, make_sae_record
from tests.web.pages.markup import Document


def names(client: TestClient, **query: str) -> list[str]:
    rows = client.get("/index.json", params=query).json()["rows"]
    return [row["summary"]["slug"] for row in rows]


@pytest.mark.parametrize("number", ["width", "tokens", "l0", "explained_variance", "score"])
def test_it_is_sorted_by_any_number_both_ways(client: TestClient, number: str) -> None:
    for sign in ("", "-"):
        rows = client.get("/index.json", params={"sort": sign + number}).json()["rows"]
        found = {
            "width": lambda row: row["summary"]["narrow"]["sae"]["d_sae"],
            "tokens": lambda row: row["summary"]["n_tokens"],
            "l0": lambda row: row["summary"]["narrow"]["l0"],
            "explained_variance": lambda row: row["summary"]["narrow"]["explained_variance"],
            "score": lambda row: row["median_score"],
        }
        values = [found[number](row) for row in rows]
        assert len(values) == 3
        assert values == sorted(values, reverse=sign == "-")


def test_heads_sort_and_say_how(client: TestClient) -> None:
    page = Document(client.get("/?sort=-l0&q=t").text)
    (head,) = [e for e in page.all("th") if "aria-sort" in e.attributes]
    assert (head.text.split()[0], head.attributes["aria-sort"]) == ("L0", "descending")
    assert "/?q=t&sort=l0#comparisons" in page.hrefs()


def test_a_search_looks_at_all_names(client: TestClient, slug: str) -> None:
    assert names(client, q="TINY-NARROW") == [slug]
    assert len(names(client, q="blocks")) + len(names(client, q="layers")) >= 3
    page = Document(client.get("/?q=nothing-like-it").text)
    assert "No comparisons match" in page.one("main").text


def test_the_selected_are_plotted(client: TestClient, slug: str) -> None:
    every = names(client)
    context = client.get(f"/index.json?{urlencode([('of', each) for each in every[:2]])}&x=tokens").json()
    assert context["selected"] == every[:2]
    assert len(context["figure"]["table"]["rows"]) == 2
    assert len(client.get("/index.json").json()["figure"]["table"]["rows"]) == 3
    page = Document(client.get(f"/?of={slug}").text)
    ticked = [e.attributes["value"] for e in page.all("input") if "checked" in e.attributes]
    assert ticked == [slug]
    assert not page.all("svg", "chart"), "one comparison makes no plot"


def test_ticking_none_leads_to_the_form(client: TestClient) -> None:
    answer = client.get("/diff?q=&x=l0&y=score&sort=-created")
    assert (answer.status_code, "Choose two comparisons" in answer.text) == (200, True)


@pytest.mark.parametrize("query", ["sort=nothing", "x=label", "y=", "of2=a", "sort=l0&sort=l0"])
def test_what_is_wrong_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/?{query}").status_code == 400


@pytest.mark.parametrize(
    ("hook", "layer"),
    [("model.layers.8", 8), ("blocks.12.hook_resid_post", 12), ("transformer.h.3", 3), ("lm_head", None), (None, None)],
)
def test_layers(hook: str | None, layer: int | None) -> None:
    assert layer_of(hook) == layer


@pytest.mark.parametrize(
    ("multipliers", "expected"), [("[0.25, 0.5, 1.0]", 0.5), ("[1.0]", None), ("0.5", None), ("{", None), ("[0]", None)]
)
def test_multipliers_of_balanced_levels(bundle: ComparisonBundle, multipliers: str, expected: float | None) -> None:
    sae = replace(make_sae_record(widths=(4, 24)), training_architecture="balanced")
    sae = replace(sae, training={"matryoshka_multipliers": multipliers})
    summary = replace(bundle.summary, narrow=replace(bundle.summary.narrow, sae=sae))
    assert multiplier_of(summary) == expected
    plain = replace(sae, training_architecture="matryoshka_batchtopk", training={})
    assert multiplier_of(replace(summary, narrow=replace(summary.narrow, sae=plain))) == 1.0


def test_what_has_no_number_is_not_drawn_and_counted() -> None:
    summaries = [make_bundle().summary, replace(make_bundle(name="other").summary, hook_name="embed", n_scored=0)]
    rows = [ComparisonRow(summary, None, None) for summary in summaries]
    plot = comparisons_plot(rows, "layer", "hedged")
    drawn = [mark for series in plot.chart.series if series.shape == "circle" for mark in series.marks]
    expected = (NUMBERS["layer"].of(rows[0]), NUMBERS["hedged"].of(rows[0]))
    assert [(mark.x0, mark.y0) for mark in drawn] == [expected]
    assert "1 not shown: no value on these axes" in plot.description
    assert comparisons_plot(rows, "layer", "degree").table.rows == ()
