"""Where the time of a comparison goes once its shards are on disk: the functions that take most of it.

    python -m bench.profile --tokens 65536

Writes `bench/results/profile.json`. The profiler itself slows small Python functions, so that shares are a guide
and the stages of `bench.run` the measure.
"""

from __future__ import annotations

import cProfile
import pstats
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from app.executor.local import run_shards
from app.lab.scratch import scratch_database
from app.pipeline.inputs import open_inputs
from app.pipeline.open import OpenFiles, Resources
from app.pipeline.run import score_and_store
from app.progress import silent
from bench.bundled import Bundled, open_bundled
from bench.machine import facts, measured_on, say
from bench.output import command_line, page, table, write_results

N_SHOWN = 20


def profile(bundled: Bundled) -> pstats.Stats:
    """Everything after the model."""
    with tempfile.TemporaryDirectory() as name, scratch_database(Path(name)) as engine:
        files = OpenFiles(engine, bundled.models)
        inputs = open_inputs(files, Path(name), bundled.request("profile"), Resources())
        say(f"shards of {inputs.n_tokens:,} tokens")
        run_shards(inputs.source.stream, tuple(inputs.saes), inputs.store, inputs.shards)
        say("scores, profiled")
        profiler = cProfile.Profile()
        profiler.runcall(score_and_store, engine, inputs, silent)
    return pstats.Stats(profiler)


def largest(stats: pstats.Stats) -> list[dict[str, Any]]:
    """The functions with the most time of their own."""
    entries: dict[Any, Any] = stats.stats  # type: ignore[attr-defined]
    total = sum(entry[2] for entry in entries.values())
    rows = sorted(entries.items(), key=lambda item: -item[1][2])[:N_SHOWN]
    return [
        {
            "function": f"{_shown(file)}:{name}".lstrip("~:"),
            "seconds": entry[2],
            "share": entry[2] / total,
        }
        for (file, _line, name), entry in rows
    ]


def _shown(file: str) -> str:
    """A source file without where this machine keeps it."""
    for folder in (Path(__file__).parents[1], Path(sysconfig.get_path("stdlib"))):
        file = file.removeprefix(f"{folder}/")
    return file.rpartition("site-packages/")[2]


def markdown(figures: dict[str, Any]) -> str:
    """The functions with the most time."""
    functions = figures["functions"]
    rows = [(f"{each['share']:.1%}", f"{each['seconds']:.2f}", f"`{each['function']}`") for each in functions]
    return page(measured_on(figures), table(("share", "seconds", "function"), rows))


def main() -> None:
    """Profile, print, write."""
    parser = command_line(__doc__)
    parser.add_argument("--tokens", type=int, default=65_536)
    given = parser.parse_args()
    functions = largest(profile(open_bundled(given.tokens, "float32")))
    figures = {"tokens": given.tokens, "functions": functions, **facts()}
    write_results("profile", figures)
    print(markdown(figures))


if __name__ == "__main__":
    main()
