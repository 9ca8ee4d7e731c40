"""A look at an SAE before it is registered, for the pages."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from app.activations.language_model import LanguageModel
from app.errors import NotFoundError, PreflightError, SaeError
from app.inference.server.loaded import LoadedModels
from app.inference.wire import PreflightAnswer, PreflightRequest
from app.pipeline.register import inspect_sae
from app.store.read import get_sae


class HeldModels:
    """The worker's models, for what asks for models by name."""

    def __init__(self, holding: LoadedModels) -> None:
        self._holding = holding

    def get(self, name: str) -> LanguageModel:
        """The model of this name. Raises ModelError or WorkerError."""
        return self._holding.model(name)


def look_at(engine: Engine, data_dir: Path, holding: LoadedModels, request: PreflightRequest) -> PreflightAnswer:
    """Load an SAE, check it, try it on a sample; a problem of the SAE is an answer, not an error.

    Args:
        data_dir: folders are looked for in here and nowhere else.

    Raises:
        ModelError, WorkerError: the model can't be used.
    """
    try:
        source, widths = _source(engine, data_dir, request)
    except SaeError as error:
        return PreflightAnswer(record=None, problems=(str(error),))
    try:
        record = inspect_sae(
            source,
            models=HeldModels(holding),
            widths=widths,
            model_name=request.model_name,
            sample=request.sample,
        )
    except PreflightError as error:
        return PreflightAnswer(record=None, problems=tuple(_without(source, line, request) for line in error.problems))
    except SaeError as error:
        return PreflightAnswer(record=None, problems=(_without(source, str(error), request),))
    return PreflightAnswer(record=record, problems=())


def _source(engine: Engine, data_dir: Path, request: PreflightRequest) -> tuple[str, tuple[int, ...] | None]:
    """Where an SAE is, and its declared widths: registered, in the data folder, or on the hub."""
    try:
        record = get_sae(engine, request.source)
    except NotFoundError:
        pass
    else:
        return record.source, request.widths or record.matryoshka_widths
    root = data_dir.resolve()
    path = (root / request.source).resolve()
    if path.is_dir() and path.is_relative_to(root):
        return str(path), request.widths
    if ":" in request.source and not request.source.startswith((".", "/", "~")):
        return request.source, request.widths
    raise SaeError(
        f"{request.source}: expected a registered name, a folder in the worker's data folder, or `release:sae_id`"
    )


def _without(path: str, line: str, request: PreflightRequest) -> str:
    """A message that names an SAE as it was asked for, not where it is on this machine."""
    return line.replace(path, request.source)
