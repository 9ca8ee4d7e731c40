"""Values that no database keeps as they are: they are refused, with the field that holds them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine

from app.errors import StoreError
from app.store import read
from app.store.write import write_comparison
from tests.builders import make_bundle
from tests.store.counts import row_counts


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), np.float64(0.5), np.float32(0.5)])
def test_no_number_but_a_finite_plain_one_is_stored(engine: Engine, value: float) -> None:
    bundle = make_bundle()
    latents, partners, details = list(bundle.latents), list(bundle.partners), list(bundle.details)
    context = replace(details[0].contexts[1], activations=(0.0, value))
    contexts = (details[0].contexts[0], context)
    wrong = {
        r"LatentScores\(sae='narrow', index=0\): field c_dec holds": replace(
            bundle, latents=[replace(latents[0], c_dec=value), *latents[1:]]
        ),
        r"Partner\(index=0, narrow_index=0\): field phi holds": replace(
            bundle, partners=[replace(partners[0], index=0, phi=value)]
        ),
        r"LatentDetail\(.*\): field contexts\.1\.activations\.1 holds": replace(
            bundle, details=[replace(details[0], contexts=contexts)]
        ),
        r"ComparisonSummary\(.*\): field null\.sd holds": replace(
            bundle, summary=replace(bundle.summary, null=replace(bundle.summary.null, sd=value))
        ),
        r"ComparisonSummary\(.*\): field score_quantiles\.0\.5 holds": replace(
            bundle, summary=replace(bundle.summary, score_quantiles={"0.5": value})
        ),
    }
    for message, faulty in wrong.items():
        with pytest.raises(StoreError, match=message):
            write_comparison(engine, faulty)
    assert not any(row_counts(engine).values())


def test_integers_of_numpy_are_refused_too(engine: Engine) -> None:
    bundle = make_bundle()
    count: Any = np.int64(3)
    first = replace(next(iter(bundle.latents)), n_firings=count)
    with pytest.raises(StoreError, match=r"field n_firings holds a numpy\.int64; expected"):
        write_comparison(engine, replace(bundle, latents=[first]))


def test_something_given_twice_is_refused(engine: Engine) -> None:
    bundle = make_bundle()
    with pytest.raises(StoreError, match="a value is duplicated or missing"):
        write_comparison(engine, replace(bundle, latents=[*bundle.latents, *bundle.latents]))
    assert not any(row_counts(engine).values())


def test_text_that_is_no_text_is_refused_and_labels_are_mended(engine: Engine) -> None:
    bundle = make_bundle()
    row = next(iter(bundle.text_rows))
    with pytest.raises(StoreError, match="TextRow can't be stored as JSON"):
        write_comparison(engine, replace(bundle, text_rows=[replace(row, tokens=("a", "\ud800"))]))

    latent = replace(next(iter(bundle.latents)), label="a\x00b\ud800")
    write_comparison(engine, replace(bundle, latents=[latent]))
    assert read.get_latent(engine, bundle.summary.slug, "narrow", 0).label == "a␀b?"


def test_a_time_without_zone_is_refused(engine: Engine) -> None:
    bundle = make_bundle()
    naive = replace(bundle.summary, created_at=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(StoreError, match="has no time zone"):
        write_comparison(engine, replace(bundle, summary=naive))
