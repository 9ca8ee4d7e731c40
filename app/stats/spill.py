"""Arrays kept on the disk during a pass, in files without a name: they vanish with the process."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.disk import full, is_full
from app.errors import ShardDiskFullError

REMEDY = "free some space there, then run the command again or resume the job; it continues from the shards on disk"


class Spill:
    """Writes arrays one after the other, reads them back as memory maps.

    Args:
        folder: on whose disk the file lies; the system's folder for temporary files, if None.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (closed with the object)
        self._places: list[list[tuple[np.dtype[Any], int, int]]] = []

    def __len__(self) -> int:
        return len(self._places)

    def put(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Put some one-dimensional arrays aside.

        Raises:
            ShardDiskFullError: the disk is full.
        """
        places = []
        try:
            for array in arrays:
                places.append((array.dtype, self._file.tell(), len(array)))
                self._file.write(np.ascontiguousarray(array).view(np.uint8).data)
            self._file.flush()
        except OSError as error:
            if not is_full(error):
                raise
            n_bytes = sum(array.nbytes for array in arrays)
            folder = self.folder or Path(tempfile.gettempdir())
            doing = "while co-firing is put aside there"
            raise full(ShardDiskFullError, folder, n_bytes, REMEDY, doing=doing) from error
        self._places.append(places)

    def get(self, number: int) -> list[NDArray[Any]]:
        """The arrays of one `put`, by its number."""
        return [self._map(*place) for place in self._places[number]]

    def close(self) -> None:
        """Give the disk space back."""
        self._file.close()

    def _map(self, dtype: np.dtype[Any], offset: int, length: int) -> NDArray[Any]:
        if not length:
            return np.zeros(0, dtype=dtype)
        return np.memmap(self._file, dtype=dtype, mode="r", offset=offset, shape=(length,))
