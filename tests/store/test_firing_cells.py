"""How narrow latents fire with their partners: what is stored comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from app.errors import NotFoundError
from app.store.export_rows import export_rows
from app.store.firing_cells import get_cells
from app.store.write import delete_comparison, write_comparison
from tests.builders import make_bundle
from tests.store.counts import row_counts


def test_what_is_stored_comes_back(engine: Engine) -> None:
    bundle = make_bundle()
    write_comparison(engine, bundle)
    slug = bundle.summary.slug
    stored = list(bundle.cells)
    assert [get_cells(engine, slug, each.narrow_index) for each in stored] == stored
    assert list(export_rows(engine, slug, "cells")) == stored
    with pytest.raises(NotFoundError, match="no latent 24 in the narrow SAE"):
        get_cells(engine, slug, 24)
    delete_comparison(engine, slug)
    assert row_counts(engine)["firing_cells"] == 0


def test_an_older_comparison_has_none(engine: Engine) -> None:
    bundle = replace(make_bundle(), cells=())
    write_comparison(engine, bundle)
    assert get_cells(engine, bundle.summary.slug, 0) is None
    assert list(export_rows(engine, bundle.summary.slug, "cells")) == []
