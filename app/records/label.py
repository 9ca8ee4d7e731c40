"""What another program calls a latent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LabelSource = Literal["Neuronpedia", "SAEDashboard"]


@dataclass(frozen=True)
class OtherLabel:
    """A label or an explanation of a latent that another program made.

    Attributes:
        index: of the latent.
        source: the program.
        label: in its words.
        made_by: the language model that wrote it; None where that is not known.
    """

    index: int
    source: LabelSource
    label: str
    made_by: str | None
