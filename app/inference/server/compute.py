"""Batches of prompts through the model and the SAEs: few forward passes, each SAE encodes once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from app.activations.batch import TokenRows
from app.activations.hooks import activations_of
from app.activations.language_model import LanguageModel
from app.errors import HedgescopeError, PromptError
from app.inference.server.loaded import LoadedModels, sae_key
from app.records import SaeRecord
from app.sae.load import LoadedSae
from app.sparse.encode import encode

ENCODED_AT_ONCE = 1 << 25
"""Pre-activations in memory at once: 134 MB in float32."""

PASS_TOKENS = {"cpu": 24, "cuda": 4096}
"""Cost of a forward pass in addition to its tokens, in tokens. SmolLM2-135M up to layer 8 takes 17 ms of one core per
pass and 0.65 ms per token; 16 to 96 give the same within 3 %. On a GPU a single pass is the fastest."""


@dataclass(frozen=True)
class Prompt:
    """A text that is ready to be read.

    Attributes:
        row: its tokens, one row.
        model_name, hook_name: what reads it, and where.
        saes: records of (narrow, reference).
    """

    row: TokenRows
    model_name: str
    hook_name: str
    saes: tuple[SaeRecord, SaeRecord]

    @property
    def n_tokens(self) -> int:
        """Length of the row."""
        return int(self.row.ids.shape[1])


@dataclass(frozen=True)
class Active:
    """Active latents of the tokens of a text.

    Attributes:
        token: `[nnz]` int64 place in the text, ascending.
        latent: `[nnz]` int32, ascending within a token.
        value: `[nnz]` float32, > 0.
    """

    token: NDArray[np.int64]
    latent: NDArray[np.int32]
    value: NDArray[np.float32]


@dataclass(frozen=True)
class Read:
    """Active latents of both SAEs, (narrow, reference), on a text."""

    sides: tuple[Active, Active]


def read_batch(models: LoadedModels, prompts: list[Prompt]) -> Sequence[Read | Exception]:
    """Read all prompts, those of one model and hook together.

    A prompt that can't be read does not affect the others.
    """
    results: dict[int, Read | Exception] = {}
    groups: dict[tuple[str, str], list[int]] = {}
    for place, prompt in enumerate(prompts):
        groups.setdefault((prompt.model_name, prompt.hook_name), []).append(place)
    for places in groups.values():
        results.update(zip(places, _read_group(models, [prompts[place] for place in places]), strict=True))
    return [results[place] for place in range(len(prompts))]


def _read_group(models: LoadedModels, prompts: list[Prompt]) -> Sequence[Read | Exception]:
    try:
        return _read_together(models, prompts)
    except Exception as error:  # noqa: BLE001 - returned for its prompt
        if len(prompts) == 1 or isinstance(error, HedgescopeError):
            return [error] * len(prompts)
        # One of them may be the reason.
        return [result for prompt in prompts for result in _read_group(models, [prompt])]


def _read_together(models: LoadedModels, prompts: list[Prompt]) -> Sequence[Read | Exception]:
    language_model = models.model(prompts[0].model_name)
    acts = _activations(language_model, prompts)
    encoded: dict[str, list[Active] | Exception] = {}
    for record in (record for prompt in prompts for record in prompt.saes):
        identity = sae_key(record).identity
        if identity not in encoded:
            encoded[identity] = _encoded(models, record, prompts, acts)
    return [_result(prompt, place, encoded) for place, prompt in enumerate(prompts)]


@torch.inference_mode()
def _activations(language_model: LanguageModel, prompts: Sequence[Prompt]) -> torch.Tensor:
    """`[n_scored, d_in]` float32 of the scored tokens of all prompts, in order."""
    device = torch.device(language_model.model.device)
    found: list[torch.Tensor] = [torch.empty(0)] * len(prompts)
    for group in passes_of([prompt.n_tokens for prompt in prompts], PASS_TOKENS.get(device.type, PASS_TOKENS["cuda"])):
        for place, acts in zip(group, _one_pass(language_model, [prompts[place] for place in group]), strict=True):
            found[place] = acts
    return torch.cat(found)


def passes_of(lengths: Sequence[int], pass_tokens: int) -> list[list[int]]:
    """Which rows go through the model together, so that the least is computed.

    A pass costs the length of its longest row for each of its rows, plus `pass_tokens`. The best passes are stretches
    of the rows in order of length; they are found from the shortest row on.

    Args:
        lengths: tokens of each row; at least one row.
        pass_tokens: cost of a pass in addition to its tokens, in tokens.

    Returns:
        The places of the rows of each pass.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    # Of the first so many rows: (cost of the best passes, where the last of them begins).
    best = [(0, 0)]
    for stop in range(1, len(order) + 1):
        longest = lengths[order[stop - 1]]
        best.append(min((best[start][0] + pass_tokens + (stop - start) * longest, start) for start in range(stop)))
    passes, stop = [], len(order)
    while stop:
        start = best[stop][1]
        passes.append(order[start:stop])
        stop = start
    return passes


def _one_pass(language_model: LanguageModel, prompts: Sequence[Prompt]) -> list[torch.Tensor]:
    """`[n_scored, d_in]` float32 of each prompt, from one forward pass.

    Rows end at different places: the model attends to what comes before only, so what stands after a
    row's end changes nothing in it; the mask says so once more.
    """
    length = max(prompt.n_tokens for prompt in prompts)
    ids = np.zeros((len(prompts), length), dtype=np.int64)
    mask = np.zeros((len(prompts), length), dtype=np.int64)
    keep = np.zeros((len(prompts), length), dtype=np.bool_)
    for place, prompt in enumerate(prompts):
        ids[place, : prompt.n_tokens] = prompt.row.ids[0]
        mask[place, : prompt.n_tokens] = 1
        keep[place, : prompt.n_tokens] = prompt.row.keep[0]
    attention_mask = None if mask.all() else torch.from_numpy(mask)
    acts = activations_of(language_model, torch.from_numpy(ids), prompts[0].hook_name, attention_mask)
    scored = acts[torch.from_numpy(keep).to(acts.device)].float()
    return list(torch.split(scored, keep.sum(axis=1).tolist()))


def _encoded(
    models: LoadedModels, record: SaeRecord, prompts: Sequence[Prompt], acts: torch.Tensor
) -> list[Active] | Exception:
    """Active latents of each prompt, by the whole SAE; also of prompts that do not use this SAE."""
    if acts.shape[1] != record.d_in:
        return PromptError(
            f"SAE {record.name} reads activations of width {record.d_in}, but this comparison's model has width "
            f"{acts.shape[1]} at {prompts[0].hook_name}",
            parameter="slug",
        )
    try:
        loaded = models.sae(record, with_model=prompts[0].model_name)
    except HedgescopeError as error:
        return error
    return _by_prompt(loaded, prompts, acts)


def _by_prompt(loaded: LoadedSae, prompts: Sequence[Prompt], acts: torch.Tensor) -> list[Active]:
    step = max(1, ENCODED_AT_ONCE // int(loaded.module.cfg.d_sae))
    parts = [encode(loaded, part) for part in acts.split(step)]
    counts = np.concatenate([part.counts for part in parts]) if parts else np.zeros(0, np.int64)
    latent = np.concatenate([part.latent for part in parts]) if parts else np.zeros(0, np.int32)
    value = np.concatenate([part.value for part in parts]) if parts else np.zeros(0, np.float32)
    bounds = np.concatenate([[0], np.cumsum(counts)])
    found, first = [], 0
    for prompt in prompts:
        scored = np.flatnonzero(prompt.row.keep[0])
        last = first + len(scored)
        own = slice(bounds[first], bounds[last])
        token = np.repeat(scored, counts[first:last])
        found.append(Active(token, latent[own], value[own]))
        first = last
    return found


def _result(prompt: Prompt, place: int, encoded: dict[str, list[Active] | Exception]) -> Read | Exception:
    sides = []
    for record in prompt.saes:
        of_all = encoded[sae_key(record).identity]
        if isinstance(of_all, Exception):
            return of_all
        sides.append(_prefix(of_all[place], record.d_sae))
    return Read((sides[0], sides[1]))


def _prefix(active: Active, width: int) -> Active:
    """The first `width` latents only."""
    inside = active.latent < width
    if inside.all():
        return active
    return Active(active.token[inside], active.latent[inside], active.value[inside])
