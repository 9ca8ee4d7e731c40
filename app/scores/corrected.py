"""Decoder rows without what is mixed in."""

from __future__ import annotations

import numpy as np

from app.arrays import Float32s, Int64s
from app.records import BySide
from app.scores.mixing.results import NamedPartners

SMALLEST = 1e-3
"""Singular values below this share of the largest are left out: rows that say the same."""


def corrected_rows(decoders: BySide[Float32s], main: Int64s, named: NamedPartners) -> Float32s:
    """`[L, d]` unit rows: d_i - sum of beta_j e_j over the named partners j of each narrow latent.

    The beta are the least-squares weights of the row on its main partner's row and its named partners'. A row without
    a named partner is zero, and so is one of which nothing is left.

    Args:
        decoders: unit rows; main: `[L]` main partner, -1 for none; named: by narrow latent.
    """
    rows, reference = decoders
    found = np.zeros_like(rows)
    starts = np.searchsorted(named.narrow, np.arange(len(rows) + 1))
    for i in np.flatnonzero(np.diff(starts)).tolist():
        partners = named.reference[starts[i] : starts[i + 1]]
        partners = partners[partners != main[i]]
        own = [main[i]] if main[i] >= 0 else []
        basis = reference[np.concatenate([partners, own]).astype(np.int64)].astype(np.float64)
        beta = np.linalg.lstsq(basis.T, rows[i].astype(np.float64), rcond=SMALLEST)[0]
        left = rows[i] - beta[: len(partners)] @ basis[: len(partners)]
        length = np.linalg.norm(left)
        if length > SMALLEST:
            found[i] = left / length
    return found
