"""Two SAEs over a space of features, and activations in which some of the features are on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.activations.batch import ActivationBatch, TokenRows
from app.records import SaeRecord
from app.sae.load import LoadedSae
from tests.builders.saes import D_IN, make_sae_record
from tests.builders.text import VOCABULARY

Floats = NDArray[np.float32]

ROW_LENGTH = 24
NO_DIRECTION = 5
DEAD_NARROW, DEAD_REFERENCE, NOVEL = slice(NO_DIRECTION, None, 11), slice(7, None, 13), slice(3, None, 7)
SILENT = -1000.0
"""An encoder bias that no activation outweighs."""


@dataclass(frozen=True)
class World:
    """What a comparison reads.

    Narrow latents fire on two features of the reference SAE, every fifth on one, every seventh on none of them
    (novel). Some latents of both SAEs are dead; one of them has no direction either.
    """

    narrow: LoadedSae
    reference: LoadedSae
    stream: MadeStream


class Encoder:
    """A JumpReLU SAE with as much of SAELens' module as the program uses; importing SAELens takes many seconds."""

    def __init__(self, encoder: Floats, decoder: Floats, bias: Floats) -> None:
        d_sae = len(decoder)
        self.cfg = SimpleNamespace(architecture=lambda: "jumprelu", apply_b_dec_to_input=False, d_sae=d_sae)
        self.W_enc, self.W_dec = torch.from_numpy(encoder), torch.from_numpy(decoder)
        self.b_enc, self.b_dec = torch.from_numpy(bias), torch.zeros(decoder.shape[1])
        self.threshold = torch.zeros(d_sae)

    @staticmethod
    def run_time_activation_norm_fn_in(acts: torch.Tensor) -> torch.Tensor:
        return acts

    run_time_activation_norm_fn_out = run_time_activation_norm_fn_in


class MadeStream:
    """Activations of rows of random tokens; the first of each row is not scored."""

    def __init__(self, acts: Floats, rng: np.random.Generator, description: Mapping[str, Any]) -> None:
        n_rows, length, self.d_in = acts.shape
        ids = rng.integers(len(VOCABULARY), size=(n_rows, length)).astype(np.int32)
        keep = np.tile(np.arange(length) > 0, (n_rows, 1))
        self.rows = TokenRows(ids, keep)
        self.description = description
        self.key = "made"
        self._acts = acts

    def batches(self, start: int, stop: int) -> Iterator[ActivationBatch]:
        rows = self.rows.slice(start, stop)
        row, position = np.nonzero(rows.keep)
        acts = torch.from_numpy(self._acts[start:stop][rows.keep])
        yield ActivationBatch(acts, row + start, position, rows, start)


def make_world(seed: int, n_narrow: int, widths: tuple[int, ...], n_rows: int) -> World:
    """SAEs of `n_narrow` and `widths[-1]` latents, and `n_rows` rows of activations."""
    rng = np.random.default_rng(seed)
    n_reference = widths[-1]
    novel = np.arange(n_narrow)[NOVEL]
    d_in = max(D_IN, n_reference + len(novel))
    features = unit_rows(rng.normal(size=(n_reference + len(novel), d_in)))
    on = sparse(rng, (n_rows, ROW_LENGTH, len(features)))
    on[..., :n_reference][..., DEAD_REFERENCE] = 0
    mixture = mixtures(n_narrow, n_reference, novel)
    # Reads off how strongly each feature is on.
    reading = np.asarray(np.linalg.pinv(features), dtype=np.float64)
    narrow_bias = np.full(n_narrow, -0.3)
    narrow_bias[DEAD_NARROW] = SILENT
    narrow_decoder = mixture @ features
    narrow_decoder[NO_DIRECTION : NO_DIRECTION + 1] = 0
    narrow = make_sae_record("tiny-narrow", d_in=d_in, d_sae=n_narrow)
    reference = make_sae_record("tiny-matryoshka", d_in=d_in, d_sae=n_reference, widths=widths)
    return World(
        loaded(narrow, reading @ mixture.T, narrow_decoder, narrow_bias),
        loaded(reference, reading[:, :n_reference], features[:n_reference], np.full(n_reference, -0.05)),
        MadeStream((on @ features).astype(np.float32), rng, {"made": f"{seed} {n_narrow} {widths} {n_rows}"}),
    )


def mixtures(n_narrow: int, n_reference: int, novel: NDArray[np.int64]) -> NDArray[np.float64]:
    """`[n_narrow, n_reference + len(novel)]` what each narrow latent takes of each feature."""
    latent = np.arange(n_narrow)
    first = 2 * latent % n_reference
    mixture = np.zeros((n_narrow, n_reference + len(novel)))
    mixture[latent, first] = 0.8
    mixture[latent, (first + 1) % n_reference] = np.where(latent % 5 == 1, 0.0, 0.45)
    mixture[novel] = 0
    mixture[novel, n_reference + np.arange(len(novel))] = 1
    return mixture


def loaded(
    record: SaeRecord, encoder: NDArray[np.float64], decoder: NDArray[np.float64], bias: NDArray[np.float64]
) -> LoadedSae:
    """An SAE as if it had been read from its files."""
    rows = unit_rows(decoder).astype(np.float32)
    module = Encoder(encoder.astype(np.float32), rows, bias.astype(np.float32))
    norms = np.linalg.norm(rows, axis=1).astype(np.float32)
    return LoadedSae(record, module, rows, norms, record.matryoshka_widths or (record.d_sae,))


def sparse(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """About one in eight is not zero."""
    return np.asarray(rng.gamma(2.0, 1.0, size=shape) * (rng.random(shape) < 0.12))


def unit_rows(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of length one; zero rows stay zero."""
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.asarray(matrix / np.where(norms > 0, norms, 1))
