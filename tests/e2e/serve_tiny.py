"""Serves made-up comparisons for looking at the pages: `python -m tests.e2e.serve_tiny [PORT]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from app.jobs.queue import cancel, submit
from app.records import SaeRequest
from app.settings import Settings
from app.store.interventions import write_intervention
from app.store.session import make_engine, upgrade
from app.store.write import register_sae, write_comparison
from app.web.main import create_app
from tests.builders import make_bundle, make_intervention, make_sae_record

PORT = 8100


def tiny_app(folder: Path) -> FastAPI:
    """The application over a fresh database with two comparisons and a cancelled job.

    The small comparison, `tiny`, has an intervention; the larger one is `wide`.
    """
    settings = Settings(data_dir=folder)
    upgrade(settings.resolved_database_url)
    engine = make_engine(settings.resolved_database_url)
    tiny = make_bundle()
    write_comparison(engine, tiny)
    write_intervention(engine, make_intervention(tiny.summary))
    wide = make_bundle(name="wide", seed=1, n_narrow=160, n_reference=400, widths=(50, 150, 400), n_rows=30)
    write_comparison(engine, wide)
    register_sae(engine, make_sae_record())
    register_sae(engine, make_sae_record("tiny-matryoshka", d_sae=60, widths=(12, 60)))
    cancel(engine, submit(engine, SaeRequest("folder", matryoshka_widths=(12, 60))).id)
    return create_app(settings, engine)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as data:
        uvicorn.run(tiny_app(Path(data)), port=int(sys.argv[1]) if len(sys.argv) > 1 else PORT, log_level="warning")
