"""Two tiny SAEs and an activations file on disk, exact in float32, so that every count has one right value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from app.records import ComparisonRequest
from tests.saved_saes import D_IN, WEIGHTS_FILE, edit_weights, save_matryoshka, save_sae

N_NARROW = 8
ROW_LENGTH = 128
N_ROWS = 36
N_TOKENS = (N_ROWS - 1) * ROW_LENGTH + 77
"""More rows than a latent's 20 strongest contexts, so that there are others to choose from; the last is short."""
DEAD_NARROW, RARE_NARROW, DEAD_REFERENCE = 6, 7, 9
"""Latents that never fire, and one that fires on too few tokens for a score."""
N_WORDS = 30


@dataclass(frozen=True)
class World:
    """What is on disk.

    Attributes:
        narrow, reference: SAE folders.
        acts: `[N_TOKENS, D_IN]` float32; tokens: `[N_TOKENS]` ids.
        file, file_with_tokens: activations files.
    """

    narrow: Path
    reference: Path
    acts: NDArray[np.float32]
    tokens: NDArray[np.int32]
    file: Path
    file_with_tokens: Path

    def request(self, **changes: Any) -> ComparisonRequest:
        """A comparison of the two SAEs on the file without tokens."""
        given = {"narrow": str(self.narrow), "reference": str(self.reference), "activations": str(self.file)}
        return ComparisonRequest(**{**given, "name": "tiny", **changes})


def make_world(folder: Path) -> World:
    """Write everything below a folder."""
    tokenizer = folder / "tokenizer"
    make_tokenizer().save_pretrained(tokenizer)
    narrow = save_sae(
        folder / "narrow", "jumprelu", d_sae=N_NARROW, seed=1, model_name=str(tokenizer), hook_name="hook"
    )
    reference = save_matryoshka(folder / "reference", seed=2, model_name=str(tokenizer), hook_name="hook")
    edit_weights(narrow, lambda tensors: mix_in(tensors, load_file(reference / WEIGHTS_FILE)))
    edit_weights(narrow, lambda tensors: make_exact(tensors, dead=DEAD_NARROW, rare=RARE_NARROW))
    edit_weights(reference, lambda tensors: make_exact(tensors, dead=DEAD_REFERENCE))
    acts, tokens = make_activations(N_TOKENS, seed=3)
    save_activations(folder / "acts.safetensors", acts)
    save_activations(folder / "with-tokens.safetensors", acts, tokens)
    return World(narrow, reference, acts, tokens, folder / "acts.safetensors", folder / "with-tokens.safetensors")


def mix_in(narrow: dict[str, torch.Tensor], reference: dict[str, torch.Tensor]) -> None:
    """Narrow latents 0 to 2 hedge two reference latents each, latent 3 is one of them; the others are random."""
    for i, (first, second, share) in enumerate([(0, 1, 0.5), (2, 3, 0.5), (4, 5, -0.5), (8, 8, 0.0)]):
        for name in ("W_dec", "W_enc"):
            rows = reference[name] if name == "W_dec" else reference[name].T
            own = narrow[name] if name == "W_dec" else narrow[name].T
            own[i] = rows[first] / rows[first].norm() + share * rows[second] / rows[second].norm()


def make_exact(tensors: dict[str, torch.Tensor], *, dead: int | None = None, rare: int | None = None) -> None:
    """Encoder weights as multiples of 1/64: products with activations in eighths add up exactly, in any order."""
    for name in ("W_enc", "b_enc", "b_dec"):
        tensors[name] = (tensors[name] * 64).round() / 64
    tensors["threshold"] = (tensors["threshold"] * 64).round() / 64 + 1.0
    if dead is not None:
        tensors["b_enc"][dead] = -1000.0
    if rare is not None:
        tensors["threshold"][rare] = 4.5


def make_activations(n_tokens: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """(activations in eighths, token ids)."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n_tokens, 4)) @ rng.normal(size=(4, D_IN)) * 0.6
    acts = np.round((common + rng.normal(size=(n_tokens, D_IN))) * 8) / 8
    return acts.astype(np.float32), rng.integers(0, N_WORDS, n_tokens).astype(np.int32)


def save_activations(path: Path, acts: NDArray[np.float32], tokens: NDArray[np.int32] | None = None) -> Path:
    """An activations file; returns its path."""
    tensors = {"activations": torch.from_numpy(acts)}
    if tokens is not None:
        tensors["tokens"] = torch.from_numpy(tokens)
    save_file(tensors, path)
    return path


def make_tokenizer(**special: str) -> Any:
    """A tokenizer of the words `w0` … and of some special tokens."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = [*(f"w{index}" for index in range(N_WORDS)), "a", *special.values()]
    model = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="a"))
    model.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=model, **special)
