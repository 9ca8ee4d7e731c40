"""Parents and children between levels equal a count of every pair from SAE files and activations alone."""

from __future__ import annotations

from dataclasses import astuple, replace

import pytest

from app.pipeline import level_links
from app.pipeline.run import run
from app.progress import silent
from app.records import LevelLink
from app.scores import level_tree
from app.store.read_levels import count_links, links_between, links_of
from tests.pipeline.dense_comparison import compare
from tests.pipeline.dense_sae import Dense
from tests.pipeline.workplace import Workplace
from tests.pipeline.world import World


def expected_links(sae: Dense) -> list[LevelLink]:
    """From the definition, by child and rank."""
    found = []
    for child in range(len(sae.unit)):
        candidates = []
        for parent in range(len(sae.unit)):
            both = int((sae.fires[:, child] & sae.fires[:, parent]).sum())
            if sae.level(parent) < sae.level(child) and sae.n[child] >= level_tree.LEAST_FIRINGS and both:
                cosine = float(sae.unit[child] @ sae.unit[parent])
                candidates.append((-both / sae.n[child], -cosine, parent, both))
        for rank, (_, cosine, parent, both) in enumerate(sorted(candidates)[: level_tree.MOST_PARENTS]):
            levels = sae.level(child), sae.level(parent)
            counts = both, sae.n[child], sae.n[parent]
            shares = both / sae.n[child], both / sae.n[parent]
            found.append(LevelLink("reference", child, parent, rank, *levels, *counts, *shares, -cosine, 0.0))
    children = {link.parent: [other.child for other in found if other.parent == link.parent] for link in found}
    explained = {
        parent: float((sae.fires[:, parent] & sae.fires[:, own].any(1)).sum()) / sae.n[parent]
        for parent, own in children.items()
    }
    return [replace(link, explained=explained[link.parent]) for link in found]


@pytest.mark.parametrize("is_wide", [False, True], ids=["in memory", "by way of the disk"])
def test_links_of_a_stored_comparison(
    world: World, workplace: Workplace, monkeypatch: pytest.MonkeyPatch, *, is_wide: bool
) -> None:
    """Every pair that fires together is a candidate: random SAEs have hardly any of the usual strength."""
    for name in ("LEAST_SHARE", "LEAST_LIFT"):
        monkeypatch.setattr(level_tree, name, 0.0)
    monkeypatch.setattr(level_tree, "LEAST_SDS", -100.0)
    if is_wide:
        monkeypatch.setattr(level_links, "PAIRS_IN_MEMORY", 0)
    summary = run(workplace.engine, workplace.data_dir, world.request(), silent)
    expected = expected_links(compare(world.narrow, world.reference, world.acts).reference)
    slug, engine = summary.slug, workplace.engine
    counts = count_links(engine, slug, "reference")
    found = [
        link
        for each in counts
        for link in links_between(engine, slug, "reference", (each.parent_level, each.child_level), limit=10_000)
    ]
    assert len(expected) > 30
    assert sum(each.n_links for each in counts) == len(expected)
    by_child = sorted(found, key=lambda link: (link.child, link.rank))
    for link, other in zip(by_child, expected, strict=True):
        assert astuple(link)[:11] == astuple(other)[:11]
        assert link.decoder_cosine == pytest.approx(other.decoder_cosine, abs=1e-6)
        assert link.explained == pytest.approx(other.explained)
    assert count_links(engine, slug, "narrow") == []
    parent = expected[0].parent
    around = links_of(engine, slug, "reference", parent, limit=1000)
    assert {(x.child, x.parent) for x in around} == {
        (x.child, x.parent) for x in expected if parent in (x.child, x.parent)
    }


def test_a_prefix_has_its_levels_in_the_reference(world: World, workplace: Workplace) -> None:
    """The narrow SAE of such a comparison has several levels too: they are counted once."""
    request = world.request(narrow=f"{world.reference}@12")
    summary = run(workplace.engine, workplace.data_dir, request, silent)
    assert len(summary.narrow.levels) > 1
    assert count_links(workplace.engine, summary.slug, "narrow") == []
