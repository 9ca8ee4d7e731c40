"""The preflight of jobs, as the worker makes it: what a job would take, and what looks wrong."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.sae.load import load_sae
from app.store.read import list_saes
from app.store.write import register_sae
from tests.activations.tiny_model import D_MODEL
from tests.inference.place import Place
from tests.pipeline.test_with_model import HOOK
from tests.saved_saes import save_matryoshka, save_sae


@pytest.fixture(scope="module")
def ready(place: Place) -> Place:
    """Its SAEs registered, its text and some SAEs in the input folder."""
    inputs = place.data_dir / "input"
    inputs.mkdir()
    shutil.copy(place.data_dir / "text.jsonl", inputs / "text.jsonl")
    for name, source in (("narrow", place.narrow), ("reference", place.reference)):
        register_sae(place.engine, load_sae(str(source), name=name).record)
    named: dict[str, Any] = {"d_in": D_MODEL, "model_name": str(place.model)}
    other = save_matryoshka(place.data_dir / "other", hook_name="model.layers.1", **named)
    register_sae(place.engine, load_sae(str(other), name="other").record)
    save_sae(inputs / "new", "jumprelu", hook_name=HOOK, **named)
    return place


def look(worker: TestClient, kind: str, **request: Any) -> dict[str, Any]:
    answer = worker.post("/preflight", json={"kind": kind, "request": request})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["preflight"]
    return found


def test_a_comparison_is_measured_and_not_made(worker: TestClient, ready: Place) -> None:
    found = look(worker, "comparison", narrow="narrow", reference="reference", text="text.jsonl", tokens=900)
    assert (found["refused"], found["tokens"], found["slug"]) == (None, 900, None)
    assert 0 < found["seconds"] < 600
    n_latents = ready.summary.narrow.sae.d_sae + ready.summary.reference.sae.d_sae
    # The database, and what each token adds to the shards.
    assert 12_000 * n_latents < found["disk_bytes"] < 12_000 * n_latents + 900 * (2 * D_MODEL + 8 * n_latents)
    assert found["free_bytes"] == pytest.approx(shutil.disk_usage(ready.data_dir).free, rel=0.2)
    more = look(worker, "comparison", narrow="narrow", reference="reference", text="text.jsonl", tokens=1800)
    assert more["disk_bytes"] > found["disk_bytes"]


def test_one_that_is_stored_takes_nothing(worker: TestClient, ready: Place) -> None:
    found = look(worker, "comparison", narrow="narrow", reference="reference", text="text.jsonl", name="live")
    assert (found["slug"], found["seconds"], found["disk_bytes"]) == (ready.slug, 0, 0)


def test_what_cannot_run_says_why(worker: TestClient, ready: Place) -> None:
    nowhere = look(worker, "comparison", narrow="narrow", reference="reference", text="nowhere.txt")
    assert nowhere["refused"] == "nowhere.txt: no such file, folder or dataset"
    pair = {"narrow": "narrow", "reference": "other", "text": "text.jsonl", "tokens": 900}
    mismatch = look(worker, "comparison", **pair)
    assert f"narrow reads {HOOK}, but other reads model.layers.1" in mismatch["refused"]
    forced = look(worker, "comparison", **pair, allow_mismatch=True)
    assert forced["refused"] is None
    assert f"narrow reads {HOOK}, but other reads model.layers.1" in forced["notes"][0]


def test_a_registration_is_tried_and_not_made(worker: TestClient, ready: Place) -> None:
    before = [sae.name for sae in list_saes(ready.engine)]
    # Its model is outside the input folder.
    found = look(worker, "sae", source="new")
    assert found["refused"] is None
    assert any("the model that its metadata name was not opened" in note for note in found["notes"])
    taken = look(worker, "sae", source="new", name="narrow")
    assert "the name belongs to the weights" in taken["refused"]
    assert "no such file or folder" in look(worker, "sae", source="../narrow")["refused"]
    assert [sae.name for sae in list_saes(ready.engine)] == before


def test_folders_of_the_machine_stay_private(worker: TestClient, ready: Place) -> None:
    (ready.data_dir / "input" / "broken").mkdir(exist_ok=True)
    said = look(worker, "sae", source="broken")["refused"]
    assert said.startswith("broken: ")
    assert str(Path(ready.data_dir)) not in said


def test_a_request_of_no_kind_is_refused(worker: TestClient) -> None:
    assert worker.post("/preflight", json={"kind": "nope", "request": {}}).status_code == 422
    assert worker.post("/preflight", json={"kind": "comparison", "request": {"narrow": 1}}).status_code == 422
