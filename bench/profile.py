"""Where the time of a comparison goes once its shards are on disk: the functions that take most of it.

    python -m bench.profile --tokens 65536

Writes `bench/results/profile.json`. The profiler itself slows small Python functions, so that shares are a guide
and the stages of `bench.run` the measure.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from app.executor.local import run_shards
from app.pipeline.progress import silent
from app.pipeline.run import prepare, score
from app.pipeline.source import Request
from app.store.session import make_engine, upgrade
from bench.machine import RESULTS, facts, say
from bench.run import Bundled, open_bundled

N_SHOWN = 20


def profile(bundled: Bundled) -> pstats.Stats:
    """Everything after the model."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/profile.db"
        upgrade(url)
        engine = make_engine(url)
        narrow, reference = map(str, bundled.folders)
        request = Request(narrow, reference, n_tokens=bundled.stream.rows.n_kept, name="profile")
        prepared = prepare(engine, Path(folder), request, bundled.models)
        say(f"shards of {prepared.n_tokens:,} tokens")
        run_shards(prepared.source.stream, prepared.saes, prepared.store, prepared.shards)
        say("scores, profiled")
        profiler = cProfile.Profile()
        profiler.runcall(score, engine, prepared, silent)
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


def main() -> None:
    """Profile, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=65_536)
    arguments = parser.parse_args()
    functions = largest(profile(open_bundled(arguments.tokens, "float32")))
    for each in functions:
        print(f"{each['share']:6.1%} {each['seconds']:8.2f} s  {each['function']}")
    RESULTS.mkdir(exist_ok=True)
    figures = {"tokens": arguments.tokens, "functions": functions, **facts()}
    (RESULTS / "profile.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
