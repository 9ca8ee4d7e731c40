"""What the comparisons of one run share: SAEs, model, text, and the means they are computed with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from app.activations.language_model import ModelShelf
from app.pipeline.register import open_sae
from app.pipeline.source import FindFile, Request, Source, as_given, open_source
from app.records import SaeRecord
from app.sae.load import LoadedSae


@dataclass(frozen=True)
class Means:
    """With what comparisons are computed; it does not change what is computed.

    Attributes:
        shards: folder or URL that shards are kept in; `shards` in the data folder, if None.
    """

    shards: str | None = None


@dataclass
class Opened:
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

    def source(self, request: Request, narrow: SaeRecord) -> Source:
        """The activations of a request, the same object for all that read the same ones.

        Raises:
            HedgescopeError: model, hook, text or file can't be used.
        """
        asked = replace(request, narrow="", reference="", name=None), narrow.model_name, narrow.hook_name
        if asked not in self._sources:
            self._sources[asked] = open_source(request, narrow, self.models, self.find_file)
        return self._sources[asked]
