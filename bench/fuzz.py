"""Damaged folders of SAEs: `python -m bench.fuzz 50000` damages so many, and says what happened.

Each has to be read, with finite activations, or refused in one line. Memory must not grow.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import psutil
import torch
from safetensors import SafetensorError

from app.errors import HedgescopeError
from app.sae.load import load_sae
from app.sparse.encode import encode
from tests.sae.damage import MAKE, damage

WARM = 1000
"""Folders before memory is first measured."""
MOST_S = 5.0
LONGEST = 1000
"""Characters of a message."""
INPUTS = torch.randn(64, 16, generator=torch.Generator().manual_seed(1))


def outcome(folder: Path) -> str:
    """`read`, `refused`, or what is wrong."""
    start = time.process_time()
    try:
        loaded = load_sae(str(folder))
        encoded = encode(loaded, INPUTS[:, : loaded.record.d_in] if loaded.record.d_in <= 16 else INPUTS.repeat(1, 9))
        found = "read" if bool(torch.isfinite(torch.from_numpy(encoded.value)).all()) else "activations not finite"
    except HedgescopeError as error:
        message = str(error)
        found = "refused" if "\n" not in message and len(message) <= LONGEST else f"message: {message[:2000]!r}"
    except Exception:  # noqa: BLE001 - what is not explained is what is looked for
        found = traceback.format_exc()[-1500:]
    return found if time.process_time() - start < MOST_S else f"slow: {found}"


def damaged(whole: Path, folder: Path, generator: random.Random) -> Path:
    """A copy with one to three faults."""
    copy = shutil.copytree(whole, folder / whole.name)
    for _ in range(generator.choice([1, 1, 1, 2, 3])):
        files = [path for path in copy.rglob("*") if path.is_file()]
        if files:
            try:
                damage(generator.choice(files), generator)
            except (ValueError, RuntimeError, OSError, KeyError, IndexError, TypeError, SafetensorError):
                continue  # a file that is damaged already
    return copy


def main(n: int, seed: int) -> int:
    """Print the figures; 1 where something is wrong."""
    process, generator = psutil.Process(), random.Random(seed)
    counts: Counter[str] = Counter()
    before = 0
    with tempfile.TemporaryDirectory() as place:
        wholes: list[Path] = []
        for name, make in MAKE.items():
            make(Path(place) / "whole" / name)
            wholes += (Path(place) / "whole" / name).iterdir()
        for number in range(n):
            if number == min(WARM, n // 2):
                before = process.memory_info().rss
            folder = damaged(generator.choice(wholes), Path(place) / "damaged", generator)
            found = outcome(folder)
            counts[found] += 1
            if found not in ("read", "refused") and counts[found] == 1:
                print(f"{number}: {folder.name}: {found}", flush=True)
                shutil.copytree(folder, Path(tempfile.gettempdir()) / f"fuzz-{seed}-{number}", dirs_exist_ok=True)
            shutil.rmtree(Path(place) / "damaged")
            if number % 5000 == 4999:
                print(f"{number + 1}: memory grew by {_mb(process, before)} MB", flush=True)
    wrong = n - counts["read"] - counts["refused"]
    print(f"{n} folders: {counts['read']} read, {counts['refused']} refused, {wrong} wrong")
    print(f"memory grew by {_mb(process, before)} MB")
    return 1 if wrong else 0


def _mb(process: psutil.Process, before: int) -> int:
    return int(process.memory_info().rss - before) // 1_000_000


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    arguments = [int(each) for each in sys.argv[1:]]
    sys.exit(main(*(arguments + [50_000, 0][len(arguments) :])))
