"""What a language model computes at one hook point."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from app.activations.batch import ActivationBatch, TokenRows
from app.activations.device import to_device
from app.activations.language_model import ROWS_PER_FORWARD, LanguageModel
from app.errors import ModelError

_ONE_AT_A_TIME = threading.Lock()


class _HookReached(Exception):
    """Raised by the hook to end the forward pass: later layers are not needed."""


def hook_module(model: Any, hook_name: str) -> tuple[Any, bool]:
    """The module a hook name means, and whether its input (not its output) is meant.

    Understands module paths (`model.layers.8`) and TransformerLens names
    (`blocks.8.hook_resid_post`, `hook_resid_pre`, `hook_mlp_out`, `hook_attn_out`).

    Raises:
        ModelError: the model has no such module.
    """
    match = re.fullmatch(r"blocks\.(\d+)\.(?:hook_(resid_pre|resid_post|mlp_out|attn_out))", hook_name)
    module_name, is_input = hook_name, False
    if match:
        layer, kind = match.groups()
        suffix = {"resid_pre": "", "resid_post": "", "mlp_out": ".mlp", "attn_out": ".self_attn"}[kind]
        module_name, is_input = f"model.layers.{layer}{suffix}", kind == "resid_pre"
    try:
        module = model.get_submodule(module_name)
    except AttributeError as error:
        n_layers = getattr(model.config, "num_hidden_layers", 0)
        raise ModelError(
            f"hook {hook_name}: this model has no module {module_name}; it has model.layers.0 to "
            f"model.layers.{n_layers - 1}"
        ) from error
    return module, is_input


def activations_of(
    language_model: LanguageModel, ids: torch.Tensor, hook_name: str, attention_mask: torch.Tensor | None = None
) -> torch.Tensor:
    """Activations at a hook point; the forward pass ends there.

    Args:
        ids: `[n_rows, row_length]` int64 token ids.
        attention_mask: `[n_rows, row_length]` int64, 0 on the places after a row's end where rows have different
            lengths; None where all places are tokens.

    Returns:
        `[n_rows, row_length, d_in]` in the model's dtype.
    """
    # A hook is the model's, not the thread's: without the lock two threads would catch each other's activations.
    with _ONE_AT_A_TIME:
        return _caught(language_model, ids, hook_name, attention_mask)


@torch.inference_mode()
def _caught(
    language_model: LanguageModel, ids: torch.Tensor, hook_name: str, attention_mask: torch.Tensor | None
) -> torch.Tensor:
    module, is_input = hook_module(language_model.model, hook_name)
    caught: list[Any] = []

    def catch(_module: Any, args: Any, kwargs: Any, output: Any = None) -> None:
        value = (args[0] if args else kwargs["hidden_states"]) if is_input else output
        caught.append(value[0] if isinstance(value, tuple) else value)
        raise _HookReached

    if is_input:
        handle = module.register_forward_pre_hook(catch, with_kwargs=True)
    else:
        handle = module.register_forward_hook(catch, with_kwargs=True)
    try:
        device = language_model.model.device
        mask = None if attention_mask is None else attention_mask.to(device)
        language_model.model(input_ids=to_device(ids, device), attention_mask=mask, use_cache=False)
    except _HookReached:
        pass
    finally:
        handle.remove()
    if not caught:
        raise ModelError(f"hook {hook_name}: the forward pass never reached it")
    if not isinstance(caught[0], torch.Tensor) or caught[0].shape[:-1] != ids.shape:
        raise ModelError(f"hook {hook_name}: has no activation for each token; expected one such as model.layers.8")
    return caught[0]


def hook_width(language_model: LanguageModel, hook_name: str) -> int:
    """Width of the activations at a hook point: the residual stream's, or wider inside an MLP.

    Raises:
        ModelError: the model has no such hook point.
    """
    return int(activations_of(language_model, torch.tensor([[0]]), hook_name).shape[-1])


def model_batches(
    language_model: LanguageModel,
    rows: TokenRows,
    hook_name: str,
    *,
    first_row: int = 0,
    rows_per_forward: int = ROWS_PER_FORWARD,
) -> Iterator[ActivationBatch]:
    """Activations of the scored tokens of `rows`, one batch a forward pass, in order.

    Args:
        first_row: index in the whole text of the first of `rows`.
    """
    for start in range(0, len(rows), rows_per_forward):
        part = rows.slice(start, start + rows_per_forward)
        acts = activations_of(language_model, torch.from_numpy(part.ids.astype(np.int64)), hook_name)
        row, position = np.nonzero(part.keep)
        kept = acts[to_device(torch.from_numpy(part.keep), acts.device)].float()
        yield ActivationBatch(
            kept, row.astype(np.int64) + first_row + start, position.astype(np.int64), part, first_row + start
        )
