"""A registered SAE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

WidthsSource = Literal["metadata", "group_sizes", "declared"]


@dataclass(frozen=True)
class SaeRecord:
    """A registered SAE.

    Attributes:
        name: unique name, or `name@width` for a prefix of a Matryoshka SAE.
        checksum: SHA-256 of the weights (of the whole SAE, for a prefix too), hexadecimal.
        source: the folder or hub name it is loaded from.
        architecture: SAELens' name of the architecture it runs as, e.g. `jumprelu`.
        training_architecture: what it was trained as, where the metadata say so.
        matryoshka_widths: ascending prefix widths; None for other SAEs.
        widths_source: where the widths come from; None where there are none.
        explained_variance: share in [.., 1] on the preflight sample; None where no sample was run.
        l0: active latents a token on the preflight sample; None where no sample was run.
        notes: what the preflight found worth saying, one line each.
        context_length: tokens per row that it was trained on, where its files say so.
        bos: whether those rows began with the beginning-of-sequence token, where its files say so.
        positions: the first position of a row that it was trained on, and the one after the last; None for the ends.
        config_checksum: SHA-256 of what the configuration says about encoding; the same weights
            read as another architecture are another SAE.
        neuronpedia_id: where it is on Neuronpedia, as `model/source`; None where its files do not say so.
        training: settings and results of its training, as far as its files name them, as text.
    """

    name: str
    checksum: str
    source: str
    architecture: str
    training_architecture: str | None
    d_in: int
    d_sae: int
    dtype: str
    model_name: str | None
    hook_name: str | None
    matryoshka_widths: tuple[int, ...] | None
    widths_source: WidthsSource | None
    explained_variance: float | None
    l0: float | None
    notes: tuple[str, ...] = ()
    created_at: datetime | None = None
    config_checksum: str = ""
    context_length: int | None = None
    bos: bool | None = None
    positions: tuple[int | None, ...] | None = None
    neuronpedia_id: str | None = None
    training: Mapping[str, str] = field(default_factory=dict, hash=False)
