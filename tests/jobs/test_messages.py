"""What pages and API show of an error: no folder and no address of the machine, but which setting they are of."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from app.disk import full
from app.jobs.messages import LONGEST_ERROR, Places, in_one_line
from app.settings import Settings
from app.store.explain import explain

PLACES = Places.of(Settings(data_dir=Path("/srv/hedge scope"), input_dir=Path("/home/lab/input")))
REMOTE = Places.of(Settings(data_dir=Path("/srv/data"), shards="s3://our-bucket/shards/"))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            "/srv/hedge scope/shards/3f/acts-1: full",
            "3f/acts-1 in the data folder's shards (HEDGESCOPE_DATA_DIR): full",
        ),
        ("/srv/hedge scope/shards: full", "the data folder's shards (HEDGESCOPE_DATA_DIR): full"),
        ("/srv/hedge scope/models/a-1: full", "a-1 in the data folder's models (HEDGESCOPE_DATA_DIR): full"),
        ("in /srv/hedge scope/other.", "in other. in the data folder (HEDGESCOPE_DATA_DIR)"),
        ("no room in /srv/hedge scope.", "no room in the data folder (HEDGESCOPE_DATA_DIR)."),
        ("/home/lab/input/saes/mine: no weights", "saes/mine: no weights"),
        ("'/home/lab/input/a.txt' is empty", "'a.txt' is empty"),
        ("/home/lab/input: empty", "the input folder (HEDGESCOPE_INPUT_DIR): empty"),
        ("/home/lab/inputs/secret: none", "secret: none"),
        ("/home/lab/input-old/x: none", "x: none"),
        ("/opt/env/lib/x.py: broken", "x.py: broken"),
        ("hf.co/org/model: none\nat all", "hf.co/org/model: none at all"),
    ],
)
def test_folders_are_named_by_what_they_are_for(error: str, told: str) -> None:
    assert PLACES.in_one_line(error) == told


def test_shards_elsewhere_are_named_by_their_setting() -> None:
    told = REMOTE.in_one_line("s3://our-bucket/shards/3f/tokens-1: can't be written (denied)")
    assert told == "3f/tokens-1 in the folder of shards (HEDGESCOPE_SHARDS): can't be written (denied)"


@pytest.mark.parametrize(
    "url", ["sqlite:////srv/data/hedgescope.db", "postgresql+psycopg://me:secret@db.lab:5432/hedgescope"]
)
def test_a_full_database_is_told_without_its_address(url: str) -> None:
    driver = OperationalError("INSERT", {}, Exception("could not extend file: No space left on device"))
    told = in_one_line(str(explain(driver, sa.make_url(url))))
    assert told.startswith(
        "the database (HEDGESCOPE_DATABASE_URL): no space left on the disk: nothing was stored; free some"
    )
    for private in ("srv", "db.lab", "me:", "secret"):
        assert private not in told


def test_a_full_disk_is_told_with_what_is_missing(tmp_path: Path) -> None:
    error = full(tmp_path / "not" / "there", 1_234_567, "free some", "while something is written")
    places = Places.of(Settings(data_dir=tmp_path))
    told = places.in_one_line(error)
    assert told.startswith("not/there in the data folder (HEDGESCOPE_DATA_DIR): the disk is full while something is")
    assert "(1,234,567 bytes to write, " in told
    assert str(tmp_path) not in told
    folder = Path(tempfile.gettempdir())
    assert (
        Places.of(Settings(data_dir=Path("/srv")))
        .in_one_line(full(folder, 1, "free some"))
        .startswith("the folder for temporary files (TMPDIR): the disk is full (1 bytes to write, ")
    )


def test_a_long_error_is_cut() -> None:
    assert len(PLACES.in_one_line("x" * 5000)) == LONGEST_ERROR
