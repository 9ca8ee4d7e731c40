"""What every accumulator asks of the shards it is given."""

from __future__ import annotations

import numpy as np

from app.errors import ScoringError
from app.sparse.csr import SparseActs


def expect_width(acts: SparseActs, n_latents: int) -> None:
    """Refuse a shard of another SAE.

    Raises:
        ScoringError: the shard's width is another one.
    """
    if acts.n_latents != n_latents:
        raise ScoringError(
            f"found a shard of {acts.n_latents} latents, expected {n_latents}; pass shards of the SAE that is scored"
        )


def expect_same_tokens(narrow: SparseActs, reference: SparseActs) -> None:
    """Refuse two shards that are not of the same scored tokens.

    Raises:
        ScoringError: rows or positions differ.
    """
    same = np.array_equal(narrow.row, reference.row) and np.array_equal(narrow.position, reference.position)
    if not same:
        raise ScoringError(
            f"found {narrow.n_tokens} tokens of the narrow SAE and {reference.n_tokens} of the reference, expected the "
            "same rows and positions; pass two shards of one stretch of text"
        )
