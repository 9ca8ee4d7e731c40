"""What bfloat16 costs: the demo's model and SAEs, against float32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from app.activations.hooks import activations_of
from app.activations.language_model import LanguageModel, load_language_model
from app.activations.text import read_text
from app.activations.tokenize import tokenize
from app.inference.server.loaded import choose_dtype
from app.paths import resource
from app.sae.load import load_sae
from app.sparse.encode import encode
from bench.prompt_drift import measure
from tests.language_model import CACHE_DIR, NAME, bundled_model

pytestmark = pytest.mark.slow

N_ROWS = 8
N_TEXTS = 24
HOOK = "model.layers.8"


def activations(language_model: LanguageModel) -> NDArray[np.float32]:
    """`[n, d_in]` of the scored tokens of the first rows of the bundled text."""
    rows = tokenize(read_text(str(resource("demo") / "text.jsonl")), language_model.tokenizer, n_tokens=N_ROWS * 127)
    acts = activations_of(language_model, torch.from_numpy(rows.ids.astype(np.int64)), HOOK)
    found: NDArray[np.float32] = acts[torch.from_numpy(rows.keep)].float().numpy()
    return found


@pytest.fixture(scope="module")
def both() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(in float32, in bfloat16)."""
    return activations(bundled_model()), activations(
        load_language_model(NAME, cache_dir=Path(CACHE_DIR), dtype=torch.bfloat16)
    )


def test_activations_drift_by_about_a_percent(both: tuple[NDArray[np.float32], NDArray[np.float32]]) -> None:
    exact, rough = both
    relative = np.linalg.norm(rough - exact, axis=1) / np.linalg.norm(exact, axis=1)
    assert 1e-4 < np.median(relative) < 0.02
    assert np.quantile(relative, 0.99) < 0.06


@pytest.mark.parametrize("folder", ["narrow", "matryoshka"])
def test_nearly_the_same_latents_fire(both: tuple[NDArray[np.float32], NDArray[np.float32]], folder: str) -> None:
    loaded = load_sae(str(resource("demo") / "saes" / folder))
    exact, rough = (encode(loaded, torch.from_numpy(acts)) for acts in both)
    width = loaded.d_sae
    fires, fires_roughly = (
        set((np.repeat(np.arange(len(one.counts)), one.counts) * width + one.latent).tolist()) for one in (exact, rough)
    )
    assert len(fires & fires_roughly) / len(fires | fires_roughly) > 0.96


def test_answers_of_the_worker_drift_little(tmp_path: Path) -> None:
    """Bounds about twice as wide as what docs/performance.md says was measured."""
    bundled_model()
    (tmp_path / "models").symlink_to(CACHE_DIR)
    for side in measure(tmp_path, N_TEXTS).values():
        assert side.tokens > 10 * N_TEXTS
        assert side.same_strongest > 0.98
        assert side.jaccard > 0.96
        assert side.n_active[1] == pytest.approx(side.n_active[0], rel=0.02)
        assert 1e-4 < side.activation_median < 0.01, "it is computed in another dtype, and nearly the same"
        assert side.activation_q99 < 0.08


def test_the_dtype_follows_the_device() -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert choose_dtype("auto", cpu) is torch.float32
    assert choose_dtype("auto", cuda) is torch.bfloat16
    assert choose_dtype("bfloat16", cpu) is torch.bfloat16
    assert choose_dtype("float32", cuda) is torch.float32
