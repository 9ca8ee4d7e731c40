"""Active latents to what goes over the wire."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from app.inference.server.compute import Active
from app.inference.wire import SideAnswer


def side_answer(active: Active, n_tokens: int, top: int, wanted: Collection[int]) -> SideAnswer:
    """One SAE's part of an answer.

    Args:
        active: on the text's tokens.
        n_tokens: of the text.
        top: latents given for each token.
        wanted: latents whose activations are given in any case.
    """
    counts = np.bincount(active.token, minlength=n_tokens)
    order, n_strongest = _strongest(active, counts, top)
    listed = np.unique(np.concatenate([active.latent[order], np.array(sorted(wanted), dtype=np.int32)]))
    shown = np.flatnonzero(np.isin(active.latent, listed))
    shown = shown[np.argsort(active.latent[shown], kind="stable")]
    n_firings = np.searchsorted(active.latent[shown], listed, "right") - np.searchsorted(active.latent[shown], listed)
    return SideAnswer.model_construct(
        n_active=tuple(counts.tolist()),
        n_strongest=tuple(n_strongest.tolist()),
        strongest_index=tuple(active.latent[order].tolist()),
        strongest_activation=tuple(active.value[order].tolist()),
        latents=tuple(listed.tolist()),
        n_firings=tuple(n_firings.tolist()),
        firing_token=tuple(active.token[shown].tolist()),
        firing_activation=tuple(active.value[shown].tolist()),
    )


def _strongest(active: Active, counts: NDArray[np.int64], top: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(entries of the strongest latents of each token, strongest first; how many each token has)."""
    order = np.lexsort((active.latent, -active.value, active.token))
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    rank = np.arange(len(order)) - starts[active.token[order]]
    return order[rank < top], np.minimum(counts, top)
