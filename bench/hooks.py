"""Every hook name on every family of models, against TransformerLens: `python -m bench.hooks` prints the table."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from app.activations.hooks import activations_of
from app.activations.language_model import LanguageModel
from app.errors import ModelError
from tests.activations.families import FAMILIES, VOCABULARY, language_model_of

NAMES = {
    "hook_resid_pre": "resid_pre",
    "hook_resid_mid": "resid_mid",
    "hook_resid_post": "resid_post",
    "hook_attn_out": "attn_out",
    "hook_mlp_out": "mlp_out",
    "attn.hook_z": "z",
    "ln1.hook_normalized": "ln1",
    "ln2.hook_normalized": "ln2",
    "mlp.hook_pre": "mlp pre",
    "mlp.hook_post": "mlp post",
}
IDS = torch.randint(3, VOCABULARY, (2, 32), generator=torch.Generator().manual_seed(1))


def theirs(model: LanguageModel) -> Any:
    """TransformerLens' cache of the same model on the same tokens."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    words = Tokenizer(WordLevel({f"w{i}": i for i in range(VOCABULARY)}, unk_token="w0"))
    with tempfile.TemporaryDirectory() as folder:
        PreTrainedTokenizerFast(tokenizer_object=words, bos_token="w1", eos_token="w2").save_pretrained(folder)
        model.model.save_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(Path(folder))
        bridge = TransformerBridge.boot_transformers(folder, tokenizer=tokenizer, device="cpu")
    with torch.no_grad():
        return bridge.run_with_cache(IDS)[1]


def differences(family: str) -> Iterator[str]:
    """A cell for each name: the largest difference, or a dash where the family has no such place."""
    model = language_model_of(family)
    cache = theirs(model)
    for name in NAMES:
        try:
            ours = activations_of(model, IDS, f"blocks.1.{name}")
        except ModelError:
            yield "–"
            continue
        other = cache[f"blocks.1.{name}"].reshape(ours.shape)
        yield f"{float((ours - other).abs().max() / other.abs().max()):.0e}"


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    # TransformerLens would install torchvision for a model that reads pictures, and another torch with it.
    os.environ["PIP_NO_INDEX"] = os.environ["UV_OFFLINE"] = "1"
    print(f"| family | {' | '.join(NAMES.values())} |")
    print(f"|---|{'---|' * len(NAMES)}")
    for family in FAMILIES:
        print(f"| {family} | {' | '.join(differences(family))} |", flush=True)


if __name__ == "__main__":
    main()
