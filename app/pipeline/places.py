"""Whether the two SAEs of a comparison read the same place of the same model."""

from __future__ import annotations

from dataclasses import dataclass

from app.activations.hook_names import spelling
from app.activations.hooks import point_of
from app.activations.language_model import LanguageModel
from app.activations.model_names import plain_name, same_model
from app.errors import ModelError, SaeError
from app.pipeline.source import Source
from app.records import BySide, ComparisonRequest, SaeRecord


@dataclass(frozen=True)
class Places:
    """Where the two SAEs of a comparison read.

    Attributes:
        identity: model and hook of each side, spelled so that two names of one place are equal.
        mismatch: how the sides differ; None where they read the same place.
        notes: what else to know, one line each.
    """

    identity: tuple[tuple[str | None, str | None], tuple[str | None, str | None]]
    mismatch: str | None
    notes: tuple[str, ...]


UNKNOWN = Places(((None, None), (None, None)), None, ())
"""Of SAEs whose files name neither model nor hook."""


def check_places(request: ComparisonRequest, saes: BySide[SaeRecord], source: Source) -> Places:
    """Where both SAEs of a comparison read, once it is certain that it is the same place or that a mismatch is wanted.

    A hook or model that an SAE's files do not name is taken to be the requested one, or the other SAE's.

    Raises:
        SaeError: the two SAEs read different hooks or models, or not the hook of the activations.
    """
    mismatches = [*_hook_mismatches(request, saes, source), *_model_mismatches(saes)]
    if mismatches and not request.allow_mismatch:
        raise SaeError(
            f"{'; '.join(mismatches)}: the numbers would mean nothing; compare SAEs that read the same place, or give "
            "--allow-mismatch to do it all the same"
        )
    first, second = (sae.model_name or request.model for sae in saes)
    if first is not None and second is not None and same_model(first, second):
        second = first
    models = tuple(None if name is None else plain_name(name) for name in (first, second))
    hooks = tuple(_place(sae.hook_name or source.hook_name, source.language_model) for sae in saes)
    identity = ((models[0], hooks[0]), (models[1], hooks[1]))
    return Places(identity, "; ".join(mismatches) or None, (*_unknown(request, saes), *_trained_apart(saes, source)))


def _hook_mismatches(request: ComparisonRequest, saes: BySide[SaeRecord], source: Source) -> list[str]:
    read = _place(source.hook_name, source.language_model)
    hooks = [_place(sae.hook_name, source.language_model) for sae in saes]
    if None not in hooks and hooks[0] != hooks[1]:
        (narrow, reference) = saes
        return [f"{narrow.name} reads {narrow.hook_name}, but {reference.name} reads {reference.hook_name}"]
    return [
        f"{sae.name} reads {sae.hook_name}, but the activations are those of {source.hook_name}"
        for sae, hook in zip(saes, hooks, strict=True)
        if hook is not None and read is not None and hook != read
    ]


def _place(hook_name: str | None, language_model: LanguageModel | None) -> str | None:
    """One spelling of a hook, by the model where there is one; the name itself where the model has no such hook."""
    if hook_name is None or language_model is None:
        return None if hook_name is None else spelling(hook_name)
    try:
        return point_of(language_model, hook_name).key
    except ModelError:
        return hook_name


def _model_mismatches(saes: BySide[SaeRecord]) -> list[str]:
    narrow, reference = saes
    if narrow.model_name is None or reference.model_name is None:
        return []
    if same_model(narrow.model_name, reference.model_name):
        return []
    return [f"{narrow.name} is of model {narrow.model_name}, but {reference.name} is of {reference.model_name}"]


def _unknown(request: ComparisonRequest, saes: BySide[SaeRecord]) -> list[str]:
    """What was taken for granted, since files do not say it."""
    notes = []
    for sae in saes:
        missing = [word for word, found in (("model", sae.model_name), ("hook", sae.hook_name)) if found is None]
        if missing:
            notes.append(f"the files of {sae.name} name no {' and no '.join(missing)}: taken to fit the other SAE")
    return notes


def _trained_apart(saes: BySide[SaeRecord], source: Source) -> list[str]:
    """How the activations differ from those that an SAE was trained on."""
    notes = []
    model, rules = source.language_model, source.rules
    for sae in saes:
        if model is not None and sae.model_name is not None and not same_model(sae.model_name, model.name):
            notes.append(f"{sae.name} was trained on {sae.model_name}; the activations are of {model.name}")
        if rules is None:
            continue
        if sae.context_length is not None and sae.context_length != rules.length:
            notes.append(
                f"{sae.name} was trained on rows of {sae.context_length} tokens; rows here have {rules.length}"
            )
        if sae.bos is not None and sae.bos != rules.bos:
            begin = ["without", "with"]
            notes.append(
                f"{sae.name} was trained on rows {begin[sae.bos]} a beginning-of-sequence token; rows here are "
                f"{begin[rules.bos]} one"
            )
    return notes
