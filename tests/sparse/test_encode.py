from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from app.sae.load import load_sae, prefix
from app.sparse.encode import EncodedBatch, encode
from tests.saved_saes import D_IN, D_SAE, WIDTHS, edit_weights, save_matryoshka, save_sae

SAES: dict[str, Callable[[Path], Path]] = {
    "standard": lambda folder: save_sae(folder, "standard"),
    "no input bias": lambda folder: save_sae(folder, "standard", apply_b_dec_to_input=False),
    "topk": lambda folder: save_sae(folder, "topk"),
    "topk scaled by norm": lambda folder: save_sae(folder, "topk", rescale_acts_by_decoder_norm=True),
    "jumprelu": lambda folder: save_sae(folder, "jumprelu"),
    "gated": lambda folder: save_sae(folder, "gated"),
    "layer norm": lambda folder: save_sae(folder, "jumprelu", normalize_activations="layer_norm"),
    "constant norm": lambda folder: save_sae(folder, "standard", normalize_activations="constant_norm_rescale"),
    "matryoshka": lambda folder: save_matryoshka(folder),
    "float16": lambda folder: save_matryoshka(folder, dtype="float16"),
}

WIDTHS_DECLARED = [4, 12]
"""For SAEs that are no Matryoshka SAEs, so that the prefixes have decoder rows of different norms."""


def tokens(n: int = 60) -> torch.Tensor:
    return 2 * torch.randn(n, D_IN, generator=torch.Generator().manual_seed(1)) + 0.3


def saelens(folder: Path) -> Any:
    from sae_lens import SAE

    return SAE.load_from_disk(folder, dtype="float32").requires_grad_(False)


def dense(encoded: EncodedBatch) -> NDArray[np.float32]:
    """`[n, D_SAE]`, put together one entry at a time."""
    values = np.zeros((len(encoded.counts), D_SAE), dtype=np.float32)
    entries = iter(zip(encoded.latent, encoded.value, strict=True))
    for token, count in enumerate(encoded.counts):
        for _ in range(count):
            latent, value = next(entries)
            values[token, latent] = value
    assert next(entries, None) is None
    return values


def squared_error(sae: Any, acts: torch.Tensor, width: int) -> float:
    """Of SAELens' own decoding of its first `width` latents."""
    latents = sae.encode(acts)
    latents[:, width:] = 0
    return float((acts.double() - sae.decode(latents).double()).square().sum())


@pytest.mark.parametrize("name", SAES)
def test_active_latents_are_saelens_own_times_the_decoder_norm(tmp_path: Path, name: str) -> None:
    folder = SAES[name](tmp_path / "sae")
    sae, acts = saelens(folder), tokens()
    latents = sae.encode(acts).numpy()
    norms = sae.W_dec.norm(dim=1).numpy()
    if name == "topk scaled by norm":
        norms = np.ones_like(norms)
    encoded = encode(load_sae(str(folder)), acts)
    np.testing.assert_allclose(dense(encoded), latents * norms, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(dense(encoded) > 0, latents > 0)
    assert 0 < encoded.counts.mean() < D_SAE


@pytest.mark.parametrize("name", SAES)
def test_the_error_of_each_prefix_is_that_of_saelens_decoder(tmp_path: Path, name: str) -> None:
    folder = SAES[name](tmp_path / "sae")
    sae, acts = saelens(folder), tokens()
    residual = encode(load_sae(str(folder), widths=WIDTHS_DECLARED), acts).residual
    assert residual.dtype == np.float64
    np.testing.assert_allclose(residual, [squared_error(sae, acts, width) for width in WIDTHS], rtol=1e-5)


@pytest.mark.parametrize("name", ["standard", "topk", "topk scaled by norm", "jumprelu", "gated", "matryoshka"])
def test_values_are_lengths_along_the_unit_decoder(tmp_path: Path, name: str) -> None:
    folder = SAES[name](tmp_path / "sae")
    sae, acts = saelens(folder), tokens()
    loaded = load_sae(str(folder))
    reconstruction = dense(encode(loaded, acts)) @ loaded.unit_decoder + sae.b_dec.numpy()
    np.testing.assert_allclose(reconstruction, sae.decode(sae.encode(acts)).numpy(), rtol=1e-4, atol=1e-4)


def test_a_prefix_encodes_with_the_whole_sae(tmp_path: Path) -> None:
    whole = load_sae(str(save_matryoshka(tmp_path / "m")))
    one, other = encode(whole, tokens()), encode(prefix(whole, 4), tokens())
    np.testing.assert_array_equal(dense(one), dense(other))
    np.testing.assert_array_equal(one.residual, other.residual)


def test_latents_ascend_within_a_token_and_are_positive(tmp_path: Path) -> None:
    encoded = encode(load_sae(str(save_sae(tmp_path / "sae"))), tokens())
    ends = np.cumsum(encoded.counts)
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        assert (np.diff(encoded.latent[start:end]) > 0).all()
    assert (encoded.value > 0).all()
    assert [part.dtype for part in (encoded.counts, encoded.latent, encoded.value)] == ["int64", "int32", "float32"]


@pytest.mark.parametrize("name", ["standard", "jumprelu", "layer norm", "matryoshka"])
@pytest.mark.parametrize("size", [1, 7])
def test_a_split_of_the_batch_changes_nothing(tmp_path: Path, name: str, size: int) -> None:
    loaded, acts = load_sae(str(SAES[name](tmp_path / "sae"))), tokens()
    whole = encode(loaded, acts)
    parts = [encode(loaded, part) for part in acts.split(size)]
    np.testing.assert_array_equal(np.concatenate([part.counts for part in parts]), whole.counts)
    np.testing.assert_array_equal(np.concatenate([part.latent for part in parts]), whole.latent)
    np.testing.assert_allclose(np.concatenate([part.value for part in parts]), whole.value, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(sum(part.residual for part in parts), whole.residual, rtol=1e-5)


@pytest.mark.parametrize("n_tokens", [0, 1, 9])
def test_no_active_latent(tmp_path: Path, n_tokens: int) -> None:
    folder = save_matryoshka(tmp_path / "m")
    edit_weights(folder, lambda weights: weights["threshold"].fill_(1e6))
    acts = tokens(n_tokens)
    encoded = encode(load_sae(str(folder)), acts)
    assert encoded.counts.tolist() == [0] * n_tokens
    assert (len(encoded.latent), len(encoded.value)) == (0, 0)
    error = float((acts - saelens(folder).b_dec).double().square().sum())
    np.testing.assert_allclose(encoded.residual, [error] * 3, rtol=1e-6)


@pytest.mark.parametrize("n_tokens", [1, 9])
def test_all_latents_active(tmp_path: Path, n_tokens: int) -> None:
    folder = save_sae(tmp_path / "sae")
    edit_weights(folder, lambda weights: weights["b_enc"].fill_(1e3))
    encoded = encode(load_sae(str(folder)), tokens(n_tokens))
    assert encoded.counts.tolist() == [D_SAE] * n_tokens
    assert encoded.latent.tolist() == [*range(D_SAE)] * n_tokens


@pytest.mark.parametrize("name", ["standard", "topk", "topk scaled by norm", "matryoshka"])
def test_a_latent_without_a_direction_never_fires(tmp_path: Path, name: str) -> None:
    """Its activation would be a length of zero; an entry must be above zero."""
    folder = SAES[name](tmp_path / "sae")
    edit_weights(folder, lambda weights: weights["W_dec"][:3].zero_())
    encoded = encode(load_sae(str(folder)), tokens())
    assert (encoded.value > 0).all()
    assert encoded.latent.min() == 3
    assert encoded.counts.sum() == len(encoded.latent)
    assert np.isfinite(encoded.residual).all()
