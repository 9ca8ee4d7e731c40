"""A database that can only be read is read: file and folder without the right to write, with and without its log."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import make_url

from app.store.read_only import file_of, is_read_only
from app.store.session import make_engine, upgrade
from app.store.write import register_sae, write_comparison
from tests.builders import make_bundle, make_sae_record

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
AS_ANYONE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner") if os.geteuid() == 0 else ()
"""Root may write everything; without these rights it is like anyone else."""

READ = """
import json, sys
from sqlalchemy import make_url
from app.errors import StoreError
from app.settings import Settings
from app.store.read import list_comparisons, list_saes
from app.store.read_only import is_read_only
from app.store.session import check_schema, make_engine
from app.store.write import register_sae
from app.web.main import create_app
from starlette.testclient import TestClient
url = sys.argv[1]
engine = make_engine(url)
check_schema(engine)
(summary,), (sae,) = list_comparisons(engine), list_saes(engine)
try:
    register_sae(engine, sae)
    refused = None
except StoreError as error:
    refused = str(error)
with TestClient(create_app(Settings(database_url=url))) as client:
    paths = ["/", f"/c/{summary.slug}", f"/c/{summary.slug}/latents?q=a", "/saes", "/jobs", "/readyz"]
    status = [client.get(path).status_code for path in paths]
print(json.dumps({"read_only": is_read_only(make_url(url)), "name": sae.name, "status": status, "refused": refused}))
"""


def stored(folder: Path) -> Path:
    """A database with a comparison and an SAE, in a folder of its own."""
    folder.mkdir()
    path = folder / "h.db"
    upgrade(f"sqlite:///{path}")
    engine = make_engine(f"sqlite:///{path}")
    register_sae(engine, make_sae_record())
    write_comparison(engine, make_bundle())
    engine.dispose()
    return path


def locked(folder: Path) -> None:
    """Take away the right to write."""
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)


@pytest.mark.parametrize("kind", ["write-ahead log", "rollback journal", "open log"])
def test_it_is_read_and_served(tmp_path: Path, kind: str) -> None:
    path = stored(tmp_path / "db")
    writer = sqlite3.connect(path)
    if kind == "rollback journal":
        writer.execute("PRAGMA journal_mode = DELETE")
    if kind == "open log":
        writer.execute("CREATE TABLE of_the_log (x)")
    else:
        writer.close()
    locked(path.parent)
    done = subprocess.run(
        [*AS_ANYONE, sys.executable, "-c", READ, f"sqlite:///{path}"], cwd=ROOT, capture_output=True, text=True
    )
    path.parent.chmod(0o755)
    writer.close()
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["read_only"], found["name"]) == (True, make_sae_record().name)
    assert found["status"] == [200] * 6
    assert "read-only" in found["refused"]


def test_a_file_that_can_be_written_is_not_read_only(tmp_path: Path) -> None:
    path = stored(tmp_path / "db")
    assert not is_read_only(make_url(f"sqlite:///{path}"))
    assert not is_read_only(make_url(f"sqlite:///{tmp_path / 'none.db'}"))


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////data/h.db", Path("/data/h.db")),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("sqlite:///file:/data/h.db?mode=ro&uri=true", None),
        ("postgresql://h/db", None),
    ],
)
def test_the_file_of_a_database(url: str, path: Path | None) -> None:
    assert file_of(make_url(url)) == path
