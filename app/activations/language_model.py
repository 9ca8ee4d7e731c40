"""A language model, from a folder, a GGUF file or a hub name, read at one hook point."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from app.activations.checkpoint import first_line, from_pretrained, load_whole, refuse_pointers
from app.activations.gguf_tokenizer import gguf_tokenizer
from app.activations.layers import text_config
from app.activations.model_names import model_source
from app.disk import full, is_full
from app.errors import ModelError
from app.hashing import file_checksum
from app.records import DTYPES

ROWS_PER_FORWARD = 16
"""Rows in one forward pass: 16 × 128 tokens is where matmul on two cores stops getting faster."""

CONVERSION = "v2"
"""Of the way in which GGUF files are converted: copies of another one are left alone."""

PARTIAL_SUFFIX = ".partial"
"""Of a converted model's folder while it is being written."""


@dataclass(frozen=True)
class LanguageModel:
    """A causal language model and its tokenizer.

    Attributes:
        name: what the user named.
        checksum: SHA-256 of the weight file(s), hexadecimal; of name and revision for hub models.
        model: the transformers model, in evaluation mode.
        tokenizer: its tokenizer.
        d_in: width of the residual stream.
    """

    name: str
    checksum: str
    model: Any
    tokenizer: Any
    d_in: int


class ModelShelf:
    """Language models of this process, each loaded once.

    Args:
        cache_dir: where converted models are kept.
        device: that they compute on.
        rows_per_forward: rows in one forward pass; as many as fit, if None.
    """

    def __init__(
        self, cache_dir: Path, *, device: torch.device | None = None, rows_per_forward: int | None = None
    ) -> None:
        self.cache_dir = cache_dir
        self.rows_per_forward = rows_per_forward
        self.device = device or torch.device("cpu")
        self._loaded: dict[tuple[str, str], LanguageModel] = {}

    def get(self, name: str, dtype: str = "float32") -> LanguageModel:
        """The model of this name, loaded at the first call.

        Args:
            dtype: one of `DTYPES`, of its weights and of the forward pass.

        Raises:
            ModelError: it can't be found or read.
        """
        if dtype not in DTYPES:
            raise ModelError(f"dtype {dtype!r}: expected {' or '.join(DTYPES)}")
        if (name, dtype) not in self._loaded:
            loaded = load_language_model(name, cache_dir=self.cache_dir, dtype=getattr(torch, dtype))
            self._loaded[name, dtype] = replace(loaded, model=loaded.model.to(self.device))
        return self._loaded[name, dtype]


def load_language_model(name: str, *, cache_dir: Path, dtype: torch.dtype = torch.float32) -> LanguageModel:
    """Load a model and its tokenizer.

    A GGUF file is converted once and kept as safetensors in `cache_dir`: converting takes about
    20 seconds for 135 million parameters, loading the copy one.

    Raises:
        ModelError: it can't be found or read.
    """
    found = model_source(name)
    if found.gguf_file is not None:
        assert isinstance(found.place, Path)
        refuse_pointers([found.place / found.gguf_file])
        checksum = file_checksum(found.place / found.gguf_file)
        folder = cache_dir / f"{Path(found.gguf_file).stem}-{checksum[:12]}-{CONVERSION}"
        if not folder.is_dir():
            _convert_gguf(found.place, found.gguf_file, folder)
        model, tokenizer = from_pretrained(folder, dtype)
    else:
        model, tokenizer = from_pretrained(found.place, dtype, found.revision)
        checksum = _source_checksum(found.place, model)
    model.eval().requires_grad_(False)
    return LanguageModel(name, checksum, model, tokenizer, int(text_config(model).hidden_size))


def load_tokenizer(name: str, *, cache_dir: Path) -> Any | None:
    """A model's tokenizer alone, where it is on this machine and readable; None where it isn't."""
    from transformers import AutoTokenizer

    try:
        found = model_source(name)
        source, gguf_file = found.place, found.gguf_file
        if not isinstance(source, Path):
            return None
        if gguf_file is None:
            return AutoTokenizer.from_pretrained(source)
        name = f"{Path(gguf_file).stem}-*-{CONVERSION}"
        copies = [path.parent for path in sorted(cache_dir.glob(f"{name}/tokenizer.json"))]
        for copy in copies:
            if copy.suffix != PARTIAL_SUFFIX:
                return AutoTokenizer.from_pretrained(copy)
        return gguf_tokenizer(source, gguf_file)
    except (ModelError, OSError, ValueError):
        return None


def _convert_gguf(source: Path, gguf_file: str, folder: Path) -> None:
    """Write the dequantized model and its tokenizer to `folder`, all or nothing, also if two processes do."""
    partial = folder.with_name(f"{folder.name}.{os.getpid()}{PARTIAL_SUFFIX}")
    shutil.rmtree(partial, ignore_errors=True)
    n_bytes = (source / gguf_file).stat().st_size  # what is written is larger, by how much is not known yet
    try:
        partial.mkdir(parents=True)
        gguf_tokenizer(source, gguf_file).save_pretrained(partial)
        model = load_whole(source / gguf_file, source, gguf_file=gguf_file, dtype=torch.float32)
        # The weights are plain float32 now; transformers would refuse to save what it still
        # believes to be a quantized model.
        del model.config.quantization_config
        model.hf_quantizer = None
        n_bytes = sum(tensor.nbytes for tensor in model.state_dict().values())
        model.save_pretrained(partial)
    except Exception as error:
        shutil.rmtree(partial, ignore_errors=True)
        if is_full(error):
            remedy = "free some space there, then run the command again or resume the job"
            raise full(ModelError, folder, n_bytes, remedy, doing="while a model is converted into it") from error
        if isinstance(error, ModelError):
            raise
        reason = first_line(error)
        raise ModelError("transformers can't read this GGUF file", place=source / gguf_file, reason=reason) from error
    try:
        partial.rename(folder)
    except OSError:
        # Another process converted the same file first: its copy is as good.
        shutil.rmtree(partial, ignore_errors=True)
        if not folder.is_dir():
            raise


def _source_checksum(source: Path | str, model: Any) -> str:
    if isinstance(source, Path):
        return file_checksum(*sorted(source.glob("*.safetensors")), *sorted(source.glob("config.json")))
    revision = getattr(model.config, "_commit_hash", None) or "unknown"
    return hashlib.sha256(f"{source}@{revision}".encode()).hexdigest()
