"""What the files of an SAE say about its training: settings and results that pages show as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

DETAILS: Final = "training_architecture_details"

NAMES: Final = (
    "k",
    "l0_coefficient",
    "l1_coefficient",
    "matryoshka_multipliers",
    "aux_loss_coefficient",
    "lr",
    "training_tokens",
    "train_batch_size_tokens",
    "context_size",
    "seed",
    "l0",
    "num_dead_features",
    "sae_lens_training_version",
)
"""SAELens' names. Names of data sets are left out: they may be folders of the machine that trained."""

NEURONPEDIA_ID: Final = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)

LONGEST: Final = 200
"""Characters of a value."""


def training_facts(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Name to value as JSON, without quotes around a text; only what is there, in the order of `NAMES`."""
    details = metadata.get(DETAILS)
    found = {**(details if isinstance(details, Mapping) else {}), **metadata}
    named = ((name, found[name]) for name in NAMES if found.get(name) is not None)
    texts = {name: value if isinstance(value, str) else json.dumps(value, default=str) for name, value in named}
    return {name: text for name, text in texts.items() if len(text) <= LONGEST}


def neuronpedia_id(metadata: Mapping[str, Any]) -> str | None:
    """Where the SAE is on Neuronpedia, as `model/source`; None where its metadata say nothing of that form."""
    found = metadata.get("neuronpedia_id")
    return found if isinstance(found, str) and NEURONPEDIA_ID.fullmatch(found) else None
