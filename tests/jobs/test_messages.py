"""What pages and API show of an error: no folder and no address of the machine, but which setting they are of."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from app.disk import full
from app.errors import DiskFullError, HedgescopeError, Place, SaeError, ShardDiskFullError
from app.jobs.messages import LOG, LONGEST_ERROR, Places, in_one_line
from app.settings import Settings
from app.store.explain import explain

PLACES = Places.of(Settings(data_dir=Path("/srv/hedge scope"), input_dir=Path("/home/lab/input")))
REMOTE = Places.of(Settings(data_dir=Path("/srv/data"), shards="s3://our-bucket/shards/"))


@pytest.mark.parametrize(
    ("place", "public"),
    [
        ("/srv/hedge scope/shards/3f/acts-1", "3f/acts-1 in the data folder's shards (HEDGESCOPE_DATA_DIR): none"),
        ("/srv/hedge scope/shards", "the data folder's shards (HEDGESCOPE_DATA_DIR): none"),
        ("/srv/hedge scope/models/a-1", "a-1 in the data folder's models (HEDGESCOPE_DATA_DIR): none"),
        ("/srv/hedge scope/other", "other in the data folder (HEDGESCOPE_DATA_DIR): none"),
        ("/srv/hedge scope", "the data folder (HEDGESCOPE_DATA_DIR): none"),
        ("/home/lab/input/saes/mine", "saes/mine: none"),
        ("/home/lab/input", "the input folder (HEDGESCOPE_INPUT_DIR): none"),
        ("/home/lab/inputs/secret", "secret: none"),
        ("/home/lab/input-old/x", "x: none"),
        ("/opt/env/lib/x.py", "x.py: none"),
        ("s3://a-bucket/x", "x: none"),
        ("org/model", "org/model: none"),
        ("release:layer.1", "release:layer.1: none"),
    ],
)
def test_folders_are_named_by_what_they_are_for(place: str, public: str) -> None:
    error = SaeError("none", place=place)
    assert PLACES.public(error) == public
    assert str(error) == f"{place}: none"


def test_shards_elsewhere_are_named_by_their_setting() -> None:
    error = HedgescopeError("can't be written", place="s3://our-bucket/shards/3f/tokens-1", reason="denied by 10.0.0.1")
    assert REMOTE.public(error) == f"3f/tokens-1 in the folder of shards (HEDGESCOPE_SHARDS): can't be written; {LOG}"
    assert str(error) == "s3://our-bucket/shards/3f/tokens-1: can't be written (denied by 10.0.0.1)"


def test_several_places_are_named_by_their_last_parts() -> None:
    error = SaeError("not one pair", place=Place.of("/a/control", "/b/extended"))
    assert (error.public, str(error)) == (
        "control and extended: not one pair",
        "/a/control and /b/extended: not one pair",
    )


@pytest.mark.parametrize(
    "url", ["sqlite:////srv/data/hedgescope.db", "postgresql+psycopg://me:secret@db.lab:5432/hedgescope"]
)
def test_a_full_database_is_named_without_its_address(url: str) -> None:
    driver = OperationalError("INSERT", {}, Exception("could not extend file: No space left on device"))
    error = explain(driver, sa.make_url(url))
    assert isinstance(error, DiskFullError)
    public = PLACES.public(error)
    assert public.startswith(
        "the database (HEDGESCOPE_DATABASE_URL): no space left on the disk: nothing was stored; free some"
    )
    for private in ("srv", "db.lab", "me:", "secret", "could not extend"):
        assert private not in public


def test_a_full_disk_is_explained_with_what_is_missing(tmp_path: Path) -> None:
    doing = "while something is written"
    error = full(ShardDiskFullError, tmp_path / "not" / "there", 1_234_567, "free some", doing=doing)
    public = Places.of(Settings(data_dir=tmp_path)).public(error)
    assert public.startswith("not/there in the data folder (HEDGESCOPE_DATA_DIR): the disk is full while something is")
    assert "(1,234,567 bytes to write, " in public
    assert str(tmp_path) not in public
    assert str(error).startswith(f"{tmp_path}/not/there: the disk is full while something is written (1,234,567 bytes")
    folder = Path(tempfile.gettempdir())
    assert (
        Places.of(Settings(data_dir=Path("/srv")))
        .public(full(ShardDiskFullError, folder, 1, "free some"))
        .startswith("the folder for temporary files (TMPDIR): the disk is full (1 bytes to write, ")
    )


def test_a_long_error_is_cut_and_on_one_line() -> None:
    assert len(PLACES.public(HedgescopeError("x" * 5000))) == LONGEST_ERROR
    assert in_one_line("none\n at  all") == "none at all"
