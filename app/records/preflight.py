"""What is known of a job before it is accepted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Preflight:
    """What a job would take, and what looks wrong with it.

    Attributes:
        refused: why it can't run, in one line; None where it can.
        notes: what looks wrong or is worth knowing, one line each.
        tokens: scored tokens of the comparison.
        seconds: what computing and storing take, as measured on a few rows; 0 where the result is stored already.
        disk_bytes: what shards and database grow by.
        free_bytes: free space in the data folder.
        slug: of the comparison, where it is stored already.
    """

    refused: str | None = None
    notes: tuple[str, ...] = ()
    tokens: int | None = None
    seconds: float | None = None
    disk_bytes: int | None = None
    free_bytes: int | None = None
    slug: str | None = None
