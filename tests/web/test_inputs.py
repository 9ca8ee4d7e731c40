"""What the input folder holds, and SAEs that are uploaded into it: who may, how much, and what is refused."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.sae.formats.find import FORMATS, READERS
from app.sae.formats.names import FILES
from app.sae.load import load_sae
from app.settings import Settings
from app.store.keys import create_key
from app.store.session import make_engine, upgrade
from app.web.main import create_app
from tests.local_client import local_client
from tests.saved_saes import save_sae

UPLOAD = "/api/v1/inputs"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    url = Settings(data_dir=tmp_path).resolved_database_url
    upgrade(url)
    made = make_engine(url)
    yield made
    made.dispose()


def client_of(tmp_path: Path, engine: Engine, **changes: Any) -> TestClient:
    app = create_app(Settings(data_dir=tmp_path, **changes), engine)
    return local_client(app, follow_redirects=False, base_url="http://127.0.0.1")


@pytest.fixture
def client(tmp_path: Path, engine: Engine) -> TestClient:
    return client_of(tmp_path, engine)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "input"
    made.mkdir()
    return made


@pytest.fixture
def files(tmp_path: Path) -> list[tuple[str, bytes]]:
    source = save_sae(tmp_path / "elsewhere")
    return [(path.name, path.read_bytes()) for path in sorted(source.iterdir())]


def sent(files: list[tuple[str, bytes]]) -> list[tuple[str, tuple[str, bytes]]]:
    return [("files", file) for file in files]


def left(tmp_path: Path) -> list[str]:
    """All that is in the input folder, what is hidden too."""
    folder = tmp_path / "input"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) if folder.exists() else []


def test_names_are_those_of_the_readers() -> None:
    assert [(name, files) for name, files, _ in FORMATS] == list(FILES.items())
    assert set(READERS) == set(FILES)


def test_what_lies_in_the_input_folder_is_listed(client: TestClient, folder: Path, tmp_path: Path) -> None:
    save_sae(folder / "runs" / "a")
    (folder / "größere texte.JSONL.gz").write_bytes(b"")
    (folder / "model.gguf").write_bytes(b"GGUF")
    (folder / "notes.docx").write_bytes(b"")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    found = client.get(UPLOAD).json()
    listed = [(item["kind"], item["name"], item["format"]) for item in found["items"]]
    assert listed == [
        ("text", "größere texte.JSONL.gz", "gz"),
        ("model", "model.gguf", "gguf"),
        ("sae", "runs/a", "SAELens"),
    ]
    page = client.get("/saes/new").text
    assert '<option value="runs/a">SAELens</option>' in page
    assert "größere texte" in client.get("/compare/new").text


def test_who_may_not_write_sees_no_names(tmp_path: Path, engine: Engine, folder: Path) -> None:
    save_sae(folder / "private-name")
    far = TestClient(create_app(Settings(data_dir=tmp_path, allowed_hosts=("*",)), engine))
    assert far.get(UPLOAD).status_code == 401
    assert "private-name" not in far.get("/saes/new").text
    key = create_key(engine, "uploads", ("read", "write"))[1]
    assert far.get(UPLOAD, headers={"X-API-Key": key}).json()["total"] == 1


def test_an_upload_is_the_same_sae(client: TestClient, files: list[tuple[str, bytes]], tmp_path: Path) -> None:
    answer = client.post(UPLOAD, data={"name": "mine"}, files=sent(files))
    assert (answer.status_code, answer.json()) == (201, {"source": "mine"})
    assert left(tmp_path) == ["mine", "mine/cfg.json", "mine/sae_weights.safetensors"]
    there, original = load_sae(str(tmp_path / "input" / "mine")), load_sae(str(tmp_path / "elsewhere"))
    assert there.record.checksum == original.record.checksum
    again = client.post(UPLOAD, data={"name": "mine"}, files=sent(files))
    assert again.status_code == 409


def test_the_form_leads_to_its_registration(client: TestClient, files: list[tuple[str, bytes]]) -> None:
    answer = client.post("/saes/upload", data={"name": "mine"}, files=sent(files))
    assert (answer.status_code, answer.headers["location"]) == (303, "/saes/new?source=mine&name=mine")
    page = client.get(answer.headers["location"]).text
    assert 'name="source" value="mine"' in page
    refused = client.post("/saes/upload", data={"name": "Not a name"}, files=sent(files))
    assert refused.status_code == 400
    assert "name is &#39;Not a name&#39;" in refused.text


def npz(**arrays: Any) -> bytes:
    made = io.BytesIO()
    np.savez(made, **arrays)
    return made.getvalue()


REFUSED: list[tuple[list[tuple[str, bytes]], str]] = [
    ([], "the files are none"),
    ([("ae.pt", b"x")], "a file is named 'ae.pt'; expected *.json, *.safetensors, *.npz"),
    ([("../../evil.json", b"{}")], "without a folder"),
    ([("..\\evil.json", b"{}")], "without a folder"),
    ([(".hidden.json", b"{}")], "without a folder"),
    ([("cfg.json", b"{}")], "the files are cfg.json; expected those of one SAE"),
    ([("cfg.json", b"{}"), ("cfg.json", b"{}")], "cfg.json is sent twice"),
    ([("params.npz", b"PK\x03\x04 and no more")], "params.npz is damaged"),
    ([("params.npz", npz(W=np.array([{"a": 1}], dtype=object)))], "which is not an array of numbers"),
    ([("cfg.json", b"[]"), ("sae_weights.safetensors", b"\0" * 8)], "cfg.json is not a JSON object"),
    ([("cfg.json", b"{}"), ("sae_weights.safetensors", b"\x80\x04pickle")], "is not a safetensors file"),
    (
        [("cfg.json", b"{}"), ("sae_weights.safetensors", b"\x02" + b"\0" * 7 + b"{}extra")],
        "sae_weights.safetensors has 15 bytes; its header says 10",
    ),
]


@pytest.mark.parametrize(("wrong", "words"), REFUSED)
def test_what_is_not_an_sae_is_refused_and_leaves_nothing(
    client: TestClient, tmp_path: Path, wrong: list[tuple[str, bytes]], words: str
) -> None:
    answer = client.post(UPLOAD, data={"name": "mine"}, files=sent(wrong) or [("other", ("", b""))])
    assert answer.status_code == 400
    assert words in answer.json()["detail"]
    assert left(tmp_path) == []
    assert not (tmp_path / "evil.json").exists()


def test_too_large_is_refused_before_it_is_stored(
    tmp_path: Path, engine: Engine, files: list[tuple[str, bytes]]
) -> None:
    small = client_of(tmp_path, engine, upload_max_bytes=1000)
    answer = small.post(UPLOAD, data={"name": "mine"}, files=sent(files))
    assert answer.status_code == 413
    assert "at most 1,000 bytes are taken" in answer.json()["detail"]
    unknown = small.post(UPLOAD, content=iter([b"a"]), headers={"content-type": "multipart/form-data; boundary=x"})
    assert unknown.status_code == 411
    off = client_of(tmp_path, engine, upload_max_bytes=0)
    assert off.post(UPLOAD, data={"name": "mine"}, files=sent(files)).status_code == 413
    assert "Upload an SAE" not in off.get("/saes/new").text
    assert left(tmp_path) == []


def test_the_forms_key_counts_where_it_comes_first(
    tmp_path: Path, engine: Engine, files: list[tuple[str, bytes]]
) -> None:
    far = TestClient(create_app(Settings(data_dir=tmp_path, allowed_hosts=("*",)), engine), follow_redirects=False)
    key = create_key(engine, "uploads", ("read", "write"))[1]
    without = far.post("/saes/upload", data={"name": "mine"}, files=sent(files))
    assert without.status_code == 401
    assert left(tmp_path) == []
    assert far.post("/saes/upload", data={"token": key, "name": "mine"}, files=sent(files)).status_code == 303
    assert far.post(UPLOAD, data={"token": key, "name": "other"}, files=sent(files)).status_code == 401


def test_a_form_that_breaks_off_leaves_nothing(client: TestClient, tmp_path: Path) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="cfg.json"\r\n\r\n{"a": '
    answer = client.post(UPLOAD, content=body, headers={"content-type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 400
    wrong = client.post(UPLOAD, content=json.dumps({"name": "mine"}), headers={"content-type": "application/json"})
    assert (wrong.status_code, wrong.json()["parameter"]) == (400, "body")
    assert left(tmp_path) == []
