"""Matryoshka levels: where their widths are written, and which level a latent belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import SaeError
from app.records import WidthsSource


def find_widths(
    metadata: Mapping[str, Any], declared: Sequence[int] | None, d_sae: int
) -> tuple[tuple[int, ...] | None, WidthsSource | None]:
    """Prefix widths of a Matryoshka SAE and where they come from.

    SAELens saves a Matryoshka SAE as JumpReLU; newer versions keep the widths in
    `metadata.training_architecture_details`, older ones lose them. dictionary_learning keeps
    `group_sizes`, whose cumulative sum they are. What the user declares comes last, and must not
    contradict the file.

    Args:
        metadata: the SAE's metadata.
        declared: by the user, ascending.

    Returns:
        (widths ascending, the last one `d_sae`; source), or (None, None) for a plain SAE.

    Raises:
        SaeError: the widths are invalid, or the file says otherwise than the user.
    """
    found, source = _in_metadata(metadata)
    if declared:
        asked = _checked(declared, d_sae, "declared Matryoshka widths")
        if found is None:
            return asked, "declared"
        if _checked(found, d_sae, "Matryoshka widths in the metadata") != asked:
            raise SaeError(f"declared Matryoshka widths {list(asked)}, but the file says {list(found)}; leave them out")
    if found is None:
        return None, None
    return _checked(found, d_sae, "Matryoshka widths in the metadata"), source


def _in_metadata(metadata: Mapping[str, Any]) -> tuple[Sequence[int] | None, WidthsSource | None]:
    details = metadata.get("training_architecture_details")
    if isinstance(details, Mapping) and details.get("matryoshka_widths"):
        return details["matryoshka_widths"], "metadata"
    if metadata.get("matryoshka_widths"):
        return metadata["matryoshka_widths"], "metadata"
    if metadata.get("group_sizes"):
        sizes = _whole_numbers(metadata["group_sizes"], "Matryoshka group sizes in the metadata")
        return list(accumulate(sizes)), "group_sizes"
    return None, None


def _checked(widths: Sequence[int], d_sae: int, what: str) -> tuple[int, ...]:
    values = _whole_numbers(widths, what)
    if any(width <= 0 for width in values) or any(b <= a for a, b in pairwise(values)):
        raise SaeError(f"{what} {values}: expected positive, strictly ascending numbers")
    if values[-1] > d_sae:
        raise SaeError(f"{what} {values}: the last one is larger than the SAE's {d_sae} latents")
    # SAELens adds the full width as the outermost level where it is missing; so do we.
    return tuple(values) if values[-1] == d_sae else (*values, d_sae)


def _whole_numbers(values: Any, what: str) -> list[int]:
    if not isinstance(values, list | tuple) or not all(isinstance(value, int) for value in values):
        raise SaeError(f"{what} {values!r}: expected a list of whole numbers")
    return list(values)


def levels_of(widths: Sequence[int]) -> NDArray[np.int64]:
    """`[d_sae]` level of each latent, 0 for the innermost."""
    groups = np.diff(np.array([0, *widths]))
    return np.repeat(np.arange(len(widths)), groups)
