"""`sae add`: load, check against its model, look at a sample, remember."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from app.activations.hook_names import spelling
from app.activations.language_model import ModelShelf
from app.activations.model_names import same_model
from app.activations.stream import ModelStream
from app.activations.text import read_text
from app.errors import HedgescopeError, ModelError, NotFoundError, Place, PreflightError, SaeError, TextError
from app.paths import resource
from app.pipeline.identity import checked_name
from app.pipeline.preflight import findings, low_note
from app.pipeline.sample import reconstruct_sample
from app.pipeline.source import FindFile, as_given, rules_for
from app.records import ComparisonRequest, SaeRecord, SaeRequest
from app.sae.load import LoadedSae, load_sae, prefix
from app.store.read import get_sae
from app.store.write import register_sae

SAMPLE_TOKENS = 4096


def add_sae(
    engine: sa.Engine,
    request: SaeRequest,
    *,
    models: ModelShelf,
    sample: bool = True,
    find_model: FindFile = as_given,
) -> SaeRecord:
    """Check an SAE and register it; arguments as of `checked_sae`.

    Raises:
        SaeError, PreflightError: it can't be used; nothing is registered then.
        ConflictError: its name belongs to another SAE.
    """
    return register_sae(engine, checked_sae(request, models, sample=sample, find_model=find_model))


def checked_sae(
    request: SaeRequest, models: ModelShelf, *, sample: bool = True, find_model: FindFile = as_given
) -> SaeRecord:
    """The record of an SAE, once it is certain that it can be used.

    Args:
        models: language models of this process.
        sample: whether to run it on a few rows of the bundled text.
        find_model: where the model that its own metadata name is; raises HedgescopeError for one that must not be
            read, which is then left out of the record.

    Raises:
        SaeError, PreflightError: it can't be used.
    """
    loaded = load_sae(request.source, name=request.name, widths=request.matryoshka_widths)
    record = _with_hook(_with_model(loaded.record, request.model, find_model), request.hook)
    record = replace(record, name=checked_name(record.name))
    if sample:
        record = _sampled(replace(loaded, record=record), models)
    return record


def _with_model(record: SaeRecord, given: str | None, find_model: FindFile) -> SaeRecord:
    if record.model_name is None:
        return replace(record, model_name=given)
    try:
        named = find_model(record.model_name)
    except HedgescopeError as error:
        note = f"the model that its metadata name was not opened: {error.public}"
        return (
            replace(record, model_name=given) if given is not None else _noted(replace(record, model_name=None), note)
        )
    if given is None or same_model(given, named):
        return replace(record, model_name=given or named)
    return _noted(replace(record, model_name=given), f"its files say that it reads {named}; registered for {given}")


def _with_hook(record: SaeRecord, given: str | None) -> SaeRecord:
    """The record with the hook that the user names. Raises SaeError where its files name another one."""
    if given is not None and record.hook_name is not None and spelling(given) != spelling(record.hook_name):
        raise SaeError(
            f"its files say that it reads {record.hook_name}, but --hook says {given}; leave --hook out",
            place=record.source,
        )
    return replace(record, hook_name=record.hook_name or given)


def _sampled(loaded: LoadedSae, models: ModelShelf) -> SaeRecord:
    """The record with explained variance and L0 on a sample, or with a note why there are none."""
    record = loaded.record
    if record.model_name is None or record.hook_name is None:
        missing = [word for word, found in (("model", record.model_name), ("hook", record.hook_name)) if found is None]
        options = " and ".join(f"--{word}" for word in missing)
        return _noted(record, f"not tried on text: its files name no {' and no '.join(missing)}; give {options}")
    try:
        language_model = models.get(record.model_name)
        text = read_text(str(resource("demo") / "text.jsonl"))
        rules, _ = rules_for(ComparisonRequest("", ""), record, language_model)
        stream = ModelStream(language_model, text, record.hook_name, rules, n_tokens=SAMPLE_TOKENS)
    except (ModelError, TextError) as error:
        return _noted(record, f"not tried on text: {error.public}")
    if stream.d_in != record.d_in:
        raise PreflightError(
            record.source,
            [f"d_in is {record.d_in}, but {record.hook_name} of its model has width {stream.d_in}"],
        )
    found = reconstruct_sample(stream, loaded)
    record = replace(record, explained_variance=found.explained_variance, l0=found.l0)
    for finding in findings(language_model, stream.rows, str(record.hook_name), loaded):
        record = _noted(record, finding)
    note = low_note(found.explained_variance)
    return (
        record if note is None else _noted(record, f"{note} on a sample: is it the right model, hook and architecture?")
    )


def _noted(record: SaeRecord, note: str) -> SaeRecord:
    return replace(record, notes=(*record.notes, note))


def open_sae(engine: sa.Engine, name: str) -> LoadedSae:
    """Load an SAE by registered name, `name@width`, or path; a folder of a registered name is `./name`.

    A path may hold an @ too: where it is there, it is meant.

    Raises:
        SaeError: it can't be loaded, or its file has changed since it was registered.
    """
    if Path(name).expanduser().exists():
        return _load_named(engine, name)
    base, at, width = name.rpartition("@")
    if at and not width.isdecimal():
        raise SaeError("neither a path that is there nor name@width, with a number after the @", place=name)
    return prefix(_load_named(engine, base), int(width)) if at else _load_named(engine, name)


def _load_named(engine: sa.Engine, name: str) -> LoadedSae:
    try:
        record = get_sae(engine, name)
    except NotFoundError as error:
        if Path(name).expanduser().exists():
            return load_sae(name)
        raise SaeError(
            "neither a registered SAE nor a folder; `hedgescope sae list` shows names", place=name
        ) from error
    loaded = load_sae(record.source, name=record.name, widths=record.matryoshka_widths)
    _check_unchanged(loaded, record)
    return replace(loaded, record=record)


def open_recorded(engine: sa.Engine, record: SaeRecord) -> LoadedSae:
    """The whole SAE that a comparison was made with; where `record` is of a prefix, its latents are the first ones.

    A registered SAE of the same name and content is loaded from where it is registered, so that one that was moved
    and registered again is found.

    Raises:
        SaeError: it can't be loaded, or its file has changed since.
    """
    name = record.name.partition("@")[0]
    source = record.source
    try:
        registered = get_sae(engine, name)
    except NotFoundError:
        pass
    else:
        if (registered.checksum, registered.config_checksum) == (record.checksum, record.config_checksum):
            source = registered.source
    loaded = load_sae(source, name=name)
    _check_unchanged(loaded, record)
    return loaded


def _check_unchanged(loaded: LoadedSae, record: SaeRecord) -> None:
    now, then = loaded.record, record
    if (now.checksum, now.config_checksum) != (then.checksum, then.config_checksum):
        what = "weights" if now.checksum != then.checksum else "configuration"
        raise SaeError(
            f"the {what} changed since it was registered; add it again under another name",
            place=Place(f"{record.name} ({record.source})", record.name),
        )
