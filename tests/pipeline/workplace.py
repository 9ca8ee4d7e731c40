"""Where tests compare: a database and a data folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from app.store.session import make_engine, upgrade


@dataclass(frozen=True)
class Workplace:
    """A database and a data folder."""

    engine: sa.Engine
    data_dir: Path


def open_workplace(folder: Path) -> Workplace:
    url = f"sqlite:///{folder / 'hedgescope.db'}"
    upgrade(url)
    return Workplace(make_engine(url), folder)
