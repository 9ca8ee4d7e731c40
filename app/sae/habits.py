"""How an SAE was trained to read its model: rows, beginning of sequence, positions, attention head, centring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CENTRING = "center_writing_weights"
CHANGES_HEADS = ("fold_value_biases", "refactor_factored_attn_matrices")
"""Ways of loading a model that change what its heads compute, and nothing else that an SAE reads."""

HARMLESS = ("fold_ln", "center_unembed", "dtype", "torch_dtype", "device", "n_devices", "trust_remote_code", "n_ctx")
"""Ways of loading a model that change none of the activations that have a name here."""


@dataclass(frozen=True)
class Habits:
    """What the metadata of an SAE say about the activations that it was trained on.

    Attributes:
        context_length: tokens per row; None where not said.
        bos: whether rows began with the beginning-of-sequence token; None where not said.
        positions: first position that it was trained on, and the one after the last; None for all.
        suffix: of the hook name: the attention head, and centring.
        revision: of the model on the Hub; None for the default.
        problems, notes: what can't be honoured here, one line each: it would be wrong, or is worth knowing.
    """

    context_length: int | None
    bos: bool | None
    positions: tuple[int | None, int | None] | None
    suffix: str
    revision: str | None
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def habits_of(metadata: Mapping[str, Any]) -> Habits:
    """The habits that an SAE's metadata name, under SAELens' keys."""
    context, bos, head = (metadata.get(key) for key in ("context_size", "prepend_bos", "hook_head_index"))
    loading = metadata.get("model_from_pretrained_kwargs")
    loading = loading if isinstance(loading, Mapping) else {}
    revision = loading.get("revision")
    has_head = isinstance(head, int) and not isinstance(head, bool)
    is_centred = bool(loading.get(CENTRING))
    problems, notes = _of_loading(loading, str(metadata.get("hook_name") or ""))
    return Habits(
        context_length=context if isinstance(context, int) and context > 1 else None,
        bos=bos if isinstance(bos, bool) else None,
        positions=_positions(metadata.get("seqpos_slice")),
        suffix=(f", head {head}" if has_head else "") + (", centred" if is_centred else ""),
        revision=revision if isinstance(revision, str) else None,
        problems=tuple(problems),
        notes=(*notes, *_of_rows(metadata)),
    )


def _positions(value: Any) -> tuple[int | None, int | None] | None:
    """`seqpos_slice` of SAELens: the arguments of a slice."""
    if not isinstance(value, list | tuple) or not all(each is None or isinstance(each, int) for each in value):
        return None
    first, last = (None, *value)[-2:] if len(value) == 1 else tuple(value[:2]) or (None, None)
    return None if first is None and last is None else (first, last)


def _of_loading(loading: Mapping[str, Any], hook_name: str) -> tuple[list[str], list[str]]:
    """(problems, notes) of how the model was loaded for training."""
    problems, notes = [], []
    if loading.get(CENTRING):
        notes.append(
            f"trained with {CENTRING}: the mean of each activation is taken off in models with LayerNorm, as "
            "TransformerLens does; it does nothing in models with RMSNorm"
        )
    for name, value in loading.items():
        if not value or name in (CENTRING, "revision", *HARMLESS):
            continue
        if name in CHANGES_HEADS:
            if "hook_z" in hook_name:
                problems.append(f"trained on a model loaded with {name}, which changes {hook_name}: not supported")
        else:
            notes.append(f"trained on a model loaded with {name}={value!r}, which is not done here")
    return problems, notes


def _of_rows(metadata: Mapping[str, Any]) -> list[str]:
    notes = []
    if metadata.get("disable_concat_sequences"):
        notes.append(
            "trained on rows of one document each (disable_concat_sequences); here documents follow one another"
        )
    if (separator := metadata.get("sequence_separator_token")) not in (None, "bos"):
        notes.append(f"trained with {separator!r} between documents; here the beginning-of-sequence token is")
    positions = metadata.get("seqpos_slice")
    if isinstance(positions, list | tuple) and len(positions) == 3 and positions[2] not in (None, 1):
        notes.append(f"trained on every {positions[2]}th position of a row; here on every one")
    if isinstance(metadata.get("exclude_special_tokens"), list | tuple):
        notes.append("trained without a list of tokens (exclude_special_tokens); here special tokens are left out")
    return notes
