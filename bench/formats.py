"""Every format of SAEs against the encoder of the program that saved it: `python -m bench.formats` prints the table."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from app.sae.load import load_sae
from tests.sae.other_formats import (
    D_IN,
    D_SAE,
    DICTIONARIES,
    TIMES_NORM,
    Saved,
    save_dictionary,
    save_gemma,
    save_gemma_2,
    save_llama,
    save_sparsify,
)
from tests.saved_saes import Architecture, save_matryoshka, save_sae

INPUTS = 2 * torch.randn(2000, D_IN, generator=torch.Generator().manual_seed(1))
SAELENS: tuple[Architecture, ...] = ("standard", "topk", "jumprelu", "gated")


def _dictionary(kind: str) -> Callable[[Path], Saved]:
    return lambda path: save_dictionary(path, kind)


OTHERS: dict[tuple[str, str], Callable[[Path], Saved]] = {
    **{("dictionary_learning", kind): _dictionary(kind) for kind in DICTIONARIES},
    ("sparsify", "TopK"): lambda path: save_sparsify(path / "layers.3"),
    ("Gemma Scope", "JumpReLU"): lambda path: save_gemma(path / "gemma-scope-2b-pt-res" / "layer_3"),
    ("Gemma Scope 2", "JumpReLU"): save_gemma_2,
    ("Llama Scope", "JumpReLU"): save_llama,
}


def rows() -> Iterator[tuple[str, str, float]]:
    """(format, architecture, largest difference of an activation)."""
    from sae_lens import SAE

    with tempfile.TemporaryDirectory() as folder:
        for architecture in SAELENS:
            yield "SAELens", architecture, _to_saelens(save_sae(Path(folder) / architecture, architecture), SAE)
        yield "SAELens", "matryoshka_batchtopk", _to_saelens(save_matryoshka(Path(folder) / "m"), SAE)
        for number, ((name, kind), save) in enumerate(OTHERS.items()):
            saved = save(Path(folder) / str(number))
            loaded = load_sae(str(saved.folder))
            found = loaded.module.encode(INPUTS)
            if kind in TIMES_NORM:
                found = found * torch.from_numpy(loaded.decoder_norms)
            yield name, kind, float((found - saved.encode(INPUTS)).abs().max())


def _to_saelens(folder: Path, sae_class: Any) -> float:
    with torch.no_grad():
        theirs = sae_class.load_from_disk(folder, dtype="float32").encode(INPUTS)
        return float((load_sae(str(folder)).module.encode(INPUTS) - theirs).abs().max())


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    print("| format | architecture | largest difference |")
    print("|---|---|---|")
    for name, kind, difference in rows():
        print(f"| {name} | {kind} | {difference:.0e} |")
    print(f"\n{len(INPUTS):,} inputs of width {D_IN}, {D_SAE} latents.")


if __name__ == "__main__":
    main()
