"""Shards of two SAEs on the same tokens, collected until there are enough to process at once."""

from __future__ import annotations

from dataclasses import replace

from app.sparse.csr import SparseActs, concatenate
from app.stats.checks import expect_same_tokens, expect_width

BUFFER_ENTRIES = 1 << 22
"""Active latents of both SAEs held before they are written to disk: about 35 MB. Each part on disk is read again for
every few narrow latents, so many small parts would take longer to read than to count."""


class ShardBuffer:
    """Collects shards of a narrow and a reference SAE until there are enough."""

    def __init__(self, n_narrow: int, n_reference: int) -> None:
        self.n_narrow = n_narrow
        self.n_reference = n_reference
        self._narrow: list[SparseActs] = []
        self._reference: list[SparseActs] = []
        self._entries = 0

    def add(self, narrow: SparseActs, reference: SparseActs) -> None:
        """Hold one more shard."""
        expect_width(narrow, self.n_narrow)
        expect_width(reference, self.n_reference)
        expect_same_tokens(narrow, reference)
        # New objects over the same arrays: the caller's shard caches a sorted copy, which shall not be held here.
        self._narrow.append(replace(narrow))
        self._reference.append(replace(reference))
        self._entries += len(narrow.latent) + len(reference.latent)

    @property
    def is_full(self) -> bool:
        """Whether it is time to take what is held."""
        return self._entries >= BUFFER_ENTRIES

    def take(self) -> tuple[SparseActs, SparseActs] | None:
        """What is held, as one shard of each SAE, and forget it; None where there is nothing."""
        if not self._narrow:
            return None
        taken = concatenate(self._narrow), concatenate(self._reference)
        self._narrow, self._reference, self._entries = [], [], 0
        return taken
