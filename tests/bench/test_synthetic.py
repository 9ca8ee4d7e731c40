"""SAEs, rows and active latents that are made at random."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from app.sparse.encode import encode
from bench.growth import encoder, exponent
from bench.large import Synthetic, run_stage, stage_cells
from bench.memory_plot import plot
from bench.synthetic import ROW, Size, draw, synthetic_sae, token_rows, unit_rows

SIZE = Size(n_tokens=1000, narrow=48, reference=96, d_in=24, l0=4)


def test_rows_hold_the_tokens_that_are_scored() -> None:
    rows = token_rows(300)
    assert rows.ids.shape == (3, ROW)
    assert rows.n_kept == 300


def test_decoder_rows_are_unit_rows_and_the_same_each_time() -> None:
    rows = unit_rows(5, 8, seed=1)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(5), abs=1e-6)
    assert (rows == synthetic_sae("one", 5, 8, seed=1).unit_decoder).all()


def test_a_latent_is_active_once_a_token_at_most() -> None:
    acts = draw(np.random.default_rng(0), token_rows(200), 0, 50, 6)
    for start, stop in zip(acts.indptr, acts.indptr[1:], strict=False):
        latents = acts.latent[start:stop].tolist()
        assert latents == sorted(set(latents))
        assert 1 <= len(latents) <= 6


def test_the_encoder_of_the_growth_benchmark_has_the_wanted_l0() -> None:
    sae = encoder(Size(n_tokens=0, narrow=0, reference=512, d_in=64, l0=16))
    acts = torch.randn(2048, 64, generator=torch.Generator().manual_seed(0))
    assert encode(sae, acts).counts.mean() == pytest.approx(16, rel=0.1)


def test_an_exponent_is_the_power() -> None:
    assert exponent([1, 2, 4], [3, 12, 48]) == pytest.approx(2)


def test_the_stages_of_a_synthetic_comparison_run(tmp_path: Path) -> None:
    synthetic = Synthetic(SIZE, tmp_path)
    assert synthetic.shards_written()["bytes"] > 0
    assert synthetic.co_firing()["pairs_kept"] > 0
    assert synthetic.contexts()["contexts"] > 0
    found = run_stage(SIZE, tmp_path, "geometry")
    assert set(found) >= {"seconds", "peak_gib", "start_gib", "mutual_best"}
    assert stage_cells(found)[2].endswith("GFlop/s")
    assert stage_cells({"failed": "exit code -9"}) == ("exit code -9", "", "")


def test_a_whole_synthetic_comparison_is_stored(tmp_path: Path) -> None:
    synthetic = Synthetic(SIZE, tmp_path)
    synthetic.shards_written()
    found = synthetic.comparison()
    assert found["database_bytes"] > 0
    assert "storing" in found["stages"]


def test_the_plot_of_memory_is_a_picture() -> None:
    fields = ("start_mib", "encoded_mib", "peak_mib")
    points = [{"tokens": n, **dict.fromkeys(fields, 100.0 + n / 1000)} for n in (1000, 10_000, 100_000)]
    picture = ElementTree.fromstring(plot(points))
    assert len(picture.findall("{*}polyline")) == 3
    assert len(picture.findall("{*}circle")) == 9
