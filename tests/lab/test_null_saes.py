"""SAEs that have learned nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from app.activations.batch import TokenRows
from app.lab.checks.null_saes import findings
from app.lab.latent_fields import NUMBERS, Fields
from app.lab.null_saes import activations_of_rows, plan_of, random_sae, trained_sae, with_random_weights
from app.lab.trained import Pool
from app.sae.load import load_sae
from app.training.train import train
from tests.activations.families import language_model_of

D_IN, D_SAE = 16, 24


@pytest.fixture(scope="module")
def inputs() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    rng = np.random.default_rng(0)
    return (rng.standard_normal((6000, D_IN)) @ rng.standard_normal((D_IN, D_IN)) + 3).astype(np.float32)


def test_random_latents_fire_as_often_as_they_should(
    inputs: np.ndarray[tuple[int, int], np.dtype[np.float32]], tmp_path: Path
) -> None:
    density = np.linspace(0.0, 0.4, D_SAE)
    sae = random_sae(inputs, density, seed=1)
    sae.save(tmp_path / "random")
    acts = load_sae(str(tmp_path / "random")).module.encode(torch.from_numpy(inputs)).numpy()
    assert (acts > 0).mean(axis=0) == pytest.approx(density, abs=2e-3)
    assert np.linalg.norm(sae.rows, axis=1) == pytest.approx(1, abs=1e-5)
    other = random_sae(inputs, density, seed=2)
    assert np.abs((sae.rows * other.rows).sum(axis=1)).mean() < 0.5


def test_a_frozen_decoder_keeps_its_rows(
    inputs: np.ndarray[tuple[int, int], np.dtype[np.float32]], tmp_path: Path
) -> None:
    """The encoder learns, and so does a decoder that is not frozen."""
    plan = plan_of(D_SAE, 4, 20_480, seed=3)
    start, frozen, free = (
        _rows(train(each, Pool(torch.from_numpy(inputs), 3), frozen_decoder=is_frozen))
        for each, is_frozen in ((plan_of(D_SAE, 4, 512, seed=3), True), (plan, True), (plan, False))
    )
    assert np.abs(frozen - start).max() < 1e-5
    assert np.abs(free - start).max() > 0.1
    saved = load_sae(str(trained_sae(inputs, plan, tmp_path / "frozen", frozen_decoder=True)))
    assert np.abs(saved.unit_decoder - start).max() < 1e-5
    encoder = torch.nn.functional.normalize(saved.module.W_enc, dim=0).T.numpy()
    assert (encoder * start).sum(axis=1).min() < 0.99


def test_random_weights_are_those_of_a_model_before_training() -> None:
    """Small and repeatable; the model that they stand for keeps its own."""
    trained = language_model_of("llama")
    weight = trained.model.model.layers[0].mlp.up_proj.weight.detach().clone()
    first, again, other = (with_random_weights(trained, seed) for seed in (5, 5, 6))
    fresh = first.model.model.layers[0].mlp.up_proj.weight
    assert float(fresh.std()) == pytest.approx(trained.model.config.initializer_range, rel=0.1)
    assert torch.equal(trained.model.model.layers[0].mlp.up_proj.weight, weight)
    ids = np.arange(24, dtype=np.int32).reshape(3, 8)
    keep = np.ones_like(ids, dtype=np.bool_)
    keep[:, 0] = False
    rows = TokenRows(ids, keep)
    acts = [activations_of_rows(each, rows, "model.layers.0") for each in (trained, first, again, other)]
    assert acts[0].shape == (21, trained.model.config.hidden_size)
    assert np.array_equal(acts[1], acts[2])
    assert not np.allclose(acts[1], acts[0], atol=1e-3)
    assert not np.allclose(acts[1], acts[3], atol=1e-3)


def test_latents_without_a_score_are_left_out() -> None:
    found = findings({"a": fields([0.1, 0.9, None]), "b": fields([None])}, {})
    scores, called = found.tables
    assert scores.rows[0][:2] == ("a", 2)
    assert scores.rows[0][4] == pytest.approx(0.5)
    assert scores.rows[1] == ("b", 0, *[None] * 5)
    assert called.rows == (("a", 0.5, *[0.5] * 4), ("b", None, *[None] * 4))
    assert sum(found.data["histograms"]["a"]) == 2


def fields(scores: list[float | None]) -> Fields:
    """Latents of which every number is the same, called hedged above 0.5."""
    labels = [None if score is None else "hedged" if score > 0.5 else "clean" for score in scores]
    return {**dict.fromkeys(NUMBERS, scores), "diagnosis": labels}


def _rows(sae: Any) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    rows = torch.nn.functional.normalize(sae.W_dec.detach(), dim=1)
    return np.asarray(rows.numpy(), dtype=np.float32)
