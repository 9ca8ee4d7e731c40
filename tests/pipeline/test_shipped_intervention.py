"""The intervention that ships with the program: what it belongs to, and where it is stored."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine

from app.activations.text import read_text
from app.catalogue import SCORING_VERSION
from app.cli.demo import SAES, TOKENS
from app.errors import StoreError
from app.hashing import file_checksum
from app.paths import resource
from app.pipeline.shipped_intervention import (
    FOLDER,
    MANIFEST,
    MANIFEST_FILE,
    RECORD,
    RECORD_FILE,
    manifest_of,
    store_shipped,
)
from app.records import ComparisonBundle, ComparisonSummary, InterventionRecord
from app.store.interventions import interventions_of, latent_releases_of, pair_releases
from app.store.session import make_engine, upgrade
from app.store.write import write_comparison
from tests.builders import make_bundle, make_intervention

SHIPPED = resource(FOLDER)


@pytest.fixture(scope="module")
def bundle() -> ComparisonBundle:
    return make_bundle()


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    url = f"sqlite:///{tmp_path / 'test.db'}"
    upgrade(url)
    return make_engine(url)


@pytest.fixture
def folder(tmp_path: Path, bundle: ComparisonBundle) -> Path:
    """A packed intervention on the made-up comparison."""
    record = make_intervention(bundle.summary)
    packed = gzip.compress(RECORD.dump_json(record))
    (tmp_path / RECORD_FILE).write_bytes(packed)
    manifest = MANIFEST.dump_json(manifest_of(bundle.summary, record, packed))
    (tmp_path / MANIFEST_FILE).write_bytes(manifest)
    return tmp_path


def shipped_record() -> InterventionRecord:
    return RECORD.validate_json(gzip.decompress((SHIPPED / RECORD_FILE).read_bytes()))


def test_it_belongs_to_the_demo() -> None:
    manifest = MANIFEST.validate_json((SHIPPED / MANIFEST_FILE).read_bytes())
    weights = [file_checksum(resource(f"demo/saes/{name}/sae_weights.safetensors")) for name in SAES.values()]
    assert [manifest.narrow, manifest.reference] == weights
    assert manifest.text == read_text(str(resource("demo") / "text.jsonl")).checksum
    assert (manifest.n_tokens, manifest.scoring_version) == (TOKENS, SCORING_VERSION)
    assert manifest.record == file_checksum(SHIPPED / RECORD_FILE)


def test_its_summary_says_what_its_pairs_say() -> None:
    record = shipped_record()
    summary = record.summary
    named = [pair for pair in record.pairs if pair.named]
    assert len(named) == summary.n_named
    assert sum(pair.release_low is not None and pair.release_low > 0 for pair in named) == summary.n_above_zero
    assert {pair.reference_index for pair in record.pairs} <= {candidate.index for candidate in summary.candidates}
    counts = np.bincount([j for run in summary.runs for j in run.added])
    assert {counts[candidate.index] for candidate in summary.candidates} == {summary.settings.n_runs // 2}
    for pair in named:
        assert pair.release == pytest.approx(pair.fall_added - pair.fall_not_added, abs=1e-5)


def test_it_is_stored_once(engine: Engine, folder: Path, bundle: ComparisonBundle) -> None:
    write_comparison(engine, bundle)
    number = store_shipped(engine, bundle.summary, folder)
    assert store_shipped(engine, bundle.summary, folder) == number
    record = make_intervention(bundle.summary)
    assert interventions_of(engine, bundle.summary.slug) == [(number, record.summary)]
    assert len(pair_releases(engine, number)) == len(record.pairs)
    assert latent_releases_of(engine, number) == list(record.latents)


def test_a_comparison_of_the_same_files_under_another_name(
    engine: Engine, folder: Path, bundle: ComparisonBundle
) -> None:
    """As where the program cuts hashes otherwise: what was measured on is the same, and the command names it."""
    summary = replace(bundle.summary, slug="demo-0123456789ab", name="demo", content_hash="0123456789ab" + "0" * 52)
    write_comparison(engine, replace(bundle, summary=summary))
    store_shipped(engine, summary, folder)
    [(_, stored)] = interventions_of(engine, summary.slug)
    assert (stored.comparison, "--comparison demo-0123456789ab " in stored.command) == (summary.slug, True)


Change = Callable[[ComparisonSummary], ComparisonSummary]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: replace(s, narrow=s.reference), "another narrow SAE"),
        (lambda s: replace(s, reference=s.narrow), "another reference SAE"),
        (lambda s: replace(s, text_checksum="0" * 64), "another text"),
        (lambda s: replace(s, n_tokens=20_000), "scored tokens, not 20,000"),
        (lambda s: replace(s, scoring_version="99"), f"scoring version {SCORING_VERSION}, not 99"),
        (lambda s: replace(s, model_name="other"), "another model"),
        (lambda s: replace(s, hook_name="other"), "another hook"),
    ],
)
def test_another_comparison_gets_none(
    change: Change, said: str, engine: Engine, folder: Path, bundle: ComparisonBundle
) -> None:
    write_comparison(engine, bundle)
    with pytest.raises(StoreError, match=said) as refused:
        store_shipped(engine, change(bundle.summary), folder)
    assert "run `hedgescope intervene --comparison tiny-" in str(refused.value)
    assert interventions_of(engine, bundle.summary.slug) == []


@pytest.mark.parametrize("name", [MANIFEST_FILE, RECORD_FILE])
@pytest.mark.parametrize("content", [b"", b"{}", None])
def test_damaged_files(
    name: str, content: bytes | None, engine: Engine, folder: Path, bundle: ComparisonBundle
) -> None:
    write_comparison(engine, bundle)
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(StoreError, match="reinstall the program"):
        store_shipped(engine, bundle.summary, folder)
    assert interventions_of(engine, bundle.summary.slug) == []
