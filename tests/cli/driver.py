"""Runs the command line in a process of its own that other processes can kill."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from pathlib import Path

from app.cli import main
from app.pipeline import inputs
from app.sparse.shards import plan_shards


def hedgescope(arguments: list[str], folder: Path) -> None:
    """One command with its data in a folder, output in files there, and one row a shard."""
    os.environ["HEDGESCOPE_DATA_DIR"] = str(folder)
    # As in a terminal, also where the tests run in the background of a shell, which ignores Ctrl-C there.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for descriptor, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    inputs.plan_shards = partial(plan_shards, rows_per_shard=1)  # type: ignore[attr-defined]
    sys.argv = ["hedgescope", *arguments]
    main()
