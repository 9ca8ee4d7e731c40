"""The program's own scoring, from SAEs in memory to the records it would store."""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from app.pipeline.run import run
from app.pipeline.source import Source
from app.records import ComparisonBundle, ComparisonRequest
from tests.builders.text import Tokenizer
from tests.builders.world import World


def bundle_of(world: World, request: ComparisonRequest) -> ComparisonBundle:
    """What the program would store: only the files it starts from and the database at its end are replaced.

    The iterables of the bundle are tuples.
    """
    saes = {world.narrow.record.name: world.narrow, world.reference.record.name: world.reference}
    checksum = hashlib.sha256(b"tiny.txt").hexdigest()
    source = Source(world.stream, None, Tokenizer(), "tiny.txt", checksum, world.narrow.record.hook_name)
    found: list[ComparisonBundle] = []

    def keep(_engine: Any, bundle: ComparisonBundle, **_options: object) -> None:
        read: dict[str, Any] = {
            name: tuple(getattr(bundle, name))
            for name in ("latents", "partners", "details", "pairs", "profiles", "cells", "text_rows", "level_links")
        }
        found.append(replace(bundle, **read))

    with ExitStack() as stack:
        for target, stand_in in (
            ("app.pipeline.open.open_sae", lambda _engine, name: saes[name]),
            ("app.pipeline.open.open_source", lambda *_: source),
            ("app.pipeline.run.find", lambda *_: None),
            ("app.pipeline.run.write_comparison", keep),
        ):
            stack.enter_context(patch(target, stand_in))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        no_engine: Any = None
        run(no_engine, Path(folder), request, lambda *_: lambda _n: None)
    return found[0]
