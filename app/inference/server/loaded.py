"""The models and SAEs that the worker holds, by name and by record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from app.activations.language_model import LanguageModel, ModelShelf, load_language_model
from app.inference.server.memory import Key, Memory
from app.records import SaeRecord
from app.sae.load import LoadedSae

OpenSae = Callable[[SaeRecord], LoadedSae]


def model_key(name: str) -> Key:
    """Key of a language model."""
    return Key("model", name, name)


def sae_key(record: SaeRecord) -> Key:
    """Key of a whole SAE, also where the record is of a prefix."""
    name = record.name.partition("@")[0]
    return Key("sae", f"{record.checksum}-{record.config_checksum}", name)


class LoadedModels:
    """Loads models and SAEs when they are first used, within a budget of memory. For one thread.

    Args:
        memory: where they are held.
        open_sae: loads the whole SAE of a record, on the processor.
        cache_dir: where converted models are kept.
        device: where they are put.
        dtype: of language models; SAEs stay float32.
    """

    def __init__(
        self,
        memory: Memory[Any],
        open_sae: OpenSae,
        *,
        cache_dir: Path,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.memory = memory
        self.cache_dir = cache_dir
        self.device = device
        self.dtype = dtype
        self._open_sae = open_sae

    def model(self, name: str) -> LanguageModel:
        """The model of this name.

        Raises:
            ModelError: it can't be found or read.
            WorkerError: it does not fit the budget.
        """
        found: LanguageModel = self.memory.get(model_key(name), lambda: self._load_model(name), _model_bytes)
        return found

    def sae(self, record: SaeRecord, *, with_model: str | None) -> LoadedSae:
        """The whole SAE of a record, without the copy of its decoder that only scoring needs.

        Args:
            with_model: the model in use, which stays loaded; None for none.

        Raises:
            SaeError: it can't be loaded, or changed since.
            WorkerError: it does not fit the budget.
        """
        found: LoadedSae = self.memory.get(
            sae_key(record),
            lambda: self._load_sae(record),
            lambda loaded: _tensor_bytes(loaded.module) + loaded.decoder_norms.nbytes,
            expected=4 * record.d_in * record.d_sae * 2,
            needed=() if with_model is None else (model_key(with_model),),
        )
        return found

    def _load_model(self, name: str) -> LanguageModel:
        loaded = load_language_model(name, cache_dir=self.cache_dir, dtype=self.dtype)
        return replace(loaded, model=loaded.model.to(self.device))

    def _load_sae(self, record: SaeRecord) -> LoadedSae:
        loaded = self._open_sae(record)
        return replace(loaded, module=loaded.module.to(self.device), unit_decoder=loaded.unit_decoder[:0].copy())


class WorkersShelf(ModelShelf):
    """The worker's models for what looks at jobs; one of another precision is loaded for the occasion."""

    def __init__(self, models: LoadedModels) -> None:
        super().__init__(models.cache_dir, device=models.device)
        self._models = models

    def get(self, name: str, dtype: str = "float32") -> LanguageModel:
        """The model of this name. Raises ModelError, and WorkerError where it does not fit the worker's memory."""
        if getattr(torch, dtype) == self._models.dtype:
            return self._models.model(name)
        return ModelShelf(self.cache_dir, device=self.device).get(name, dtype)


def _model_bytes(loaded: LanguageModel) -> int:
    return _tensor_bytes(loaded.model)


def _tensor_bytes(module: Any) -> int:
    tensors = [*module.parameters(), *module.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """The model's dtype that a setting means; `auto` is bfloat16 on CUDA, where it halves memory and time."""
    if name == "auto":
        name = "bfloat16" if device.type == "cuda" else "float32"
    dtype: torch.dtype = getattr(torch, name)
    return dtype
