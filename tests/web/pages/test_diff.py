"""Two comparisons, latent by latent: the page, its files, and what is refused."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from starlette.testclient import TestClient

from app.records import ComparisonBundle
from app.settings import Settings
from app.store.session import make_engine, upgrade
from app.store.write import write_comparison
from app.web.http import links
from app.web.main import create_app
from tests.builders import make_bundle
from tests.local_client import local_client
from tests.web.pages.markup import Document

HTML = {"accept": "text/html"}
NAME = 'other <b>"&'


def on_another_text(first: ComparisonBundle) -> ComparisonBundle:
    """The same narrow SAE on another text: half the score, and hedged latents are clean."""
    latents = tuple(
        replace(
            x,
            hedging_score=None if x.hedging_score is None else x.hedging_score / 2,
            diagnosis="clean" if x.diagnosis == "hedged" else x.diagnosis,
        )
        if x.sae == "narrow"
        else x
        for x in first.latents
    )
    summary = replace(
        first.summary,
        slug="other-0123456789ab",
        name=NAME,
        content_hash="0123456789ab" + "0" * 52,
        text_source="another <text>",
        n_tokens=42,
    )
    return replace(first, summary=summary, latents=latents)


def with_other_narrow(first: ComparisonBundle) -> ComparisonBundle:
    """Another narrow SAE with the same reference: the same latents in reverse order."""
    n = first.summary.narrow.sae.d_sae
    latents = tuple(replace(x, index=n - 1 - x.index) if x.sae == "narrow" else x for x in first.latents)
    side = first.summary.narrow
    narrow = replace(side, sae=replace(side.sae, name="reversed", checksum="f" * 64))
    summary = replace(
        first.summary,
        slug="reversed-0123456789ab",
        name="reversed",
        content_hash="ab0123456789" + "0" * 52,
        narrow=narrow,
    )
    return replace(first, summary=summary, latents=latents)


@pytest.fixture(scope="module")
def first() -> ComparisonBundle:
    return make_bundle()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, first: ComparisonBundle) -> Iterator[TestClient]:
    """Pages of three comparisons that have something in common, and of one that has not."""
    folder: Path = tmp_path_factory.mktemp("diff")
    url = f"sqlite:///{folder / 'hedgescope.db'}"
    upgrade(url)
    engine = make_engine(url)
    others = (on_another_text(first), with_other_narrow(first), make_bundle(name="elsewhere"))
    for bundle in (first, *others):
        write_comparison(engine, bundle)
    with local_client(create_app(Settings(data_dir=folder), engine), follow_redirects=False) as client:
        yield client
    engine.dispose()


@pytest.fixture(scope="module")
def path(first: ComparisonBundle) -> str:
    return links.diff(first.summary.slug, "other-0123456789ab")


@pytest.fixture(scope="module")
def page(client: TestClient, path: str) -> Document:
    return Document(client.get(path, headers=HTML).text)


def scores(bundle: ComparisonBundle) -> dict[int, float]:
    found = {x.index: x.hedging_score for x in bundle.latents if x.sae == "narrow"}
    return {index: score for index, score in found.items() if score is not None}


def test_the_largest_changes_come_first_with_links_both_ways(page: Document, first: ComparisonBundle) -> None:
    by_size = sorted(scores(first), key=lambda index: (-scores(first)[index], index))
    rows = [href for href in page.hrefs() if "/narrow/" in href]
    expected = [f"/c/{slug}/narrow/{i}" for i in by_size for slug in (first.summary.slug, "other-0123456789ab")]
    assert rows[: len(expected)] == expected


def test_it_says_what_differs_and_what_does_not(page: Document) -> None:
    differs, same = page.one("table", "sides").text, page.one("dl", "facts").text
    assert "another <text>" in differs
    assert "42" in differs
    assert "Reference SAE" not in differs
    assert "Reference SAE" in same
    assert "Hook" in same


def test_labels_that_were_crossed_are_counted_and_listed(
    client: TestClient, page: Document, first: ComparisonBundle
) -> None:
    hedged = {x.index for x in first.latents if x.sae == "narrow" and x.diagnosis == "hedged"}
    (url,) = {href for href in page.hrefs() if "from=hedged&to=clean" in href}
    listed = client.get(url.partition("#")[0].replace("?", ".json?")).json()
    assert {row["index"] for row in listed["rows"]} == hedged
    assert listed["n_listed"] == len(hedged) > 0
    assert listed["chips"][0]["text"] == "Label in tiny: hedged"


def test_orders(client: TestClient, path: str) -> None:
    falls = client.get(f"{path}.json?order=falls").json()["rows"]
    rises = client.get(f"{path}.json?order=rises").json()["rows"]
    found = [row["difference"] for row in falls if row["difference"] is not None]
    assert found == sorted(found)
    assert [row["difference"] for row in rises if row["difference"] is not None] == sorted(found, reverse=True)
    short = client.get(f"{path}.json?limit=3").json()
    assert len(short["rows"]) == 3
    assert short["more_url"].endswith("limit=1000")


def test_files_have_all_latents(client: TestClient, path: str, first: ComparisonBundle) -> None:
    answer = client.get(f"{path}.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 24
    found = {int(row["index"]): float(row["difference"]) for row in rows if row["difference"]}
    assert found == pytest.approx({index: -score / 2 for index, score in scores(first).items()})
    lines = [orjson.loads(line) for line in client.get(f"{path}.ndjson").content.splitlines()]
    assert [line["index"] for line in lines] == [int(row["index"]) for row in rows]


def test_two_narrow_saes_are_matched_by_their_reference(client: TestClient, first: ComparisonBundle) -> None:
    context = client.get(links.diff(first.summary.slug, "reversed-0123456789ab") + ".json").json()
    matched = {x.index for x in first.latents if x.sae == "narrow" and x.mutual_best}
    assert context["matched_by"] == "reference"
    assert {(row["a"]["index"], row["b"]["index"]) for row in context["rows"]} == {(i, 23 - i) for i in matched}
    assert {row["difference"] for row in context["rows"]} <= {0.0, None}
    assert context["counts"]["n_only_a"] == 24 - len(matched) > 0


def test_what_has_nothing_in_common_is_refused_in_one_line(client: TestClient, first: ComparisonBundle) -> None:
    elsewhere = make_bundle(name="elsewhere").summary.slug
    answer = client.get(links.diff(first.summary.slug, elsewhere), headers=HTML)
    assert answer.status_code == 409
    assert "expected two comparisons of the same narrow SAE or with the same reference" in answer.text


def test_names_lead_to_slugs_and_what_is_wrong_is_said(client: TestClient, first: ComparisonBundle, path: str) -> None:
    answer = client.get("/diff/tiny/reversed.csv?x=1")
    assert answer.headers["location"] == f"/diff/{first.summary.slug}/reversed-0123456789ab.csv?x=1"
    for wrong, status in (("?order=up", 400), ("?limit=0", 400), ("?more=1", 400), ("x", 404), (".csv?limit=1", 400)):
        assert client.get(f"{path}{wrong}", headers=HTML).status_code == status, wrong
    assert client.get("/diff/%00/a").status_code == 404


def test_two_are_chosen_by_a_form(client: TestClient, first: ComparisonBundle) -> None:
    slug = first.summary.slug
    form = Document(client.get(links.diff_new(slug), headers=HTML).text)
    (chosen,) = [e for e in form.all("option") if "selected" in e.attributes]
    assert chosen.attributes["value"] == slug
    for query in (f"a={slug}&b=reversed-0123456789ab", f"of={slug}&of=reversed-0123456789ab"):
        answer = client.get(f"/diff?{query}")
        assert (answer.status_code, answer.headers["location"]) == (307, f"/diff/{slug}/reversed-0123456789ab")
    assert client.get(f"/diff?of={slug}").status_code == 400
    assert links.diff_new(slug) in Document(client.get(f"/c/{slug}").text).hrefs()


def test_names_are_escaped(page: Document, client: TestClient, path: str) -> None:
    assert NAME in page.one("h1").text
    assert "<b>&#34;" not in client.get(path).text


def test_a_page_is_not_sent_twice(client: TestClient, path: str) -> None:
    first = client.get(path)
    assert "immutable" in first.headers["cache-control"]
    assert client.get(path, headers={"if-none-match": first.headers["etag"]}).status_code == 304
