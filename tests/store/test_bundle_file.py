"""A bundle of a comparison: imported elsewhere it gives the same answers; damaged, it imports nothing."""

from __future__ import annotations

import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from sqlalchemy import Engine, func, select
from starlette.testclient import TestClient

from app.errors import StoreError
from app.settings import Settings
from app.store.bundle_file import export_bundle
from app.store.bundle_import import import_bundle
from app.store.degrees import write_degree
from app.store.interventions import write_intervention
from app.store.read import list_comparisons
from app.store.session import make_engine, reading, upgrade
from app.store.tables import comparisons, latents
from app.store.write import write_comparison
from app.web.main import create_app
from tests.builders import make_bundle, make_degree, make_intervention
from tests.store.conftest import url_of

pytestmark = pytest.mark.slow


def fresh(path: Path) -> Engine:
    upgrade(f"sqlite:///{path}")
    return make_engine(f"sqlite:///{path}")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, Path]:
    """(database, slug, bundle) of a comparison with an intervention and a hedging degree."""
    folder = tmp_path_factory.mktemp("origin")
    engine = fresh(folder / "h.db")
    bundle = make_bundle()
    write_comparison(engine, bundle)
    write_intervention(engine, make_intervention(bundle.summary))
    write_degree(engine, make_degree(bundle.summary.narrow.sae.checksum, bundle.summary.narrow.sae.d_sae))
    export_bundle(engine, bundle.summary.slug, folder / "c.zip")
    engine.dispose()
    return folder / "h.db", bundle.summary.slug, folder / "c.zip"


@pytest.fixture
def target(engine: Engine) -> Engine:
    """An empty database, on SQLite and on PostgreSQL."""
    return engine


def answers(url: str, slug: str) -> dict[str, tuple[int, bytes, str | None]]:
    """Status, body and ETag of what the API and the pages' twins say about a comparison."""
    api, page = f"/api/v1/comparisons/{slug}", f"/c/{slug}"
    paths = [api, f"{api}/levels", f"{api}/degree", f"{api}/interventions", "/api/v1/interventions/1"]
    paths += [f"{api}/latents?limit=1000", f"{api}/latents?sae=reference&sort=-density&limit=100", f"{api}/latents?q=a"]
    paths += [f"{api}/{side}/{index}" for side in ("narrow", "reference") for index in range(12)]
    paths += [f"{api}/pairs/{i}/{j}" for i in range(4) for j in range(4)]
    paths += [f"{api}/contexts?index={i}&cell={cell}" for i in range(12) for cell in ("both", "without_main")]
    paths += [f"{page}/narrow/{i}.json" for i in range(12)]
    paths += [f"{page}.json", f"{page}/latents.csv", f"{page}/latents.ndjson", f"{page}/intervention.json"]
    with TestClient(create_app(Settings(database_url=url))) as client:
        found = {path: client.get(path, headers={"accept-encoding": "identity"}) for path in paths}
    return {path: (answer.status_code, answer.content, answer.headers.get("etag")) for path, answer in found.items()}


def test_imported_elsewhere_it_gives_the_same_answers(origin: tuple[Path, str, Path], target: Engine) -> None:
    database, slug, path = origin
    assert import_bundle(target, path) == (slug, True)
    ours = answers(f"sqlite:///{database}", slug)
    theirs = answers(url_of(target), slug)
    assert {answer[0] for answer in ours.values()} == {200}
    assert theirs == ours


def test_what_is_exported_again_is_the_same_file(
    origin: tuple[Path, str, Path], target: Engine, tmp_path: Path
) -> None:
    _, slug, path = origin
    import_bundle(target, path)
    export_bundle(target, slug, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == path.read_bytes()
    assert [file.name for file in tmp_path.iterdir() if file.name.endswith(".partial")] == []


def test_a_second_import_changes_nothing(origin: tuple[Path, str, Path], target: Engine) -> None:
    _, slug, path = origin
    import_bundle(target, path)
    assert import_bundle(target, path) == (slug, False)
    assert [summary.slug for summary in list_comparisons(target)] == [slug]


def nothing_in(engine: Engine) -> bool:
    with reading(engine) as connection:
        counts = [
            connection.execute(select(func.count()).select_from(table)).scalar() for table in (comparisons, latents)
        ]
    return counts == [0, 0]


def rewritten(path: Path, out: Path, edit: Callable[[dict[str, bytes]], None]) -> Path:
    """A copy whose members are edited; the archive itself is whole."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    edit(members)
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out


def manifest(**changes: object) -> Callable[[dict[str, bytes]], None]:
    def edit(members: dict[str, bytes]) -> None:
        members["manifest.json"] = orjson.dumps({**orjson.loads(members["manifest.json"]), **changes})

    return edit


def line(name: str, change: Callable[[bytes], bytes]) -> Callable[[dict[str, bytes]], None]:
    def edit(members: dict[str, bytes]) -> None:
        first, rest = members[name].split(b"\n", 1)
        members[name] = change(first) + b"\n" + rest

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda members: members.pop("latents.ndjson"), "damaged or incomplete, and nothing was imported"),
        (lambda members: members.pop("manifest.json"), "expected a bundle of hedgescope export"),
        (lambda members: members.update({"partners.ndjson": b""}), "damaged or incomplete"),
        (line("latents.ndjson", lambda text: text.replace(b"0.", b"1.", 1)), "damaged or incomplete"),
        (line("latents.ndjson", lambda text: b"[]"), "latents.ndjson, line 1: expected .* values"),
        (line("latents.ndjson", lambda text: b"{"), "latents.ndjson, line 1: not JSON"),
        (line("details.ndjson", lambda text: b'["narrow",0,"AAAA"]'), "line 1: its payload can't be read"),
        (line("details.ndjson", lambda text: b'["narrow",true,"AAAA"]'), "has a value of another type"),
        (manifest(format="other"), "not a bundle of hedgescope export"),
        (manifest(version=99), "has version 99, but this program reads 1"),
        (manifest(schema="2020_01_01_old"), "has schema '2020_01_01_old'.* export it again with the same version"),
        (manifest(summary="{}"), "damaged or incomplete"),
        (manifest(members={}), "damaged or incomplete"),
    ],
)
def test_a_bundle_that_was_changed_imports_nothing(
    origin: tuple[Path, str, Path],
    target: Engine,
    tmp_path: Path,
    edit: Callable[[dict[str, bytes]], None],
    message: str,
) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        import_bundle(target, rewritten(origin[2], tmp_path / "changed.zip", edit))
    assert "\n" not in str(caught.value)
    assert nothing_in(target)


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_file_imports_nothing(
    origin: tuple[Path, str, Path], target: Engine, tmp_path: Path, seed: int
) -> None:
    generator = random.Random(seed)
    content = bytearray(origin[2].read_bytes())
    if seed % 3 == 0:
        content = content[: generator.randrange(len(content))]
    else:
        for _ in range(20):
            content[generator.randrange(len(content))] ^= 0xFF
    (tmp_path / "damaged.zip").write_bytes(content)
    with pytest.raises(StoreError):
        import_bundle(target, tmp_path / "damaged.zip")
    assert nothing_in(target)


def test_what_is_no_bundle_is_said(target: Engine, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"can't be read .*expected a bundle"):
        import_bundle(target, tmp_path / "none.zip")
    (tmp_path / "text.zip").write_text("hello")
    with pytest.raises(StoreError, match="damaged or incomplete"):
        import_bundle(target, tmp_path / "text.zip")


def test_an_intervention_whose_number_is_taken_gets_another(
    origin: tuple[Path, str, Path], target: Engine, tmp_path: Path
) -> None:
    other = make_bundle(name="other")
    write_comparison(target, other)
    write_intervention(target, make_intervention(other.summary))
    shutil.copy(origin[2], tmp_path / "c.zip")
    slug, _ = import_bundle(target, tmp_path / "c.zip")
    with TestClient(create_app(Settings(database_url=url_of(target)))) as client:
        found = client.get(f"/api/v1/comparisons/{slug}/interventions").json()
    assert len(found["items"] if isinstance(found, dict) else found) == 1
