"""Names of the files that each format consists of; needs no torch, so that the pages can list what a folder holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

FILES: Mapping[str, tuple[str, ...]] = {
    "SAELens": ("cfg.json", "sae_weights.safetensors"),
    "sparsify": ("cfg.json", "sae.safetensors"),
    "dictionary_learning": ("config.json", "ae.pt"),
    "Gemma Scope": ("params.npz",),
    "Gemma Scope 2": ("config.json", "params.safetensors"),
    "Llama Scope": ("hyperparams.json", "checkpoints/final.safetensors"),
}
"""Format -> its files, the weights last."""


def format_in(folder: Path) -> str | None:
    """The format whose files are in a folder; None where there is no SAE."""
    return next((name for name, files in FILES.items() if all((folder / file).is_file() for file in files)), None)
