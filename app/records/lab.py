"""Tiny SAEs on worlds with known features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ToyResult:
    """A tiny SAE trained on a world of a few features, and what theory says of it.

    Attributes:
        name: unique.
        title, text: what it is, and what it shows.
        features: names of the features; their directions are orthogonal.
        firing: probability of each feature.
        patterns, probabilities: the world: every combination of features that occurs, and how often.
        k: active latents a sample, on average.
        widths, multipliers: of the Matryoshka levels, innermost first; empty for a plain SAE.
        decoder, encoder: per latent, the cosines of its decoder (encoder) row to the features.
        b_dec: component of the decoder bias along each feature.
        expected: decoder by theory, of the first latents; empty where there is no closed form.
        expected_b_dec: decoder bias by theory; None where there is no closed form.
    """

    name: str
    title: str
    text: str
    features: tuple[str, ...]
    firing: tuple[float, ...]
    patterns: tuple[tuple[int, ...], ...]
    probabilities: tuple[float, ...]
    k: float
    widths: tuple[int, ...]
    multipliers: tuple[float, ...]
    decoder: tuple[tuple[float, ...], ...]
    encoder: tuple[tuple[float, ...], ...]
    b_dec: tuple[float, ...]
    expected: tuple[tuple[float, ...], ...]
    expected_b_dec: tuple[float, ...] | None


@dataclass(frozen=True)
class ToyLab:
    """All toys of one run.

    Attributes:
        command: what repeats it.
        seed: of directions, initialisation and samples.
        n_samples: training samples of each.
        versions: of program and libraries.
    """

    command: str
    seed: int
    n_samples: int
    versions: Mapping[str, str]
    toys: tuple[ToyResult, ...]
