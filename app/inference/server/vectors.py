"""Weights of single latents."""

from __future__ import annotations

import torch

from app.inference.server.loaded import LoadedModels
from app.inference.wire import VectorsAnswer
from app.records import SaeRecord


@torch.inference_mode()
def read_vectors(models: LoadedModels, record: SaeRecord, start: int, n: int) -> VectorsAnswer:
    """Weights of latents `start` … `start + n - 1` of an SAE. Raises SaeError, WorkerError."""
    module = models.sae(record, with_model=record.model_name).module
    some = slice(start, start + n)
    bias = getattr(module, "b_enc", None)
    return VectorsAnswer.model_construct(
        d_in=record.d_in,
        decoder=_bytes(module.W_dec[some]),
        encoder=_bytes(module.W_enc[:, some].T),
        encoder_bias=None if bias is None else _bytes(bias[some]),
    )


def _bytes(values: torch.Tensor) -> bytes:
    return values.detach().to("cpu", torch.float32).contiguous().numpy().astype("<f4").tobytes()
