"""Runs SAEDashboard; called in its own environment by `python -m bench.saedashboard`.

Usage: dashboard.py FOLDER SAE_FOLDER N_FEATURES N_THREADS
"""

import json
import sys
import time
from pathlib import Path

import torch
from sae_dashboard.data_writing_fns import save_feature_centric_vis
from sae_dashboard.sae_vis_data import SaeVisConfig
from sae_dashboard.sae_vis_runner import SaeVisRunner
from sae_lens import SAE
from safetensors.torch import load_file
from transformer_lens import HookedTransformer, HookedTransformerConfig
from transformers import AutoTokenizer

HOOK = "blocks.8.hook_resid_post"


def model_of(folder: Path) -> tuple[HookedTransformer, torch.Tensor]:
    """The true unembedding and tokenizer in a model whose blocks never run: activations are cached."""
    tensors = load_file(folder / "model.safetensors")
    d_model, d_vocab = tensors["W_U"].shape
    # The saved configuration names a class that this environment's older transformers lacks.
    named = folder / "tokenizer" / "tokenizer_config.json"
    named.write_text(json.dumps({**json.loads(named.read_text()), "tokenizer_class": "PreTrainedTokenizerFast"}))
    config = HookedTransformerConfig(
        n_layers=9, d_model=d_model, n_ctx=256, d_head=64, n_heads=9, d_mlp=64, d_vocab=d_vocab, act_fn="silu"
    )
    model = HookedTransformer(config, tokenizer=AutoTokenizer.from_pretrained(folder / "tokenizer"))
    with torch.no_grad():
        model.unembed.W_U.copy_(tensors["W_U"])
    return model, tensors["tokens"]


def main() -> None:
    """Fill its cache, measure, write the seconds."""
    folder, sae_folder, n_features, n_threads = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(n_threads)
    cache = folder / "cache"
    cache.mkdir()
    for path in folder.glob("minibatch-*.safetensors"):
        number = path.stem.partition("-")[2]
        torch.save({HOOK: load_file(path)["acts"]}, cache / f"model_activations_{number}.pt")
    model, tokens = model_of(folder)
    sae = SAE.load_from_disk(sae_folder, device="cpu", dtype="float32")
    config = SaeVisConfig(
        hook_point=HOOK, features=list(range(n_features)), minibatch_size_tokens=64, cache_dir=cache, verbose=False
    )
    started = time.perf_counter()
    data = SaeVisRunner(config).run(encoder=sae, model=model, tokens=tokens)
    computed = time.perf_counter()
    save_feature_centric_vis(data, folder / "dashboard.html")
    written = time.perf_counter()
    found = {
        "compute_s": computed - started,
        "html_s": written - computed,
        "html_bytes": (folder / "dashboard.html").stat().st_size,
    }
    (folder / "dashboard.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
