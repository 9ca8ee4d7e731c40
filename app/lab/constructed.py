"""Latents whose failure is known because it was built in: clean, hedged, absorbed, split.

SAEs that are trained show these failures mixed and in small numbers. Here each narrow latent is made by hand, on
a world of orthonormal features, with noise on weights and inputs; a reference has the features themselves:

    clean     the latent is the feature
    hedged    parts of one or two features that come with its own are mixed into decoder and encoder
    absorbed  the decoder is the parent; its encoder has a negative part of the child, so it is silent where the
              child fires, and another latent holds parent and child together
    split     the latent is the feature; the reference has two latents for it, one for each of two shades
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from app.activations.language_model import ModelShelf
from app.arrays import Float32s
from app.lab.scratch import scratch_database
from app.pipeline.run import run
from app.progress import silent
from app.records import ComparisonRequest
from app.store.read import columns, partners_of_narrow

FINDINGS = ("clean", "hedged", "absorbed", "split")
N_EACH = 10
"""Narrow latents of each kind."""

N_TOKENS = 24_576
FIRES = 0.06, 0.12
"""Probability of a feature: smallest, largest."""

COMES = 0.25, 0.45
"""Probability of a companion or child on tokens with its feature."""

ALONE = 0.01
"""Of a companion on other tokens; a child never fires alone."""

MIXED = 0.4, 0.8
"""Length of a companion in a hedged latent, that of its own feature being 1."""

SHADE = 0.15, 0.3
"""How far a shade is from its feature: smallest, largest."""

WEIGHT_NOISE, INPUT_NOISE = 0.1, 0.1
"""Lengths of the noise on each unit row of weights, and on each input."""


@dataclass
class _Build:
    """Rows of both SAEs, in terms of features, as they are put together."""

    narrow_decoder: list[dict[int, float]]
    narrow_encoder: list[dict[int, float]]
    reference_decoder: list[dict[int, float]]
    reference_encoder: list[dict[int, float]]
    truth: list[str | None]


class Constructed:
    """One world of constructed latents.

    Attributes:
        truth: `[n_narrow]` finding that is right; None for the latents that absorb, which are both at once.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._build = _Build([], [], [], [], [])
        self._columns: list[NDArray[np.float64]] = []
        for kind in FINDINGS:
            for _ in range(N_EACH):
                getattr(self, f"_{kind}")()
        self.truth = self._build.truth

    def _fire(self, where: NDArray[np.bool_]) -> int:
        """Add a feature that fires on some tokens; its index."""
        sizes = np.maximum(1 + 0.2 * self._rng.standard_normal(N_TOKENS), 0.2)
        self._columns.append(np.where(where, sizes, 0.0))
        return len(self._columns) - 1

    def _feature(self) -> tuple[int, NDArray[np.bool_]]:
        where = self._rng.random(N_TOKENS) < self._rng.uniform(*FIRES)
        return self._fire(where), where

    def _companion(self, where: NDArray[np.bool_], alone: float) -> int:
        chance = np.where(where, self._rng.uniform(*COMES), alone)
        return self._fire(self._rng.random(N_TOKENS) < chance)

    def _latent(self, truth: str | None, decoder: dict[int, float], encoder: dict[int, float]) -> None:
        self._build.truth.append(truth)
        self._build.narrow_decoder.append(decoder)
        self._build.narrow_encoder.append(encoder)

    def _known(self, *features: int) -> None:
        """Reference latents that are features."""
        self._build.reference_decoder += [{feature: 1.0} for feature in features]
        self._build.reference_encoder += [{feature: 1.0} for feature in features]

    def _clean(self) -> None:
        feature, where = self._feature()
        # Correlation alone is not hedging: half of the clean latents have a companion too.
        others = [self._companion(where, ALONE)] if self._rng.random() < 0.5 else []
        self._known(feature, *others)
        self._latent("clean", {feature: 1.0}, {feature: 1.0})

    def _hedged(self) -> None:
        feature, where = self._feature()
        others = [self._companion(where, ALONE) for _ in range(int(self._rng.integers(1, 3)))]
        mixture = {feature: 1.0, **{other: float(self._rng.uniform(*MIXED)) for other in others}}
        self._known(feature, *others)
        self._latent("hedged", mixture, mixture)

    def _absorbed(self) -> None:
        parent, where = self._feature()
        child = self._companion(where, 0.0)
        self._known(parent, child)
        self._latent("absorbed", {parent: 1.0}, {parent: 1.0, child: -2.0})
        self._latent(None, {parent: 1.0, child: 1.0}, {child: 1.0})

    def _split(self) -> None:
        feature, _ = self._feature()
        # The shade's direction has a column of its own: plus on half of the tokens, minus on the others.
        shift = float(self._rng.uniform(*SHADE))
        sign = np.where(self._rng.random(N_TOKENS) < 0.5, 1.0, -1.0)
        self._columns.append(shift * sign * self._columns[feature])
        shade = len(self._columns) - 1
        for side in (1.0, -1.0):
            self._build.reference_decoder.append({feature: 1.0, shade: side * shift})
            self._build.reference_encoder.append({feature: 0.5, shade: side * 0.5 / shift})
        self._latent("split", {feature: 1.0}, {feature: 1.0})

    def write(self, folder: Path) -> None:
        """Both SAEs and the inputs, into a folder."""
        n = len(self._columns)
        d_in = n + 8
        directions = np.linalg.qr(self._rng.standard_normal((d_in, n)))[0].T.astype(np.float32)
        inputs = np.stack(self._columns, axis=1).astype(np.float32) @ directions
        inputs += INPUT_NOISE / np.sqrt(d_in) * self._rng.standard_normal(inputs.shape).astype(np.float32)
        folder.mkdir(parents=True)
        save_file({"activations": torch.from_numpy(inputs)}, folder / "activations.safetensors")
        build = self._build
        self._save(folder / "narrow", build.narrow_decoder, build.narrow_encoder, directions)
        self._save(folder / "reference", build.reference_decoder, build.reference_encoder, directions)

    def _save(
        self,
        folder: Path,
        decoder: Sequence[dict[int, float]],
        encoder: Sequence[dict[int, float]],
        directions: Float32s,
    ) -> None:
        from sae_lens import JumpReLUSAE, JumpReLUSAEConfig

        d_in = directions.shape[1]
        sae: Any = JumpReLUSAE(JumpReLUSAEConfig(d_in=d_in, d_sae=len(decoder), device="cpu"))
        with torch.no_grad():
            sae.W_dec.copy_(torch.from_numpy(self._rows(decoder, directions, unit=True)))
            sae.W_enc.copy_(torch.from_numpy(self._rows(encoder, directions, unit=False).T.copy()))
            sae.b_enc.zero_()
            sae.b_dec.zero_()
            sae.threshold.fill_(0.4)
        sae.save_model(str(folder))

    def _rows(self, rows: Sequence[dict[int, float]], directions: Float32s, *, unit: bool) -> Float32s:
        matrix = np.zeros((len(rows), len(directions)), dtype=np.float32)
        for row, mixture in enumerate(rows):
            for feature, length in mixture.items():
                matrix[row, feature] = length
        values = matrix @ directions
        noise = self._rng.standard_normal(values.shape).astype(np.float32)
        values += WEIGHT_NOISE * noise / np.sqrt(values.shape[1])
        if unit:
            values /= np.linalg.norm(values, axis=1, keepdims=True)
        return values.astype(np.float32)


def found_in(seed: int, folder: Path) -> tuple[list[str | None], list[str | None]]:
    """(truth, finding) of every narrow latent of a constructed world, scored as any comparison is.

    A latent's finding is its diagnosis; of a clean one, `split` where the reference has split its main partner.
    """
    torch.set_num_threads(1)
    world = Constructed(seed)
    world.write(folder)
    with scratch_database(folder) as engine:
        request = ComparisonRequest(
            str(folder / "narrow"), str(folder / "reference"), activations=str(folder / "activations.safetensors")
        )
        slug = run(engine, folder, request, silent, models=ModelShelf(folder / "models")).slug
        diagnoses: list[str | None] = columns(engine, slug, "narrow", ("diagnosis",))["diagnosis"]
        return world.truth, [_finding(engine, slug, i, diagnosis) for i, diagnosis in enumerate(diagnoses)]


def _finding(engine: Any, slug: str, i: int, diagnosis: str | None) -> str | None:
    if diagnosis != "clean":
        return diagnosis
    partners = partners_of_narrow(engine, slug, i)
    return "split" if any(partner.diagnosis == "split" for partner in partners) else "clean"


def confusion(truth: Sequence[str | None], found: Sequence[str | None]) -> dict[str, dict[str, int]]:
    """Truth -> finding -> latents; latents without a truth are left out, findings of other kinds counted as `other`."""
    table = {kind: dict.fromkeys((*FINDINGS, "other"), 0) for kind in FINDINGS}
    for right, said in zip(truth, found, strict=True):
        if right is not None:
            table[right][said if said in FINDINGS else "other"] += 1
    return table


def macro_f1(table: dict[str, dict[str, int]]) -> float:
    """Mean over the kinds of the F1 score."""
    scores = []
    for kind in FINDINGS:
        hits = table[kind][kind]
        said, right = sum(row[kind] for row in table.values()), sum(table[kind].values())
        scores.append(2 * hits / (said + right) if said + right else 0.0)
    return float(np.mean(scores))
