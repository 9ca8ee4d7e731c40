"""Running out of memory, explained in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from app.errors import ShardError

_TORCH_WORDS = ("can't allocate memory", "not enough memory", "out of memory")


@contextmanager
def memory_explained(doing: str) -> Iterator[None]:
    """Turn a failed allocation of NumPy or torch into an error that says during what, and what to do.

    A process that the system kills for its memory can't report anything; it continues from the shards
    on disk all the same.

    Raises:
        ShardError: memory ran out.
    """
    try:
        yield
    except (MemoryError, torch.cuda.OutOfMemoryError) as error:
        raise _out_of_memory(doing) from error
    except RuntimeError as error:
        if not any(words in str(error) for words in _TORCH_WORDS):
            raise
        raise _out_of_memory(doing) from error


def _out_of_memory(doing: str) -> ShardError:
    return ShardError(
        f"out of memory while {doing}; stop other programs or use a machine with more memory, then run the same "
        "command again; it continues from the last whole shard"
    )
