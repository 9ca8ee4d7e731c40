"""What the comparisons of one run share: SAEs, model, text, and what they are computed with."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import sqlalchemy as sa
import torch

from app.activations.device import choose_device
from app.activations.language_model import ModelShelf
from app.activations.stream import ActivationStream
from app.errors import ExecutorError, SettingsError
from app.executor.base import Executor
from app.executor.device import Device
from app.executor.local import LocalExecutor
from app.pipeline.register import open_sae
from app.pipeline.source import FindFile, Source, as_given, open_source
from app.records import ComparisonRequest, SaeRecord
from app.sae.load import LoadedSae, load_sae
from app.settings import Settings


@dataclass(frozen=True)
class Resources:
    """What comparisons are computed with; it does not change the numbers.

    Attributes:
        shards: folder or URL that shards are kept in; `shards` in the data folder, if None.
        executor: runs the shards; this process, if None.
        device: what other processes compute on, as the settings have it.
    """

    shards: str | None = None
    executor: Executor | None = None
    device: str = "auto"


@dataclass
class OpenFiles:
    """SAEs and activations by what the user called them, each opened once.

    Args:
        find_file: where the files that requests name are.
    """

    engine: sa.Engine
    models: ModelShelf
    find_file: FindFile = as_given
    _saes: dict[str, LoadedSae] = field(default_factory=dict)
    _sources: dict[object, Source] = field(default_factory=dict)

    def sae(self, name: str) -> LoadedSae:
        """An SAE by registered name, `name@width`, or path.

        Raises:
            SaeError: it can't be loaded.
        """
        if name not in self._saes:
            self._saes[name] = open_sae(self.engine, name)
        return self._saes[name]

    def source(self, request: ComparisonRequest, narrow: SaeRecord) -> Source:
        """The activations of a request, the same object for all that read the same ones.

        Raises:
            HedgescopeError: model, hook, text or file can't be used.
        """
        reading = (narrow.model_name, narrow.hook_name, narrow.context_length, narrow.bos, narrow.positions)
        asked = replace(request, narrow="", reference="", name=None, allow_mismatch=False), reading
        if asked not in self._sources:
            self._sources[asked] = open_source(request, narrow, self.models, self.find_file)
        return self._sources[asked]


@dataclass(frozen=True)
class SaeFiles:
    """An SAE by where its files are.

    Attributes:
        source, name, widths: as `load_sae` takes them.
        shard_key: what it has to have once it is loaded.
    """

    source: str
    name: str
    widths: tuple[int, ...] | None
    shard_key: str

    def load(self) -> LoadedSae:
        """The SAE.

        Raises:
            ExecutorError: it is another one on this machine.
            SaeError: it can't be loaded here.
        """
        loaded = load_sae(self.source, name=self.name, widths=self.widths)
        if loaded.shard_key != self.shard_key:
            raise ExecutorError(
                "holds another SAE here than on the machine that started the run; put SAEs on a path "
                "that is the same everywhere",
                place=self.source,
            )
        return loaded


def files_of(sae: LoadedSae) -> SaeFiles:
    """Where another process finds it; a prefix as the whole SAE it is of."""
    widths = sae.whole_levels if len(sae.whole_levels) > 1 else None
    return SaeFiles(sae.record.source, sae.record.name.partition("@")[0], widths, sae.shard_key)


@dataclass(frozen=True)
class OpenRemotely:
    """Opens a stream and its SAEs in another process, without a database.

    Attributes:
        request, narrow: what decides the stream.
        saes: those to encode it with.
        models: folder of converted models of that machine.
        device, rows_per_forward: as the settings have them.
    """

    request: ComparisonRequest
    narrow: SaeRecord
    saes: tuple[SaeFiles, ...]
    models: Path
    device: str = "auto"
    rows_per_forward: int | None = None

    def __call__(self) -> tuple[ActivationStream, Sequence[LoadedSae]]:
        """(stream, SAEs).

        Raises:
            HedgescopeError: something can't be used on this machine.
        """
        shelf = ModelShelf(self.models, device=choose_device(self.device), rows_per_forward=self.rows_per_forward)
        source = open_source(self.request, self.narrow, shelf)
        return source.stream, [sae.load() for sae in self.saes]


def remote_opener(
    request: ComparisonRequest, narrow: SaeRecord, saes: Sequence[LoadedSae], models: ModelShelf, device: str
) -> OpenRemotely:
    """What another process needs; files are named by their whole path."""
    there = replace(request, text=_whole_path(request.text), activations=_whole_path(request.activations))
    return OpenRemotely(
        request=there,
        narrow=narrow,
        saes=tuple(files_of(sae) for sae in saes),
        models=models.cache_dir.resolve(),
        device=device,
        rows_per_forward=models.rows_per_forward,
    )


def resources_of(settings: Settings) -> Resources:
    """What the settings say.

    Raises:
        SettingsError: the device is not there, or Ray is not installed.
        ExecutorError: the cluster can't be reached.
    """
    if settings.engine == "local":
        return Resources(settings.shards, LocalExecutor(Device.of(choose_device(settings.device))))
    if importlib.util.find_spec("ray") is None:
        raise SettingsError("engine is ray, but Ray is not installed; run `pip install -c constraints.txt -e '.[ray]'`")
    from app.executor.ray import Needs, RayExecutor

    needs = Needs(settings.ray_cpus_per_task, settings.ray_gpus_per_task, settings.ray_retries, settings.device)
    return Resources(settings.shards, RayExecutor(needs), settings.device)


def shelf_of(settings: Settings) -> ModelShelf:
    """The language models of this process, as the settings say.

    Raises:
        SettingsError: the device is not there.
    """
    device = torch.device("cpu") if settings.engine == "ray" else choose_device(settings.device)
    return ModelShelf(settings.data_dir / "models", device=device, rows_per_forward=settings.rows_per_forward)


def _whole_path(name: str | None) -> str | None:
    if name is None or Path(name).exists():
        return None if name is None else str(Path(name).resolve())
    file, mark, options = name.partition("?")
    return f"{Path(file).resolve()}{mark}{options}" if mark and Path(file).exists() else name
