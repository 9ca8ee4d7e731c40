"""Runs the command line in a process of its own that other processes can kill."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from pathlib import Path

from app.cli import main
from app.pipeline import inputs
from app.pipeline.intervention_files import ArmFiles, Finished
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


def intervention(arguments: list[str], folder: Path, dies_at: str | None = None) -> None:
    """One command that trains the arms of an intervention; lists those it has trained in the file `trained`.

    Args:
        dies_at: the arm that is trained and lost: the process is killed before it is written.
    """
    write = ArmFiles.write

    def written(files: ArmFiles, name: str, finished: Finished) -> None:
        with (folder / "trained").open("a") as trained:
            trained.write(f"{name}\n")
        if name == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        write(files, name, finished)

    ArmFiles.write = written  # type: ignore[assignment,method-assign]
    hedgescope(arguments, folder)
