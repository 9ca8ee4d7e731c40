"""Any pair has a page: partners, other pairs, and pairs that the comparison keeps nothing of."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from app.records import ComparisonBundle
from tests.web.pages.markup import Document


def test_a_partner_has_all_evidence(client: TestClient, slug: str, bundle: ComparisonBundle) -> None:
    partner = next(p for p in bundle.partners if p.n_both > 2)
    path = f"/c/{slug}/pairs/{partner.narrow_index}/{partner.index}"
    context = client.get(f"{path}.json").json()
    assert context["overlap"]["jaccard"] == partner.jaccard
    assert context["decoder_cosine"] == partner.decoder_cosine
    assert sum(context["firing"].values()) == bundle.summary.n_tokens
    assert context["firing"]["both"] == partner.n_both
    assert context["note"] is None
    page = Document(client.get(path).text)
    assert page.by_id("joint-histogram")
    assert len(page.all("li", "context")) == len(context["contexts"]) > 0
    assert [e.text for e in page.all("span", "badge")] == [partner.diagnosis]


def test_the_firing_table_adds_up(client: TestClient, slug: str, bundle: ComparisonBundle) -> None:
    firings = {(v.sae, v.index): v.n_firings for v in bundle.latents}
    for i, j in ((0, 0), (0, 9), (2, 30), (5, 7)):
        cells = client.get(f"/c/{slug}/pairs/{i}/{j}.json").json()["firing"]
        if cells is None:
            continue
        assert cells["both"] + cells["narrow_only"] == firings["narrow", i]
        assert cells["both"] + cells["reference_only"] == firings["reference", j]
        assert min(cells.values()) >= 0


def test_a_pair_outside_the_decomposition_comes_from_the_profile(
    client: TestClient, slug: str, bundle: ComparisonBundle
) -> None:
    profile = next(p for p in bundle.profiles if p.complete)
    i = profile.narrow_index
    partners = {p.index for p in bundle.partners if p.narrow_index == i}
    place = next(k for k, j in enumerate(profile.indices) if j not in partners and profile.n_both[k] > 0)
    j = profile.indices[place]
    context = client.get(f"/c/{slug}/pairs/{i}/{j}.json").json()
    assert context["partner"] is None
    assert context["firing"]["both"] == profile.n_both[place]
    assert context["decoder_cosine"] == pytest.approx(profile.decoder_cosine[place])
    assert 0 < context["overlap"]["jaccard_low"] < context["overlap"]["jaccard"] < context["overlap"]["jaccard_high"]
    page = Document(client.get(f"/c/{slug}/pairs/{i}/{j}").text)
    assert "kept for partners only" in page.one("main").text


def test_a_pair_that_is_not_kept_says_so(client: TestClient, slug: str, bundle: ComparisonBundle) -> None:
    profile = next(p for p in bundle.profiles if not p.complete)
    i = profile.narrow_index
    j = next(j for j in range(60) if j not in profile.indices)
    context = client.get(f"/c/{slug}/pairs/{i}/{j}.json").json()
    assert (context["firing"], context["overlap"], context["decoder_cosine"]) == (None, None, None)
    page = Document(client.get(f"/c/{slug}/pairs/{i}/{j}").text)
    assert f"reference latent {j} is not one of them" in page.one("p", "notice").text


def test_dead_latents_have_a_pair_page(client: TestClient, slug: str) -> None:
    for path in ("pairs/5/7", "pairs/16/7"):
        page = Document(client.get(f"/c/{slug}/{path}").text)
        reasons = {e.attributes.get("title") for e in page.all("span", "none")}
        assert "one of the two latents never fired" in reasons or page.all("p", "notice"), path
