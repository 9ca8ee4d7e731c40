"""What each training of an intervention left, one file an arm: written whole, so that a killed intervention resumes."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from app.errors import StoreError
from app.training.intervention import Outcome

SCALARS = ("explained_variance", "l0", "n_dead", "n_new_dead")


@dataclass(frozen=True)
class Finished:
    """An arm's outcome, and how long it took.

    Attributes:
        seconds: of its training.
        peak_bytes: largest memory in use by then.
    """

    outcome: Outcome
    seconds: float
    peak_bytes: int | None


class ArmFiles:
    """The finished arms of one intervention.

    Args:
        folder: of the intervention alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, name: str) -> bool:
        """Whether an arm is finished."""
        return self._path(name).exists()

    def write(self, name: str, finished: Finished) -> None:
        """Keep an arm's outcome.

        Raises:
            StoreError: it can't be written.
        """
        outcome = finished.outcome
        numbers = {field: getattr(outcome, field) for field in SCALARS}
        numbers |= {"seconds": finished.seconds, "peak_bytes": finished.peak_bytes}
        path = self._path(name)
        partial = path.with_suffix(".partial")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            tensors = {"decoder": outcome.decoder, "new": outcome.new}
            save_file(tensors, partial, metadata={"numbers": json.dumps(numbers)})
            partial.rename(path)
        except (OSError, SafetensorError) as error:
            partial.unlink(missing_ok=True)
            detail = "can't be written; free some space and start the same command again"
            raise StoreError(detail, place=path, reason=str(error)) from error

    def read(self, name: str) -> Finished:
        """A finished arm.

        Raises:
            StoreError: its file can't be read; it is removed, so that the arm is trained again.
        """
        path = self._path(name)
        try:
            with safe_open(path, framework="numpy") as handle:
                numbers = json.loads(handle.metadata()["numbers"])
                decoder, new = handle.get_tensor("decoder"), handle.get_tensor("new")
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            path.unlink(missing_ok=True)
            detail = "can't be read; it was removed: start the same command again"
            raise StoreError(detail, place=path, reason=str(error)) from error
        outcome = Outcome(decoder=decoder, new=new, **{field: numbers[field] for field in SCALARS})
        return Finished(outcome, numbers["seconds"], numbers["peak_bytes"])

    def remove(self) -> None:
        """Forget them all, once the intervention is stored."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.safetensors"
