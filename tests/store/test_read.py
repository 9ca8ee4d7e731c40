"""What was written is read back exactly, and what is not there is named helpfully."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from app.errors import NotFoundError, QueryError
from app.records import ComparisonBundle, ComparisonSummary, Side
from app.store import read
from app.store.write import register_sae, write_comparison
from tests.builders import CREATED_AT, make_bundle, make_sae_record

HUGE = 10**30


def test_every_latent_and_its_detail_come_back_exactly(readable: Engine, bundle: ComparisonBundle) -> None:
    slug = bundle.summary.slug
    latents, details = list(bundle.latents), list(bundle.details)

    assert [read.get_latent(readable, slug, x.sae, x.index) for x in latents] == latents
    assert [read.get_detail(readable, slug, x.sae, x.index) for x in details] == details


def test_values_come_back_with_their_types(readable: Engine, bundle: ComparisonBundle) -> None:
    stored = read.get_latent(readable, bundle.summary.slug, "narrow", 0)

    assert type(stored.mutual_best) is bool
    assert type(stored.n_firings) is int
    assert type(stored.hedging_score) is float
    dead = read.get_latent(readable, bundle.summary.slug, "narrow", 5)
    assert dead.hedging_score is None
    assert dead.reasons["hedging_score"]


def test_every_partner_and_pair_comes_back_exactly(readable: Engine, bundle: ComparisonBundle) -> None:
    slug = bundle.summary.slug

    for partner in bundle.partners:
        assert read.get_partner(readable, slug, partner.narrow_index, partner.index) == partner
    for pair in bundle.pairs:
        assert read.get_pair_detail(readable, slug, pair.narrow_index, pair.reference_index) == pair
    for profile in bundle.profiles:
        assert read.get_profile(readable, slug, profile.narrow_index) == profile


def test_partners_are_listed_from_both_sides(readable: Engine, bundle: ComparisonBundle) -> None:
    slug = bundle.summary.slug

    for i in range(24):
        expected = sorted((p for p in bundle.partners if p.narrow_index == i), key=lambda p: p.rank)
        assert read.partners_of_narrow(readable, slug, i) == expected
    for j in range(60):
        expected = sorted(
            (p for p in bundle.partners if p.index == j), key=lambda p: (-(p.mixed_mass or 0), -p.share, p.narrow_index)
        )
        assert read.partners_of_reference(readable, slug, j) == expected


def test_text_rows_come_back_exactly(readable: Engine, bundle: ComparisonBundle) -> None:
    found = read.text_rows(readable, bundle.summary.slug, [*range(30), 3, 99, -1, HUGE])

    assert found == {row.row: row for row in bundle.text_rows}
    assert read.text_rows(readable, bundle.summary.slug, []) == {}


def test_many_text_rows_in_one_call(readable: Engine, bundle: ComparisonBundle) -> None:
    assert len(read.text_rows(readable, bundle.summary.slug, range(100_000))) == 30


def test_summary_comes_back_exactly(stored: tuple[Engine, ComparisonSummary]) -> None:
    engine, summary = stored

    assert read.get_comparison(engine, summary.slug) == summary
    assert read.list_comparisons(engine) == [summary]


def test_comparisons_are_listed_newest_first(engine: Engine) -> None:
    for days, name in enumerate(("oldest", "middle", "newest")):
        bundle = make_bundle(name=name, n_rows=1)
        created = CREATED_AT + timedelta(days=days)
        write_comparison(engine, replace(bundle, summary=replace(bundle.summary, created_at=created)))

    assert [summary.name for summary in read.list_comparisons(engine)] == ["newest", "middle", "oldest"]


def test_a_name_stands_for_a_slug_only_while_unique(engine: Engine) -> None:
    first, second = make_bundle(seed=1, n_rows=1), make_bundle(seed=2, n_rows=1)
    write_comparison(engine, first)
    assert read.resolve_slug(engine, "tiny") == first.summary.slug
    assert read.resolve_slug(engine, first.summary.slug) == first.summary.slug

    write_comparison(engine, second)
    with pytest.raises(QueryError, match="2 comparisons are named 'tiny'") as caught:
        read.resolve_slug(engine, "tiny")
    assert set(caught.value.valid) == {first.summary.slug, second.summary.slug}
    assert read.resolve_slug(engine, second.summary.slug) == second.summary.slug
    with pytest.raises(NotFoundError, match=r"no comparison 'tin'; the stored ones are tiny-"):
        read.resolve_slug(engine, "tin")


def test_columns_are_whole_and_in_order(readable: Engine, bundle: ComparisonBundle) -> None:
    names = ("hedging_score", "index", "diagnosis", "mutual_best", "sae", "label", "index")
    for side in ("narrow", "reference"):
        expected = [latent for latent in bundle.latents if latent.sae == side]
        found = read.columns(readable, bundle.summary.slug, side, names)
        assert found == {name: [getattr(latent, name) for latent in expected] for name in names}


def test_unknown_column_and_side_are_refused(readable: Engine, bundle: ComparisonBundle) -> None:
    with pytest.raises(QueryError, match="no field 'payload'") as caught:
        read.columns(readable, bundle.summary.slug, "narrow", ["index", "payload"])
    assert caught.value.parameter == "columns"
    assert "max_jaccard" in caught.value.valid
    wrong: Side = "both"  # type: ignore[assignment]
    with pytest.raises(QueryError, match="expected narrow or reference"):
        read.columns(readable, bundle.summary.slug, wrong, ["index"])
    with pytest.raises(QueryError, match="expected narrow or reference"):
        read.get_latent(readable, bundle.summary.slug, wrong, 0)


@pytest.mark.parametrize("index", [24, -1, HUGE])
def test_index_out_of_range_says_the_range(readable: Engine, bundle: ComparisonBundle, index: int) -> None:
    slug = bundle.summary.slug
    message = rf"no latent {index} in the narrow SAE of '{slug}'; valid: 0 to 23"
    with pytest.raises(NotFoundError, match=message):
        read.get_latent(readable, slug, "narrow", index)
    with pytest.raises(NotFoundError, match=message):
        read.get_detail(readable, slug, "narrow", index)
    with pytest.raises(NotFoundError, match=message):
        read.partners_of_narrow(readable, slug, index)
    with pytest.raises(NotFoundError, match=message):
        read.get_profile(readable, slug, index)
    with pytest.raises(NotFoundError, match="valid: 0 to 59"):
        read.partners_of_reference(readable, slug, 60)


def test_no_partner_and_no_pair_are_none(readable: Engine, bundle: ComparisonBundle) -> None:
    slug = bundle.summary.slug

    assert read.partners_of_narrow(readable, slug, 5) == []
    assert read.get_partner(readable, slug, 5, 0) is None
    assert read.get_pair_detail(readable, slug, 5, HUGE) is None


def test_unknown_comparison_is_named_everywhere(readable: Engine) -> None:
    calls = (
        lambda: read.get_comparison(readable, "nope"),
        lambda: read.resolve_slug(readable, "nope"),
        lambda: read.get_latent(readable, "nope", "narrow", 0),
        lambda: read.get_detail(readable, "nope", "reference", 0),
        lambda: read.partners_of_narrow(readable, "nope", 0),
        lambda: read.partners_of_reference(readable, "nope", 0),
        lambda: read.get_partner(readable, "nope", 0, 0),
        lambda: read.get_pair_detail(readable, "nope", 0, 0),
        lambda: read.get_profile(readable, "nope", 0),
        lambda: read.text_rows(readable, "nope", [0]),
        lambda: read.columns(readable, "nope", "narrow", ["index"]),
        lambda: read.latents_page(readable, "nope", read.LatentQuery("narrow")),
        lambda: read.iter_latents(readable, "nope", read.LatentQuery("narrow")),
    )
    for call in calls:
        with pytest.raises(NotFoundError, match=r"no comparison 'nope'; the stored ones are .*tiny-"):
            call()


def test_empty_database_says_what_to_do(engine: Engine) -> None:
    assert read.list_comparisons(engine) == []
    assert read.list_saes(engine) == []
    with pytest.raises(NotFoundError, match="none is stored yet; run `hedgescope demo` or `hedgescope compare`"):
        read.get_comparison(engine, "demo")
    with pytest.raises(NotFoundError, match="none is registered yet; register one with `hedgescope sae add`"):
        read.get_sae(engine, "demo-narrow")


def test_saes_come_back_exactly_and_by_name(engine: Engine) -> None:
    wide = make_sae_record("b-wide", d_sae=60, widths=(12, 60))
    plain = make_sae_record("a-plain")
    register_sae(engine, wide)
    register_sae(engine, plain)

    assert read.list_saes(engine) == [plain, wide]
    assert read.get_sae(engine, "b-wide") == wide
    with pytest.raises(NotFoundError, match="the registered ones are a-plain, b-wide"):
        read.get_sae(engine, "c")
