"""Folders as other programs save them, with random weights; and what those programs compute with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

D_IN = 16
D_SAE = 24
GROUPS = [4, 8, 12]
K = 5

Tensors = dict[str, torch.Tensor]
Encode = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Saved:
    """A folder, and the activations that its own program gives for inputs `[n, d_in]`."""

    folder: Path
    encode: Encode


def weights(seed: int = 0) -> Tensors:
    """Encoder `[d_in, d_sae]` near its decoder `[d_sae, d_in]`, and biases; decoder rows have unequal norms."""
    generator = torch.Generator().manual_seed(seed)
    directions = torch.nn.functional.normalize(torch.randn(D_SAE, D_IN, generator=generator), dim=1)
    norms = 0.5 + 1.5 * torch.rand(D_SAE, 1, generator=generator)
    return {
        "W_enc": (directions + 0.1 * torch.randn(D_SAE, D_IN, generator=generator)).T.contiguous(),
        "W_dec": directions * norms,
        "b_enc": 0.2 * torch.randn(D_SAE, generator=generator),
        "b_dec": 0.2 * torch.randn(D_IN, generator=generator),
        "threshold": 0.2 + 0.5 * torch.rand(D_SAE, generator=generator),
        "r_mag": 0.2 * torch.randn(D_SAE, generator=generator),
        "b_mag": 0.2 * torch.randn(D_SAE, generator=generator),
    }


def top_k(values: torch.Tensor, k: int) -> torch.Tensor:
    found = values.topk(k, dim=-1)
    return torch.zeros_like(values).scatter_(-1, found.indices, found.values)


def linear(w: Tensors, **more: torch.Tensor) -> Tensors:
    """As `nn.Linear` keeps encoder and decoder."""
    return {"encoder.weight": w["W_enc"].T.contiguous(), "decoder.weight": w["W_dec"].T.contiguous(), **more}


def _dictionary(kind: str, w: Tensors) -> tuple[Tensors, Encode]:
    """(state dict, encode) of a class of dictionary_learning."""

    def pre(x: torch.Tensor) -> torch.Tensor:
        return (x - w["b_dec"]) @ w["W_enc"] + w["b_enc"]

    parameters = {name: w[name] for name in ("W_enc", "W_dec", "b_enc", "b_dec")}
    threshold = torch.tensor(0.6)
    if kind == "AutoEncoder":
        return linear(w, **{"encoder.bias": w["b_enc"], "bias": w["b_dec"]}), lambda x: pre(x).relu()
    if kind == "AutoEncoderNew":
        state = linear(w, **{"encoder.bias": w["b_enc"], "decoder.bias": w["b_dec"]})
        return state, lambda x: (x @ w["W_enc"] + w["b_enc"]).relu()
    if kind == "AutoEncoderTopK":
        state = linear(w, **{"encoder.bias": w["b_enc"], "b_dec": w["b_dec"]})
        state |= {"k": torch.tensor(K), "threshold": threshold}
        return state, lambda x: top_k(pre(x).relu(), K)
    if kind == "BatchTopKSAE":
        state = linear(w, **{"encoder.bias": w["b_enc"], "b_dec": w["b_dec"]})
        state |= {"k": torch.tensor(K), "threshold": threshold}
        return state, lambda x: pre(x).relu() * (pre(x) > threshold)
    if kind == "MatryoshkaBatchTopKSAE":
        state = {**parameters, "k": torch.tensor(K), "threshold": threshold, "group_sizes": torch.tensor(GROUPS)}
        return state, lambda x: pre(x).relu() * (pre(x) > threshold)
    if kind == "JumpReluAutoEncoder":
        norms = w["W_dec"].norm(dim=1)
        state = {**parameters, "threshold": w["threshold"]}
        return state, lambda x: jump_relu(w)(x) * norms
    assert kind == "GatedAutoEncoder"
    state = linear(w, decoder_bias=w["b_dec"], r_mag=w["r_mag"], gate_bias=w["b_enc"], mag_bias=w["b_mag"])

    def gated(x: torch.Tensor) -> torch.Tensor:
        inner = (x - w["b_dec"]) @ w["W_enc"]
        size = (w["r_mag"].exp() * inner + w["b_mag"]).relu()
        found: torch.Tensor = size * (inner + w["b_enc"] > 0) * w["W_dec"].norm(dim=1)
        return found

    return state, gated


DICTIONARIES = (
    "AutoEncoder",
    "AutoEncoderNew",
    "AutoEncoderTopK",
    "BatchTopKSAE",
    "MatryoshkaBatchTopKSAE",
    "JumpReluAutoEncoder",
    "GatedAutoEncoder",
)
TIMES_NORM = ("JumpReluAutoEncoder", "GatedAutoEncoder")
"""Classes whose `encode` multiplies by the decoder norms; SAELens' does not."""


def save_dictionary(folder: Path, kind: str, **trainer: Any) -> Saved:
    """A folder of dictionary_learning."""
    folder.mkdir(parents=True)
    state, encode = _dictionary(kind, weights())
    torch.save(state, folder / "ae.pt")
    named = {"dict_class": kind, "activation_dim": D_IN, "dict_size": D_SAE, "k": K, "layer": 3}
    named |= {"lm_name": "EleutherAI/pythia-70m-deduped", "submodule_name": "resid_post_layer_3"}
    config = {"trainer": {**named, **trainer}, "buffer": {"d_submodule": D_IN, "io": "out", "ctx_len": 64}}
    (folder / "config.json").write_text(json.dumps(config))
    return Saved(folder, encode)


def save_sparsify(folder: Path, tensors: Tensors | None = None, **config: Any) -> Saved:
    """A folder of sparsify, whose decoder is `[d_sae, d_in]` as its encoder is."""
    folder.mkdir(parents=True)
    w = weights()
    state = {"encoder.weight": w["W_enc"].T.contiguous(), "encoder.bias": w["b_enc"], "W_dec": w["W_dec"]}
    save_file({**state, "b_dec": w["b_dec"], **(tensors or {})}, folder / "sae.safetensors")
    usual = {"expansion_factor": 2, "normalize_decoder": True, "num_latents": 0, "k": K, "multi_topk": False}
    (folder / "cfg.json").write_text(json.dumps({**usual, "d_in": D_IN, **config}))
    return Saved(folder, lambda x: top_k(((x - w["b_dec"]) @ w["W_enc"] + w["b_enc"]).relu(), K))


def jump_relu(w: Tensors) -> Encode:
    """Gemma Scope's encoder."""

    def encode(x: torch.Tensor) -> torch.Tensor:
        pre = x @ w["W_enc"] + w["b_enc"]
        return pre.relu() * (pre > w["threshold"])

    return encode


def save_gemma(folder: Path) -> Saved:
    """A folder of Gemma Scope."""
    folder.mkdir(parents=True)
    w = weights()
    names = ("W_enc", "W_dec", "b_enc", "b_dec", "threshold")
    arrays: dict[str, Any] = {name: w[name].numpy() for name in names}
    np.savez(folder / "params.npz", **arrays)
    return Saved(folder, jump_relu(w))


def save_gemma_2(folder: Path, **config: Any) -> Saved:
    """A folder of Gemma Scope 2."""
    folder.mkdir(parents=True)
    w = weights()
    names = {"w_enc": "W_enc", "w_dec": "W_dec", "b_enc": "b_enc", "b_dec": "b_dec", "threshold": "threshold"}
    save_file({theirs: w[name] for theirs, name in names.items()}, folder / "params.safetensors")
    usual = {"architecture": "jump_relu", "model_name": "gemma-v3-1b-pt", "hf_hook_point_in": "model.layers.7.output"}
    (folder / "config.json").write_text(json.dumps({**usual, **config}))
    return Saved(folder, jump_relu(w))


def save_llama(folder: Path, **config: Any) -> Saved:
    """A folder of Llama Scope; its inputs were scaled to a norm of the root of their width."""
    (folder / "checkpoints").mkdir(parents=True)
    w = weights()
    state = linear(w, **{"encoder.bias": w["b_enc"], "decoder.bias": w["b_dec"]})
    save_file(state, folder / "checkpoints" / "final.safetensors")
    place = "blocks.3.hook_resid_post"
    usual = {"hook_point_in": place, "hook_point_out": place, "d_model": D_IN, "d_sae": D_SAE, "act_fn": "jumprelu"}
    usual |= {"jump_relu_threshold": 0.5, "norm_activation": "dataset-wise", "top_k": K}
    usual |= {"dataset_average_activation_norm": {"in": 10.0, "out": 10.0}}
    (folder / "hyperparams.json").write_text(json.dumps({**usual, **config}))
    scale = D_IN**0.5 / 10.0

    def encode(x: torch.Tensor) -> torch.Tensor:
        pre = (x * scale) @ w["W_enc"] + w["b_enc"]
        found: torch.Tensor = pre.relu() * (pre > 0.5 * scale)
        return found

    return Saved(folder, encode)
