"""Databases made by older schemas are upgraded, and the store and the pages read from them what they always held."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from app.paths import resource
from app.settings import Settings
from app.store.session import check_schema, make_engine, upgrade
from app.web.main import create_app
from tests.data.contents import read_contents
from tests.local_client import local_client

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parent / "data"
STORED = sorted(path.name.partition(".")[0] for path in FOLDER.glob("*.sqlite.gz"))


@pytest.fixture(params=STORED)
def revision(request: pytest.FixtureRequest) -> str:
    """The schema that the database was made with."""
    found: str = request.param
    return found


@pytest.fixture
def expected(revision: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{revision}.json").read_text())
    return found


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def upgraded(request: pytest.FixtureRequest, revision: str, tmp_path: Path) -> Iterator[tuple[str, Engine]]:
    """URL and engine of a copy, upgraded."""
    if request.param == "sqlite":
        file = tmp_path / "hedgescope.db"
        file.write_bytes(stored(f"{revision}.sqlite.gz"))
        url = f"sqlite:///{file}"
    else:
        url = request.getfixturevalue("postgres_url")
        restore(url, stored(f"{revision}.sql.gz").decode())
    upgrade(url)
    engine = make_engine(url)
    yield url, engine
    engine.dispose()


def stored(name: str) -> bytes:
    return gzip.decompress((FOLDER / name).read_bytes())


def restore(url: str, dump: str) -> None:
    """Run the statements of a dump; lines with a backslash in front are for `psql` alone."""
    statements = "\n".join(line for line in dump.splitlines() if not line.startswith("\\"))
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute(statements.encode())


def test_todays_schema_is_stored() -> None:
    """Else users of this version would be the first to upgrade from it."""
    head = ScriptDirectory(str(resource("migrations"))).get_current_head()
    assert head in STORED, "run `python -m tests.data.make`, and commit the files"
    assert "2026_11_25_evidence" in STORED


def test_what_it_held_is_still_there(upgraded: tuple[str, Engine], expected: dict[str, Any]) -> None:
    check_schema(upgraded[1])
    found = json.loads(json.dumps(read_contents(upgraded[1])))
    assert {key: found[key] for key in expected} == expected, "an older schema holds fewer kinds of things"


def test_every_page_is_served(upgraded: tuple[str, Engine], expected: dict[str, Any]) -> None:
    url, engine = upgraded
    (slug, held), *others = expected["comparisons"].items()
    assert others == []
    below = [
        "",
        *("/latents", "/latents?sae=reference&columns=all", "/latents.csv", "/levels", "/degree", "/points.json"),
        *(f"/narrow/{index}" for index in range(len(held["profiles"]))),
        *(f"/reference/{index}" for index in range(held["reference_width"])),
        *(f"/pairs/{i}/{j}" for i, j, *_ in held["partners"]),
    ]
    paths = ["/", "/saes", "/jobs", *(f"/jobs/{number}" for number, *_ in expected["jobs"])]
    with local_client(create_app(Settings(database_url=url), engine), base_url="http://127.0.0.1:8000") as client:
        answers = {path: client.get(path) for path in [*paths, *(f"/c/{slug}{path}" for path in below)]}
        assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 200)
        assert f"{held['n_tokens']:,}" in answers[f"/c/{slug}"].text
        found = client.get(f"/api/v1/comparisons/{slug}/latents?sort=index").json()["items"]
    assert [latent["hedging_score"] for latent in found] == held["narrow"]["hedging_score"]
