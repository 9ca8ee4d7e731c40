"""What looks wrong with an SAE on a sample, and what would put it right: tried out, not guessed.

Each check reads the same few rows: another layer, scaled inputs, a transposed decoder, fewer latents a token, and how
well the model predicts the text. A finding names what would explain more of the variance, and by how much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import log, sqrt
from typing import Any

import numpy as np
import torch

from app.activations.batch import TokenRows
from app.activations.hook_points import HookPoint
from app.activations.hooks import catching, point_of
from app.activations.language_model import LanguageModel
from app.activations.layers import layer_list
from app.activations.tokenize import ROW_LENGTH
from app.sae.load import LoadedSae

N_ROWS = 4
N_TOKENS = 384
"""Of the sample, for each thing that is tried."""

GAIN = 0.05
"""Explained variance that another set-up has to add, to be worth a note."""

LEAST = 0.3
"""Explained variance that it has to reach; an SAE that explains less is doubted."""

FEW_LATENTS = (8, 16, 32, 64, 128)
MOST_LATENTS, MOST_SHARE = 128, 0.125
"""Active latents a token, and their share of all, above which an SAE is not sparse."""

WORSE_THAN_CHANCE = 1.02
"""Loss of the next token, in units of chance, above which the tokens are most likely not the model's."""


def low_note(share: float | None) -> str | None:
    """What is said of an SAE that explains little of the variance of its activations; None where it explains enough.

    It most likely reads another hook or model, or was loaded as another architecture.
    """
    return f"explains only {share:.2f} of the variance" if share is not None and share < LEAST else None


@torch.inference_mode()
def findings(language_model: LanguageModel, rows: TokenRows, hook_name: str, loaded: LoadedSae) -> list[str]:
    """What looks wrong, one line each; empty where nothing that was tried does better.

    Args:
        rows: of the sample; the first few are read.
    """
    part = TokenRows(rows.ids[:N_ROWS, :ROW_LENGTH], rows.keep[:N_ROWS, :ROW_LENGTH])
    point = point_of(language_model, hook_name)
    layers = _layers(language_model, point)
    states, logits = _states(language_model, part, [point, *layers])
    keep = torch.from_numpy(part.keep)
    acts = {each: each.read(value)[keep].float()[:N_TOKENS] for each, value in states.items()}
    own = explained(loaded.module, acts[point])
    tried = (
        *_other_layers(loaded.module, own, acts, layers),
        *_scaled(loaded.module, own, acts[point]),
        *_transposed(loaded.module, own, acts[point]),
        *_fewer_latents(loaded.module, own, acts[point]),
    )
    return [*tried, *_prediction(part, logits)]


def explained(module: Any, acts: torch.Tensor, edit: Callable[[torch.Tensor], torch.Tensor] | None = None) -> float:
    """Share of the variance of `[n, d_in]` that an SAE explains; may be below 0.

    Args:
        edit: what is done to the latents before they are decoded.
    """
    latents = module.encode(acts)
    output = module.decode(latents if edit is None else edit(latents))
    return _share(acts, output)


def _share(acts: torch.Tensor, output: torch.Tensor) -> float:
    total = (acts - acts.mean(dim=0)).square().sum()
    return float(1 - (acts - output).square().sum() / total.clamp(min=1e-30))


def _states(
    language_model: LanguageModel, rows: TokenRows, points: list[HookPoint]
) -> tuple[dict[HookPoint, torch.Tensor], torch.Tensor]:
    """(what is caught at some points, logits) of one forward pass."""
    ids = torch.from_numpy(rows.ids.astype(np.int64)).to(language_model.model.device)
    with catching(language_model.model, points) as caught:
        output = language_model.model(input_ids=ids, use_cache=False)
    shape = (*ids.shape, -1)
    return {point: value.reshape(shape).cpu() for point, value in caught.items()}, output.logits.float().cpu()


def _layers(language_model: LanguageModel, point: HookPoint) -> list[HookPoint]:
    """The outputs of all layers, where the SAE reads one of them."""
    path, n_layers = layer_list(language_model.model)
    every = [HookPoint(f"{path}.{index}", is_written=True, is_centred=point.is_centred) for index in range(n_layers)]
    return every if point in every else []


def _other_layers(
    module: Any, own: float, acts: dict[HookPoint, torch.Tensor], layers: list[HookPoint]
) -> Iterator[str]:
    if not layers:
        return
    shares = {layer: explained(module, acts[layer]) for layer in layers}
    best = max(shares, key=shares.__getitem__)
    if _is_better(shares[best], own):
        yield (
            f"explains {shares[best]:.2f} of the variance at {best.key}, but {own:.2f} where it is said to read: give "
            f"--hook {best.module} if that is its layer"
        )


def _scaled(module: Any, own: float, acts: torch.Tensor) -> Iterator[str]:
    scale = sqrt(acts.shape[1]) / float(acts.norm(dim=1).mean())
    share = explained(module, acts * scale)
    if _is_better(share, own):
        yield (
            f"explains {share:.2f} of the variance of inputs times {scale:.3g}, but {own:.2f} of them as they are: "
            "they were normalised in training; fold that in with SAELens' "
            f"fold_activation_norm_scaling_factor({scale:.3g})"
        )


def _transposed(module: Any, own: float, acts: torch.Tensor) -> Iterator[str]:
    if module.W_dec.shape[0] != module.W_dec.shape[1]:
        return
    share = _share(acts, module.encode(acts) @ module.W_dec.T + module.b_dec)
    if _is_better(share, own):
        yield (
            f"explains {share:.2f} of the variance with its decoder transposed, but {own:.2f} as it is: save W_dec as "
            "[d_sae, d_in]"
        )


def _fewer_latents(module: Any, own: float, acts: torch.Tensor) -> Iterator[str]:
    """Whether it runs as ReLU what was trained as TopK: too many latents fire, which often explains less."""
    d_sae = int(module.cfg.d_sae)
    l0 = float((module.encode(acts) > 0).sum(dim=1).float().mean())
    remedy = "it looks like a TopK SAE that runs as ReLU; set architecture topk and its k in the configuration"
    shares = {k: explained(module, acts, _top(k)) for k in FEW_LATENTS if k < d_sae}
    best = max(shares, key=shares.__getitem__, default=None)
    if best is not None and _is_better(shares[best], own):
        yield f"explains {shares[best]:.2f} of the variance with {best} latents a token, {own:.2f} with all: {remedy}"
    elif l0 > max(MOST_LATENTS, MOST_SHARE * d_sae):
        yield f"{l0:.0f} of {d_sae} latents fire on a token, which is not sparse: {remedy}"


def _top(k: int) -> Callable[[torch.Tensor], torch.Tensor]:
    def edit(latents: torch.Tensor) -> torch.Tensor:
        top = latents.topk(k, dim=-1)
        return torch.zeros_like(latents).scatter_(-1, top.indices, top.values)

    return edit


def _is_better(share: float, own: float) -> bool:
    return share >= LEAST and share > own + GAIN


def _prediction(rows: TokenRows, logits: torch.Tensor) -> Iterator[str]:
    """Whether the model predicts the text at all: with another model's tokenizer it does worse than chance."""
    ids = torch.from_numpy(rows.ids.astype(np.int64))
    loss = float(torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()))
    chance = log(logits.shape[-1])
    if loss > WORSE_THAN_CHANCE * chance:
        yield (
            f"the model predicts this text worse than chance ({loss:.1f} nats a token; chance has {chance:.1f}): its "
            "tokenizer is most likely another model's; take the tokenizer files of the model's own repository"
        )
