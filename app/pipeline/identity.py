"""What makes two comparisons the same: the content hash that ends every slug."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from app.catalogue import SCORING_VERSION
from app.errors import SaeError
from app.records import BySide, SaeRecord
from app.records.request import MAX_NAME, NAME_CHARACTERS, NAME_PATTERN

HASH_LENGTH = 12
"""Hexadecimal digits of the hash in a slug: 48 bits."""

_LIBRARIES = ("hedgescope", "sae-lens", "transformers", "torch", "numpy", "scipy")


def content_hash(
    saes: BySide[SaeRecord], places: Sequence[Sequence[str | None]], stream: Mapping[str, Any], n_tokens: int
) -> str:
    """SHA-256 of everything that decides a comparison's numbers.

    Args:
        places: model and hook that each SAE reads.
        stream: description of the activations: model, hook and text, or a file's checksum.
        n_tokens: scored tokens.
    """
    parts: dict[str, Any] = {
        "narrow": [*_sae_parts(saes.narrow), *places[0]],
        "reference": [*_sae_parts(saes.reference), *places[1]],
        "stream": dict(stream),
        "n_tokens": n_tokens,
        "scoring_version": SCORING_VERSION,
    }
    if first := first_counted(saes.narrow, saes.reference):
        parts["reference_latents_from"] = first
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def first_counted(narrow: SaeRecord, reference: SaeRecord) -> int:
    """The first reference latent that counts: 0, or behind the narrow SAE where that is the reference's own prefix.

    A prefix's latents are the reference's first ones, and each would only find itself there.
    """
    same = (narrow.checksum, narrow.config_checksum) == (reference.checksum, reference.config_checksum)
    return narrow.d_sae if same else 0


def _sae_parts(record: SaeRecord) -> list[Any]:
    widths = list(record.matryoshka_widths) if record.matryoshka_widths else None
    return [record.checksum, record.config_checksum, record.d_sae, widths]


def slug_of(name: str, hash_: str) -> str:
    """`name-hash`."""
    return f"{name}-{hash_[:HASH_LENGTH]}"


def checked_name(name: str) -> str:
    """A name fit for a URL.

    Raises:
        SaeError: it is not.
    """
    if len(name) > MAX_NAME or not re.fullmatch(NAME_PATTERN, name):
        message = f"name {name!r}: expected {NAME_CHARACTERS}, at most {MAX_NAME} of them; choose one with --name"
        raise SaeError(message)
    return name


def default_name(narrow: SaeRecord, reference: SaeRecord) -> str:
    """A name for the comparison of two SAEs, whatever they are called."""
    name = f"{narrow.name}-vs-{reference.name}".lower()
    return re.sub(r"[^a-z0-9_.]+", "-", name).lstrip("_.-")[:MAX_NAME]


def versions() -> dict[str, str]:
    """Versions of what computed the numbers."""
    found = {}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found
