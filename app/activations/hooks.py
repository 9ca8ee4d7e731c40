"""What a language model computes at one hook point."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from app.activations.batch import ActivationBatch, TokenRows
from app.activations.device import to_device
from app.activations.hook_names import parse
from app.activations.hook_points import HookPoint, resolve
from app.activations.language_model import ROWS_PER_FORWARD, LanguageModel
from app.errors import ModelError

N_CHECKED = 8
"""Tokens on which the parts of a layer are added up."""

ADDS_UP = {2: 0.05, 4: 1e-4, 8: 1e-6}
"""Bytes of a number -> largest error, relative to the largest activation, of the parts of a layer added up."""

_ONE_AT_A_TIME = threading.Lock()
_POINTS: MutableMapping[Any, dict[str, HookPoint]] = WeakKeyDictionary()


class _HookReached(Exception):
    """Raised by the hook to end the forward pass: later layers are not needed."""


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
    point = point_of(language_model, hook_name)
    with catching(language_model.model, [point], stop=True) as caught, suppress(_HookReached):
        device = language_model.model.device
        mask = None if attention_mask is None else attention_mask.to(device)
        language_model.model(input_ids=to_device(ids, device), attention_mask=mask, use_cache=False)
    if point not in caught:
        raise ModelError(f"hook {hook_name}: the forward pass never reached it")
    value = _by_token(caught[point], ids)
    if value is None:
        raise ModelError(f"hook {hook_name}: has no activation for each token; expected one such as model.layers.8")
    return point.read(value)


@contextmanager
def catching(model: Any, points: Sequence[HookPoint], *, stop: bool = False) -> Iterator[dict[HookPoint, Any]]:
    """What a forward pass in the block computes at some hook points.

    Args:
        stop: whether the pass ends at the first of them.
    """
    caught: dict[HookPoint, Any] = {}

    def catcher(point: HookPoint) -> Any:
        def catch(_module: Any, args: Any, kwargs: Any, output: Any = None) -> None:
            value = (args[0] if args else kwargs["hidden_states"]) if point.is_input else output
            caught[point] = value[0] if isinstance(value, tuple) else value
            if stop:
                raise _HookReached

        return catch

    handles = []
    for point in points:
        module = model.get_submodule(point.module)
        register = module.register_forward_pre_hook if point.is_input else module.register_forward_hook
        handles.append(register(catcher(point), with_kwargs=True))
    try:
        yield caught
    finally:
        for handle in handles:
            handle.remove()


def _by_token(value: Any, ids: torch.Tensor) -> torch.Tensor | None:
    """A caught tensor as `[n_rows, row_length, width]`; None where it has no activation for each token."""
    if not isinstance(value, torch.Tensor):
        return None
    if value.ndim == 2 and len(value) == ids.numel():
        # OPT's layers work on all rows at once.
        return value.view(*ids.shape, -1)
    return value if value.ndim == 3 and value.shape[:-1] == ids.shape else None


def point_of(language_model: LanguageModel, hook_name: str) -> HookPoint:
    """The tensor that a hook name means on this model, looked up once.

    Raises:
        ModelError: the model has no such place, or what is there is not what the name means in this model.
    """
    known = _POINTS.setdefault(language_model.model, {})
    if hook_name not in known:
        point = resolve(language_model.model, hook_name)
        _check_adds_up(language_model, hook_name)
        known[hook_name] = point
    return known[hook_name]


def _check_adds_up(language_model: LanguageModel, hook_name: str) -> None:
    """Make sure that what attention and MLP are said to add is what a layer adds. Raises ModelError."""
    match = re.fullmatch(r"blocks\.(\d+)\.hook_(mlp_out|attn_out|resid_mid|mlp_in)", parse(hook_name).place)
    if match is None:
        return
    model, layer = language_model.model, f"blocks.{match[1]}"
    names = ("hook_resid_pre", "hook_attn_out", "hook_mlp_out", "hook_resid_post")
    points = [resolve(model, f"{layer}.{name}") for name in names]
    if match[2] in ("resid_mid", "mlp_in"):
        points = [*points[:2], resolve(model, f"{layer}.hook_resid_mid")]
    ids = torch.arange(N_CHECKED)[None].to(model.device)
    with catching(model, points) as caught:
        model(input_ids=ids, use_cache=False)
    *added, result = (point.read(_by_token(caught[point], ids)).float() for point in points)  # type: ignore[arg-type]
    off = float((sum(added) - result).abs().max() / result.abs().max())
    if off > ADDS_UP[model.dtype.itemsize]:
        raise ModelError(
            f"hook {hook_name}: the layers of this model do not add attention and MLP to the residual stream one after "
            f"the other (off by {off:.2g}); name the module by its path, such as {points[0].module}"
        )


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
        if not torch.isfinite(kept).all():
            raise ModelError(f"hook {hook_name}: has activations that are NaN or infinite; is the model damaged?")
        yield ActivationBatch(
            kept, row.astype(np.int64) + first_row + start, position.astype(np.int64), part, first_row + start
        )
