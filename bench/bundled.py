"""The bundled SAEs, and the bundled text through their language model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from app.activations.language_model import ModelShelf
from app.activations.stream import ModelStream
from app.activations.text import read_text
from app.paths import resource
from app.records import ComparisonRequest, Dtype
from app.sae.load import LoadedSae, load_sae
from app.settings import load_settings
from app.sparse.shards import Shard, plan_shards

FOLDERS: tuple[Path, Path] = resource("demo") / "saes" / "narrow", resource("demo") / "saes" / "matryoshka"
"""Of the narrow SAE and of its reference."""


@dataclass(frozen=True)
class Bundled:
    """What the benchmarks of the demo read.

    Attributes:
        saes: narrow and reference.
        dtype: of the model's forward pass.
    """

    saes: tuple[LoadedSae, LoadedSae]
    models: ModelShelf
    dtype: Dtype
    stream: ModelStream

    @property
    def n_tokens(self) -> int:
        """Scored tokens of the stream."""
        return self.stream.rows.n_kept

    @property
    def shards(self) -> list[Shard]:
        """The stream, cut into pieces of work."""
        return plan_shards(self.stream.rows)

    def request(self, name: str) -> ComparisonRequest:
        """A comparison of the SAEs on these tokens."""
        return bundled_request(name, self.n_tokens, dtype=self.dtype)

    def acts(self, n_rows: int | None = None) -> torch.Tensor:
        """`[n_tokens, d_in]` activations of the first rows; of all, if None."""
        stop = len(self.stream.rows) if n_rows is None else min(n_rows, len(self.stream.rows))
        return torch.cat([batch.acts for batch in self.stream.batches(0, stop)])


def bundled_request(name: str, n_tokens: int, *, dtype: Dtype = "float32") -> ComparisonRequest:
    """A comparison of the bundled SAEs on the first tokens of the bundled text."""
    narrow, reference = map(str, FOLDERS)
    return ComparisonRequest(narrow, reference, tokens=n_tokens, name=name, dtype=dtype)


def load_bundled_saes() -> tuple[LoadedSae, LoadedSae]:
    """Narrow and reference."""
    return load_sae(str(FOLDERS[0])), load_sae(str(FOLDERS[1]))


def bundled_text() -> str:
    """Where the bundled text is."""
    return str(resource("demo") / "text.jsonl")


def models_folder() -> Path:
    """Where converted models are kept between runs; made if it is missing."""
    folder = load_settings().data_dir.resolve() / "models"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def open_bundled(n_tokens: int, dtype: Dtype) -> Bundled:
    """Load the SAEs and the model, and tokenize the text."""
    models, saes = ModelShelf(models_folder()), load_bundled_saes()
    record = saes[0].record
    language_model = models.get(str(record.model_name), dtype)
    stream = ModelStream(language_model, read_text(bundled_text()), str(record.hook_name), n_tokens=n_tokens)
    return Bundled(saes, models, dtype, stream)
