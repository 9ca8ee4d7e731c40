"""What the API answers is what was stored."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient

from app.records import ComparisonBundle, Side
from tests.builders import make_intervention, make_sae_record


def as_json(record: Any) -> Any:
    return orjson.loads(orjson.dumps(record))


def fetch(client: TestClient, path: str) -> Any:
    response = client.get(f"/api/v1{path}")
    assert response.status_code == 200, response.text
    return response.json()


@pytest.fixture(scope="module")
def base(slug: str) -> str:
    return f"/comparisons/{slug}"


def tokens_of(bundle: ComparisonBundle, row: int, start: int, length: int) -> list[str]:
    rows = {text_row.row: text_row.tokens for text_row in bundle.text_rows}
    return list(rows[row][start : start + length])


def test_saes_by_name(client: TestClient) -> None:
    listed = fetch(client, "/saes")
    assert [sae["name"] for sae in listed["items"]] == ["plain", "release/with slashes:é"]
    assert (listed["next"], listed["total"]) == (None, 2)
    assert fetch(client, "/saes/plain") == as_json(make_sae_record("plain"))
    assert fetch(client, "/saes/release%2Fwith%20slashes%3A%C3%A9") == listed["items"][1]


def test_comparisons_newest_first(client: TestClient, bundle: ComparisonBundle, base: str) -> None:
    listed = fetch(client, "/comparisons")
    moments = [comparison["created_at"] for comparison in listed["items"]]
    assert moments == sorted(moments, reverse=True)
    assert listed["total"] == len(listed["items"]) == 3
    assert fetch(client, base) == as_json(bundle.summary)
    assert as_json(bundle.summary) in listed["items"]


def test_levels(client: TestClient, bundle: ComparisonBundle, base: str) -> None:
    levels = fetch(client, f"{base}/levels")
    assert levels["narrow"] == as_json(bundle.summary.narrow.levels)
    assert [level["width"] for level in levels["reference"]] == [12, 60]


@pytest.mark.parametrize("side", ["narrow", "reference"])
def test_every_latent(client: TestClient, bundle: ComparisonBundle, base: str, side: Side) -> None:
    details = {detail.index: detail for detail in bundle.details if detail.sae == side}
    for latent in (latent for latent in bundle.latents if latent.sae == side):
        found = fetch(client, f"{base}/{side}/{latent.index}")
        detail = details[latent.index]
        assert as_json(latent).items() <= found.items()
        assert found["histogram"] == as_json(detail.histogram)
        assert found["neighbours"] == {"same_sae": as_json(detail.same_sae), "other_sae": as_json(detail.other_sae)}
        assert found["logit_weights"] == as_json(detail.logit_weights)
        for shown, context in zip(found["contexts"], detail.contexts, strict=True):
            tokens = tokens_of(bundle, context.row, context.start, len(context.activations))
            assert shown == {**as_json(context), "tokens": tokens}


def test_partners_both_ways(client: TestClient, bundle: ComparisonBundle, base: str) -> None:
    for i in range(24):
        of_narrow = sorted((p for p in bundle.partners if p.narrow_index == i), key=lambda p: p.rank)
        assert fetch(client, f"{base}/narrow/{i}")["partners"] == as_json(of_narrow)
    for j in range(60):
        of_reference = sorted(
            (p for p in bundle.partners if p.index == j), key=lambda p: (-(p.mixed_mass or 0), -p.share, p.narrow_index)
        )
        assert fetch(client, f"{base}/reference/{j}")["partners"] == as_json(of_reference)


def test_a_pair_of_partners(client: TestClient, bundle: ComparisonBundle, base: str) -> None:
    for detail in list(bundle.pairs)[:10]:
        i, j = detail.narrow_index, detail.reference_index
        pair = fetch(client, f"{base}/pairs/{i}/{j}")
        partner = next(p for p in bundle.partners if (p.narrow_index, p.index) == (i, j))
        assert pair["partner"] == as_json(partner)
        assert pair["firing"]["both"] == partner.n_both
        assert sum(pair["firing"].values()) == bundle.summary.n_tokens
        assert pair["overlap"].items() <= as_json(partner).items()
        assert pair["joint_histogram"]["counts"] == as_json(detail.joint_counts)
        assert [context["position"] for context in pair["contexts"]] == [c.position for c in detail.contexts]
        for shown in pair["contexts"]:
            length = len(shown["narrow_activations"])
            assert shown["tokens"] == tokens_of(bundle, shown["row"], shown["start"], length)
        assert pair["reasons"] == {}


def test_any_other_pair_has_what_the_profile_keeps(client: TestClient, bundle: ComparisonBundle, base: str) -> None:
    partners = {(p.narrow_index, p.index) for p in bundle.partners}
    firings = {(latent.sae, latent.index): latent.n_firings for latent in bundle.latents}
    profile = next(p for p in bundle.profiles if p.narrow_index == 2)
    assert profile.complete
    others = [j for j in range(60) if (2, j) not in partners]
    assert others
    for j in others:
        pair = fetch(client, f"{base}/pairs/2/{j}")
        assert pair["decoder_cosine"] == pytest.approx(profile.decoder_cosine[j])
        both = profile.n_both[j]
        assert pair["firing"]["both"] == both
        assert pair["firing"]["narrow_only"] == firings["narrow", 2] - both
        assert pair["firing"]["reference_only"] == firings["reference", j] - both
        assert pair["partner"] is None
        assert set(pair["reasons"]) == {name for name, value in pair.items() if value is None}


def test_a_pair_that_is_not_kept_says_so(client: TestClient, bundle: ComparisonBundle, base: str) -> None:
    profile = next(p for p in bundle.profiles if p.narrow_index == 1)
    left_out = next(j for j in range(60) if j not in profile.indices)
    pair = fetch(client, f"{base}/pairs/1/{left_out}")
    assert (pair["decoder_cosine"], pair["firing"], pair["overlap"]) == (None, None, None)
    assert all(pair["reasons"].values())
    assert set(pair["reasons"]) == {"decoder_cosine", "firing", "overlap", "partner", "joint_histogram"}


def test_what_is_undefined_is_null_with_a_reason(client: TestClient, bundle: ComparisonBundle, base: str) -> None:
    dead = next(latent for latent in bundle.latents if latent.sae == "narrow" and latent.diagnosis == "dead")
    found = fetch(client, f"{base}/narrow/{dead.index}")
    undefined = {name for name in as_json(dead) if found[name] is None}
    assert {"hedging_score", "max_activation", "main_partner"} <= undefined
    assert undefined == set(found["reasons"])
    assert found["partners"] == []


def test_a_name_leads_to_the_whole_slug(client: TestClient, slug: str) -> None:
    for rest in ("", "/levels", "/latents?sort=density&level__in=0,1&q=%26%23%C3%A9", "/narrow/3", "/pairs/1/2"):
        response = client.get(f"/api/v1/comparisons/tiny{rest}")
        assert response.status_code == 307
        location = response.headers["location"]
        assert location.startswith(f"/api/v1/comparisons/{slug}")
        asked = client.build_request("GET", f"/api/v1/comparisons/{slug}{rest}").url
        led = client.build_request("GET", location).url
        assert (led.path, led.params.multi_items()) == (asked.path, asked.params.multi_items())
        assert client.get(location).status_code == 200


def test_interventions(client: TestClient, bundle: ComparisonBundle, base: str) -> None:
    stored = make_intervention(bundle.summary)
    listed = fetch(client, f"{base}/interventions")
    assert listed["items"] == [{"id": 1, "summary": as_json(stored.summary)}]
    assert (listed["next"], listed["total"]) == (None, 1)
    found = fetch(client, "/interventions/1")
    assert found["summary"] == as_json(stored.summary)
    assert found["latents"] == as_json(stored.latents)
    by_pair = {(pair["narrow_index"], pair["reference_index"]): pair for pair in found["pairs"]}
    assert by_pair == {(pair.narrow_index, pair.reference_index): as_json(pair) for pair in stored.pairs}
    assert [pair["release"] for pair in found["pairs"]] == sorted((pair.release for pair in stored.pairs), reverse=True)


def test_an_intervention_s_pairs_of_one_latent(client: TestClient) -> None:
    found = fetch(client, "/interventions/1?narrow=2")
    assert {pair["narrow_index"] for pair in found["pairs"]} == {2}
    assert [latent["index"] for latent in found["latents"]] == [2]
    found = fetch(client, "/interventions/1?narrow=2&reference=3")
    assert [(pair["narrow_index"], pair["reference_index"]) for pair in found["pairs"]] == [(2, 3)]
    assert client.get("/api/v1/interventions/99").status_code == 404
    assert client.get("/api/v1/interventions/x").status_code == 422
    assert client.get("/api/v1/interventions/1?latent=2").status_code == 400
