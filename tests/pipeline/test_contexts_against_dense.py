"""Histograms and contexts equal the dense computation."""

from __future__ import annotations

import pytest

from app.records import Context
from app.store import read
from tests.pipeline.dense_cases import Case, rich_only
from tests.pipeline.dense_sae import EDGES, Dense, Spot

pytestmark = pytest.mark.slow


def test_histograms(case: Case) -> None:
    for side, dense in (("narrow", case.dense.narrow), ("reference", case.dense.reference)):
        for i, n in enumerate(dense.n):
            found = read.get_detail(case.engine, case.summary.slug, side, i).histogram  # type: ignore[arg-type]
            counts = dense.histogram(i)
            filled = [k for k, count in enumerate(counts) if count]
            if not n:
                assert (found.edges, found.counts) == ((), ())
                continue
            assert list(found.counts) == counts[filled[0] : filled[-1] + 1]
            assert found.edges == pytest.approx(EDGES[filled[0] : filled[-1] + 2])


def test_contexts(case: Case) -> None:
    dense = case.dense
    main = [each[0].index if each else None for each in dense.partners]
    back = [dense.main_partner_of_reference(j) for j in range(len(dense.reference.n))]
    for side, own, other, partners in (
        ("narrow", dense.narrow, dense.reference, main),
        ("reference", dense.reference, dense.narrow, back),
    ):
        for i in range(len(own.n)):
            stored = read.get_detail(case.engine, case.summary.slug, side, i).contexts  # type: ignore[arg-type]
            top, banded = own.top(i), own.of_bands(i)
            assert [context.kind for context in stored] == ["top"] * len(top) + [f"q{number}" for number, _ in banded]
            for context, spot in zip(stored, [*top, *(spot for _, spot in banded)], strict=True):
                check_context(context, spot, own, other, i, partners[i])


def check_context(context: Context, spot: Spot, own: Dense, other: Dense, latent: int, partner: int | None) -> None:
    row, position, activation = spot
    start, stop = own.window(position, row)
    assert (context.row, context.position, context.start) == (row, position, start)
    assert context.activation == pytest.approx(activation, rel=1e-6)
    assert context.activations == pytest.approx(own.stretch(latent, row, start, stop), rel=1e-3)
    if partner is None:
        assert context.partner_activations is None
    else:
        assert context.partner_activations == pytest.approx(other.stretch(partner, row, start, stop), rel=1e-3)


@rich_only
def test_there_are_contexts_of_every_strength(case: Case) -> None:
    kinds = {
        context.kind
        for i in range(case.summary.narrow.sae.d_sae)
        for context in read.get_detail(case.engine, case.summary.slug, "narrow", i).contexts
    }
    assert kinds == {"top", "q1", "q2", "q3", "q4", "q5"}
