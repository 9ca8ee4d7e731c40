from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from app.activations.cache import CachedActivations
from app.errors import SaeError
from app.sae.load import LoadedSae, load_sae
from app.sparse.encode import encode
from app.training.train import TrainingPlan, save, train

D_IN = 16
N_FEATURES = 8
BATCH_SIZE = 256

NARROW = TrainingPlan(
    architecture="batchtopk",
    d_sae=12,
    matryoshka_widths=(),
    k=2,
    n_tokens=200 * BATCH_SIZE,
    batch_size=BATCH_SIZE,
    lr=1e-2,
    warm_up=0.05,
    decay=0.25,
    aux_loss_coefficient=1.0,
    dead_after_tokens=10 * BATCH_SIZE,
    model_name="a model",
    hook_name="model.layers.1",
    seed=0,
)
MATRYOSHKA = replace(NARROW, architecture="matryoshka-batchtopk", matryoshka_widths=(4, 12))


def features() -> torch.Tensor:
    """`[N_FEATURES, D_IN]` orthonormal true features."""
    generator = torch.Generator().manual_seed(5)
    basis: torch.Tensor = torch.linalg.qr(torch.randn(D_IN, N_FEATURES, generator=generator))[0]
    return basis.T


def world(n_tokens: int, seed: int) -> torch.Tensor:
    """Independent features, each present on a quarter of the tokens, and a common mean beside them."""
    generator = torch.Generator().manual_seed(seed)
    present = torch.rand(n_tokens, N_FEATURES, generator=generator) < 0.25
    size = 4 + torch.rand(n_tokens, N_FEATURES, generator=generator)
    return (present * size) @ features() + torch.linspace(-2, 2, D_IN)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    for part in range(2):
        save_file({"activations": world(10_000, part).half()}, folder / f"{part:05d}.safetensors")
    return folder


def stream(cache: Path) -> CachedActivations:
    return CachedActivations(cache, batch_size=BATCH_SIZE, seed=0)


@pytest.fixture(scope="module")
def trained(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of a narrow SAE in float32 and a Matryoshka SAE in float16."""
    folder = tmp_path_factory.mktemp("saes")
    save(train(NARROW, stream(cache)), NARROW, folder / "narrow")
    save(train(MATRYOSHKA, stream(cache)), MATRYOSHKA, folder / "matryoshka", dtype="float16")
    return {"narrow": folder / "narrow", "matryoshka": folder / "matryoshka"}


def best_cosines(loaded: LoadedSae) -> torch.Tensor:
    """`[N_FEATURES]` largest cosine of each true feature with a decoder row."""
    return (features() @ torch.from_numpy(loaded.unit_decoder).T).max(dim=1).values


def test_a_narrow_sae_finds_independent_features(trained: dict[str, Path]) -> None:
    cosines = best_cosines(load_sae(str(trained["narrow"])))
    assert cosines.mean() > 0.95
    assert cosines.min() > 0.9


def test_a_matryoshka_sae_finds_them_with_its_whole_width(trained: dict[str, Path]) -> None:
    loaded = load_sae(str(trained["matryoshka"]))
    assert best_cosines(loaded).mean() > 0.9
    acts = world(4000, 9)
    inner, whole = encode(loaded, acts).residual
    variance = float((acts - acts.mean(dim=0)).square().sum())
    assert 0 < 1 - inner / variance < 1 - whole / variance
    assert 1 - whole / variance > 0.8


@pytest.mark.parametrize("name", ["narrow", "matryoshka"])
def test_l0_on_new_tokens_is_near_k(trained: dict[str, Path], name: str) -> None:
    counts = encode(load_sae(str(trained[name])), world(4000, 9)).counts
    assert counts.mean() == pytest.approx(NARROW.k, rel=0.2)


def test_what_is_saved_is_known_for_what_it_is(trained: dict[str, Path]) -> None:
    narrow, matryoshka = (load_sae(str(trained[name])).record for name in ("narrow", "matryoshka"))
    assert (narrow.architecture, narrow.training_architecture) == ("jumprelu", "batchtopk")
    assert (matryoshka.architecture, matryoshka.training_architecture) == ("jumprelu", "matryoshka_batchtopk")
    assert (narrow.matryoshka_widths, matryoshka.matryoshka_widths) == (None, (4, 12))
    assert matryoshka.widths_source == "metadata"
    assert (narrow.dtype, matryoshka.dtype) == ("float32", "float16")
    assert (narrow.model_name, narrow.hook_name) == ("a model", "model.layers.1")
    assert narrow.notes == matryoshka.notes == ()


@pytest.mark.parametrize("name", ["narrow", "matryoshka"])
def test_saelens_reads_what_is_saved(trained: dict[str, Path], name: str) -> None:
    from sae_lens import SAE

    acts = world(500, 9)
    theirs: Any = SAE.load_from_disk(trained[name], dtype="float32")
    assert torch.equal(theirs.encode(acts), load_sae(str(trained[name])).module.encode(acts))


def test_the_plan_is_kept_beside_the_weights(trained: dict[str, Path]) -> None:
    kept = json.loads((trained["matryoshka"] / "training.json").read_text())
    assert TrainingPlan(**{**kept, "matryoshka_widths": tuple(kept["matryoshka_widths"])}) == MATRYOSHKA
    assert kept.keys() == asdict(MATRYOSHKA).keys()
    assert {path.name for path in trained["narrow"].parent.iterdir()} == {"narrow", "matryoshka"}


def test_a_folder_that_is_there_is_left_alone(trained: dict[str, Path], cache: Path) -> None:
    before = {path: path.read_bytes() for path in trained["narrow"].iterdir()}
    sae = train(replace(NARROW, n_tokens=BATCH_SIZE), stream(cache))
    with pytest.raises(SaeError, match="narrow: already exists; choose another folder or delete it first"):
        save(sae, NARROW, trained["narrow"])
    assert {path: path.read_bytes() for path in trained["narrow"].iterdir()} == before


@pytest.mark.parametrize("plan", [NARROW, MATRYOSHKA])
def test_the_decoder_bias_starts_at_the_mean(cache: Path, plan: TrainingPlan) -> None:
    """One step of a learning rate too small to move it; in units of the raw activations at the end."""
    sae = train(replace(plan, n_tokens=BATCH_SIZE, lr=1e-12), stream(cache))
    mean = torch.cat([world(10_000, part) for part in range(2)]).mean(dim=0)
    torch.testing.assert_close(sae.b_dec.detach(), mean, atol=0.05, rtol=0)


def test_a_seed_repeats_a_training(cache: Path) -> None:
    plan = replace(NARROW, n_tokens=5 * BATCH_SIZE)
    one, same = (train(plan, stream(cache)).W_dec for _ in range(2))
    other = train(replace(plan, seed=1), stream(cache)).W_dec
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (replace(NARROW, n_tokens=BATCH_SIZE - 1), "255 training tokens; expected at least one batch of 256"),
        (replace(NARROW, k=13), "k is 13, but the SAE has 12 latents"),
        (replace(MATRYOSHKA, matryoshka_widths=()), "a Matryoshka SAE without widths"),
        (replace(MATRYOSHKA, matryoshka_widths=(4, 13)), "larger than the SAE's 12 latents"),
        (replace(MATRYOSHKA, matryoshka_widths=(8, 4)), "expected positive, strictly ascending numbers"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(cache: Path, plan: TrainingPlan, message: str) -> None:
    with pytest.raises(SaeError, match=message):
        train(plan, stream(cache))


def test_the_full_width_is_a_level_of_its_own(cache: Path, tmp_path: Path) -> None:
    plan = replace(MATRYOSHKA, matryoshka_widths=(4,), n_tokens=BATCH_SIZE)
    save(train(plan, stream(cache)), plan, tmp_path / "sae")
    assert load_sae(str(tmp_path / "sae")).levels == (4, 12)
