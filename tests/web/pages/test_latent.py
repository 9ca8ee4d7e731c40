"""One latent's page: what it shows of contexts and partners, and where it leads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.catalogue import PARTNER_FIELDS
from app.records import ComparisonBundle, LatentScores
from app.settings import Settings
from app.store.around import before_and_after
from app.store.filters import parse_filters
from app.store.page import LatentQuery, latents_page
from app.store.session import make_engine, upgrade
from app.store.write import write_comparison
from app.web.main import create_app
from app.web.shared import formatting as show
from tests.builders import make_bundle
from tests.local_client import local_client
from tests.web.pages.markup import Document


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, str]]:
    """A comparison made from activations alone: no model, no tokens, no logit weights, no explained variance."""
    whole = make_bundle(name="bare", n_narrow=6, n_reference=12, widths=(4, 12))
    summary = replace(
        whole.summary,
        model_name=None,
        hook_name=None,
        narrow=replace(whole.summary.narrow, explained_variance=None),
        score_quantiles={},
    )
    details = tuple(replace(detail, logit_weights=None) for detail in whole.details)
    latents = tuple(replace(latent, label="") for latent in whole.latents)
    settings = Settings(data_dir=tmp_path_factory.mktemp("bare"))
    upgrade(settings.resolved_database_url)
    engine = make_engine(settings.resolved_database_url)
    write_comparison(engine, replace(whole, summary=summary, details=details, latents=latents, text_rows=()))
    with local_client(create_app(settings, engine)) as client:
        yield client, summary.slug
    engine.dispose()


@pytest.fixture(scope="module")
def absorbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, str]]:
    """A comparison whose narrow latent 1 is absorbed by reference latent 7, and no other one is."""
    whole = make_bundle(name="absorbed", n_narrow=6, n_reference=12, widths=(4, 12))
    latents = tuple(
        replace(latent, absorbed_by=7, reasons={k: v for k, v in latent.reasons.items() if k != "absorbed_by"})
        if (latent.sae, latent.index) == ("narrow", 1)
        else latent
        for latent in whole.latents
    )
    settings = Settings(data_dir=tmp_path_factory.mktemp("absorbed"))
    upgrade(settings.resolved_database_url)
    engine = make_engine(settings.resolved_database_url)
    write_comparison(engine, replace(whole, latents=latents))
    with local_client(create_app(settings, engine)) as client:
        yield client, whole.summary.slug
    engine.dispose()


def test_the_terms_of_the_score_are_shown_and_explained(
    client: TestClient, slug: str, bundle: ComparisonBundle
) -> None:
    index = next(partner.narrow_index for partner in bundle.partners if partner.mixed_mass is not None)
    shown = client.get(f"/c/{slug}/narrow/{index}.json").json()
    text = client.get(f"/c/{slug}/narrow/{index}").text
    masses = [row["partner"]["mixed_mass"] for row in shown["partners"]]
    terms = [mass for mass in masses if mass is not None]
    assert masses[0] is None, "the main partner is no term"
    assert masses[1 : len(terms) + 1] == sorted(terms, reverse=True)
    assert sum(terms) == pytest.approx(shown["latent"]["hedging_score"])
    written = " + ".join(show.number(mass) for mass in terms[:6])
    assert f"Hedging score {show.number(sum(terms))} = {written}" in shown["terms"]
    assert shown["terms"] in text
    page = Document(text)
    assert show.number(shown["latent"]["hedging_chance"]) in page.one("div", "tile", "hedging_chance").text
    explained = [link.attributes.get("title", "") for link in page.all("a", "term")]
    for name in ("mixed_mass", "composition_mass", "residual_mass", "q_value", "p_i_given_j_own_silent"):
        assert any(title.startswith(PARTNER_FIELDS[name].definition) for title in explained)


def test_a_comparison_of_an_older_scoring_version_says_so(tmp_path: Path) -> None:
    whole = make_bundle(name="older", n_narrow=6, n_reference=12, widths=(4, 12))
    settings = Settings(data_dir=tmp_path)
    upgrade(settings.resolved_database_url)
    engine = make_engine(settings.resolved_database_url)
    summary = replace(whole.summary, scoring_version="3", chance_level=None)
    write_comparison(engine, replace(whole, summary=summary))
    with TestClient(create_app(settings, engine)) as client:
        for path in ("", "/latents", "/levels", "/narrow/0", "/reference/0"):
            page = Document(client.get(f"/c/{summary.slug}{path}").text)
            assert any("Scored by version 3" in notice.text for notice in page.all("p", "notice"))
        assert client.get(f"/c/{summary.slug}/narrow/0.json").json()["terms"] is None
    engine.dispose()


def test_what_absorbs_a_latent_is_shown_where_something_does(absorbed: tuple[TestClient, str]) -> None:
    client, slug = absorbed
    page = Document(client.get(f"/c/{slug}/narrow/1").text)
    assert "7" in page.one("div", "tile", "absorbed_by").text
    assert f"/c/{slug}/reference/7" in page.hrefs()
    assert Document(client.get(f"/c/{slug}/narrow/2").text).all("div", "tile", "absorbed_by") == []


def shown_contexts(client: TestClient, path: str) -> list[dict[str, Any]]:
    """All contexts that the twin of a page shows, in order."""
    groups = client.get(path).json()["contexts"]["groups"]
    return [context for group in groups for context in group["contexts"]]


def test_contexts_have_tokens_with_activations_and_marks(client: TestClient, slug: str) -> None:
    first = shown_contexts(client, f"/c/{slug}/narrow/0.json")[0]
    main = client.get(f"/c/{slug}/narrow/0.json").json()["latent"]["main_partner"]
    centre = first["centre"]
    assert (centre["strength"], centre["activation"]) == (10, float(f"{first['activation']:.4g}"))
    assert centre["marks"] == first["marks"]
    page = Document(client.get(f"/c/{slug}/narrow/0").text)
    shown = page.all("span", "tok", "centre")[0]
    assert "a10" in shown.classes
    assert shown.attributes["title"].startswith(f"narrow 0: {first['activation']:.3f}")
    marks = client.get(f"/c/{slug}/narrow/0.json").json()["contexts"]["marks"]
    assert (marks[0]["text"], marks[0]["mark"]) == (str(main), 1)


def test_tokens_read_as_the_text(client: TestClient, slug: str, bundle: ComparisonBundle) -> None:
    rows = {row.row: row.tokens for row in bundle.text_rows}
    stored = next(detail for detail in bundle.details if (detail.sae, detail.index) == ("narrow", 0)).contexts
    options = "length=whole&duplicates=1"
    strongest = shown_contexts(client, f"/c/{slug}/narrow/0.json?{options}")
    shown = [*strongest, *shown_contexts(client, f"/c/{slug}/narrow/0.json?cell=activation&{options}")]
    assert len(shown) == len(stored)
    for context, original in zip(shown, stored, strict=True):
        end = original.start + len(original.activations)
        tokens = [*context["before"], context["centre"], *context["after"]]
        assert [token["text"] for token in tokens] == list(rows[original.row][original.start : end])


def test_spaces_and_line_breaks_are_kept_in_the_page(client: TestClient, slug: str) -> None:
    text = "".join(client.get(f"/c/{slug}/narrow/{index}").text for index in range(4))
    assert '<span class="mark" title="line break">↵</span><span class="nl">\n</span>' in text
    assert "> naïve<" in text


def test_contexts_are_grouped_strongest_first(client: TestClient, slug: str) -> None:
    groups = client.get(f"/c/{slug}/narrow/15.json?cell=activation").json()["contexts"]["groups"]
    assert [group["kind"] for group in groups] == ["q5", "q4", "q3", "q2", "q1"]


def test_a_link_that_hides_the_partner_still_does(client: TestClient, slug: str) -> None:
    page = Document(client.get(f"/c/{slug}/narrow/0?highlight=latent").text)
    assert not [e for e in page.all("span") if {"m1", "m2", "m3"} & set(e.classes)]


def test_partners_of_a_reference_latent_are_narrow_ones(
    client: TestClient, slug: str, bundle: ComparisonBundle
) -> None:
    expected = sorted((p for p in bundle.partners if p.index == 2), key=lambda p: (-p.share, p.narrow_index))
    context = client.get(f"/c/{slug}/reference/2.json").json()
    assert [row["index"] for row in context["partners"]] == [p.narrow_index for p in expected]
    page = Document(client.get(f"/c/{slug}/reference/2").text)
    pairs = [href for href in page.hrefs() if "/pairs/" in href]
    assert pairs == [f"/c/{slug}/pairs/{p.narrow_index}/2" for p in expected]


def test_neighbours_have_their_own_labels(client: TestClient, slug: str, bundle: ComparisonBundle) -> None:
    labels = {(latent.sae, latent.index): latent.label for latent in bundle.latents}
    context = client.get(f"/c/{slug}/narrow/2.json").json()
    for near in (*context["same_sae"], *context["other_sae"]):
        assert near["label"] == labels[near["sae"], near["index"]]
    stored = next(detail for detail in bundle.details if (detail.sae, detail.index) == ("narrow", 2))
    assert [near["index"] for near in context["other_sae"]] == [n.index for n in stored.other_sae]


@pytest.mark.parametrize("index", range(6))
def test_a_comparison_without_model_and_text_has_pages(bare: tuple[TestClient, str], index: int) -> None:
    client, slug = bare
    for side in ("narrow", "reference"):
        page = Document(client.get(f"/c/{slug}/{side}/{index}").text)
        assert "made without a model" in page.one("main").text
    context = client.get(f"/c/{slug}/narrow/{index}.json").json()
    assert not any(c["centre"] for group in context["contexts"]["groups"] for c in group["contexts"])


@pytest.mark.parametrize("path", ["/", "/c/{slug}", "/c/{slug}/levels", "/c/{slug}/latents", "/c/{slug}/pairs/0/0"])
def test_a_comparison_without_model_says_so(bare: tuple[TestClient, str], path: str) -> None:
    client, slug = bare
    answer = client.get(path.format(slug=slug))
    assert answer.status_code == 200
    Document(answer.text)
    assert "None" not in answer.text


ORDERS = ["-hedging_score", "hedging_score", "index", "-index", "level", "diagnosis", "-n_hedged_partners", "-density"]
FILTERS = [(), (("hedging_score__gte", "0.2"),), (("diagnosis__ne", "clean"), ("n_firings__gt", "0"))]


@pytest.mark.parametrize("sort", ORDERS)
@pytest.mark.parametrize("filters", FILTERS)
def test_steps_follow_the_table(
    site: tuple[Settings, Engine], slug: str, sort: str, filters: tuple[tuple[str, str], ...]
) -> None:
    engine = site[1]
    query = LatentQuery("narrow", sort, parse_filters(filters), limit=1000)
    order: list[LatentScores] = latents_page(engine, slug, query).items
    places = [latent.index for latent in order]
    assert len(places) > 3
    for place, latent in enumerate(order):
        before = places[place - 1] if place else None
        after = places[place + 1] if place + 1 < len(places) else None
        assert before_and_after(engine, slug, latent, query) == (before, after), latent.index


def test_steps_are_on_the_page(client: TestClient, slug: str) -> None:
    page = Document(client.get(f"/c/{slug}/narrow/8?sort=-density&diagnosis=hedged").text)
    by_index, by_density = page.all("nav", "steps")
    assert "by index" in by_index.text
    assert "by density, highest first; Diagnosis is hedged" in by_density.text
    assert len(Document(client.get(f"/c/{slug}/narrow/8").text).all("nav", "steps")) == 1


def test_the_first_and_the_last_have_one_step(client: TestClient, slug: str) -> None:
    steps = client.get(f"/c/{slug}/narrow/0.json").json()["steps"][0]
    assert (steps["previous"], steps["next"]) == (None, 1)
    steps = client.get(f"/c/{slug}/reference/59.json").json()["steps"][0]
    assert (steps["previous"], steps["next"]) == (58, None)


def test_roles_are_named_for_people(client: TestClient, slug: str, bundle: ComparisonBundle) -> None:
    unexplained = next(p for p in bundle.partners if p.diagnosis == "unexplained")
    page = Document(client.get(f"/c/{slug}/narrow/{unexplained.narrow_index}").text)
    badges = [badge.text for badge in page.all("span", "badge")]
    assert "direction only" in badges
    assert "unexplained" not in badges
    reference = Document(client.get(f"/c/{slug}/reference/{unexplained.index}").text)
    assert "Most mixed into" in reference.one("dl", "tiles").text
    assert "Main partner" not in reference.one("dl", "tiles").text


def test_a_level_is_shown_where_there_are_several(client: TestClient, slug: str) -> None:
    heads = {
        side: [e.text for e in Document(client.get(f"/c/{slug}/{side}/0").text).all("dt")]
        for side in ("narrow", "reference")
    }
    levels = {side: client.get(f"/c/{slug}.json").json()["summary"][side]["levels"] for side in heads}
    for side, shown in heads.items():
        assert ("Level" in shown) == (len(levels[side]) > 1), side


def test_the_comparison_is_one_click_away(client: TestClient, slug: str) -> None:
    for path in ("narrow/0", "reference/0", "pairs/0/0"):
        page = Document(client.get(f"/c/{slug}/{path}").text)
        assert "Try your text" in page.one("nav", "tabs").text


def test_the_plot_of_terms_has_the_masses(client: TestClient, slug: str) -> None:
    for index in range(24):
        page = client.get(f"/c/{slug}/narrow/{index}.json").json()
        masses = [row["index"] for row in page["partners"] if row["partner"]["mixed_mass"] is not None]
        plot = page["pictures"]["terms"]
        drawn = [] if plot is None else [int(tick["text"].split()[0]) for tick in plot["chart"]["y"]["ticks"]]
        if masses:
            assert drawn[::-1] == masses[:12], index
