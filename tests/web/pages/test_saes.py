"""The page of one SAE: its facts, and the comparisons in which it takes part."""

from __future__ import annotations

from starlette.testclient import TestClient

from app.records import ComparisonBundle
from app.web.http import links
from tests.web.pages.markup import Document


def test_an_sae_of_a_comparison_has_a_page_without_being_registered(
    client: TestClient, slug: str, bundle: ComparisonBundle
) -> None:
    for side, sae in (("narrow", bundle.summary.narrow.sae), ("reference", bundle.summary.reference.sae)):
        overview = Document(client.get(f"/c/{slug}").text)
        assert links.saes(sae.name) in overview.hrefs()
        page = Document(client.get(links.saes(sae.name)).text)
        assert page.one("h1").text == sae.name
        assert "Not registered here" in page.one("main").text
        assert links.comparison(slug) in page.hrefs()
        assert side in page.one("table", "list").text


def test_a_prefix_leads_to_its_whole_sae() -> None:
    assert links.saes("wide@512") == links.saes("wide") == "/saes/of/wide"


def test_a_registered_sae_has_a_page_whatever_its_name(client: TestClient) -> None:
    name = "release/with slashes:é"
    page = Document(client.get(links.saes(name)).text)
    assert page.one("h1").text == name
    assert "Not registered here" not in page.one("main").text
    assert client.get(f"{links.saes(name)}.json").json()["sae"]["name"] == name


def test_an_unknown_sae_is_not_found(client: TestClient) -> None:
    answer = client.get("/saes/of/nobody")
    assert answer.status_code == 404
    assert "no SAE 'nobody'" in answer.json()["detail"]


def test_a_report_card_has_what_was_measured(client: TestClient, bundle: ComparisonBundle) -> None:
    narrow, reference = bundle.summary.narrow, bundle.summary.reference
    page = Document(client.get(links.saes(narrow.sae.name)).text)
    assert [e.text for e in page.all("h3")][:1] == ["Distribution of hedging scores"]
    assert page.by_id("c-dec").tag == "div"
    text = page.one("main").text
    assert f"{narrow.n_dead} of {narrow.sae.d_sae} on {bundle.summary.n_tokens}" in text
    assert "let go when their partner got a latent of its own" in text
    assert links.intervention(bundle.summary.slug) in page.hrefs()
    whole = Document(client.get(links.saes(reference.sae.name)).text)
    levels = [href for href in whole.hrefs() if "sae=reference&level=" in href]
    assert len(levels) == len(reference.levels)


def test_c_dec_is_counted_over_all_latents(client: TestClient, bundle: ComparisonBundle) -> None:
    context = client.get(f"{links.saes(bundle.summary.narrow.sae.name)}.json").json()
    (plot,) = [plot for plot in context["plots"] if plot["name"] == "c-dec"]
    values = [x.c_dec for x in bundle.latents if x.sae == "narrow" and x.c_dec is not None]
    assert sum(int(n.replace(",", "")) for _, n in plot["table"]["rows"]) == len(values)


def test_training_facts_are_shown(client: TestClient) -> None:
    page = Document(client.get(links.saes("plain")).text)
    assert "Training" in [e.text for e in page.all("h2")]
    terms = dict(zip([e.text for e in page.all("dt")], [e.text for e in page.all("dd")], strict=True))
    assert terms["k"] == "4"
