"""Whatever is asked, the worker answers in its own form, tells nothing it should not, and goes on."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.errors import SaeError, SettingsError
from app.inference.server.run import make_app
from app.inference.wire import Failure
from app.records import ComparisonBundle
from app.store.session import make_engine, upgrade
from app.store.write import write_comparison
from tests.builders import make_bundle
from tests.inference.place import AUTHORIZED, SECRET, Place
from tests.waiting import wait_until


def failure(response: Any, status: int) -> Failure:
    assert response.status_code == status, response.text
    return Failure.model_validate_json(response.content)


def stored_from(place: Place, name: str, **changes: Any) -> ComparisonBundle:
    """A stored comparison that says of itself what the changes say."""
    bundle = make_bundle(name=name)
    bundle = replace(bundle, summary=replace(bundle.summary, **changes))
    write_comparison(place.engine, bundle)
    return bundle


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", "Bearer a secret for test", "Basic Zm9v", "é"])
@pytest.mark.parametrize(("method", "path"), [("POST", "/prompt"), ("GET", "/capabilities")])
def test_a_wrong_secret_gets_nothing(place: Place, header: str | None, method: str, path: str) -> None:
    headers = {} if header is None else {"Authorization": header.encode()}
    client = TestClient(place.app())
    found = failure(client.request(method, path, headers=headers, content=b"not even JSON"), 401)  # type: ignore[arg-type]
    assert found.kind == "secret"


def test_health_needs_no_secret(place: Place) -> None:
    assert TestClient(place.app()).get("/healthz").json()["status"] == "ok"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"slug": "x"}',
        b'{"slug": "x", "text": 5}',
        b'{"slug": "x", "text": "SENSITIVE \xff\xfe"}',
        b'{"slug": "x", "text": "SENSITIVE \\ud800"}',
        b'{"slug": "x", "text": "SENSITIVE", "top": 0}',
        b'{"slug": "x", "text": "SENSITIVE", "top": 1000000}',
        b'{"slug": "x", "text": "SENSITIVE", "latents": [{"sae": "other", "index": 1}]}',
        b'{"slug": "x", "text": "SENSITIVE", "latents": [{"sae": "narrow", "index": -1}]}',
        b'{"slug": "x", "text": "SENSITIVE", "SENSITIVE": 1}',
        json.dumps({"slug": "x" * 500, "text": "SENSITIVE"}).encode(),
    ],
)
def test_a_malformed_request_is_refused_without_repeating_it(worker: TestClient, body: bytes) -> None:
    response = worker.post("/prompt", content=body)
    assert failure(response, 422).kind == "request"
    assert "SENSITIVE" not in response.text.replace('"parameter":"SENSITIVE"', "").replace("SENSITIVE: Extra", "")


def test_ten_megabytes_are_refused_unread(worker: TestClient, place: Place) -> None:
    found = failure(worker.post("/prompt", json=place.ask("w1 " * 3_500_000)), 413)
    assert found.kind == "request"
    assert "at most 6,356,992 bytes are taken" in found.detail
    found = failure(worker.post("/prompt", json=place.ask("w1 " * 500_000)), 400)
    assert found.kind == "prompt"
    assert "1,500,000 bytes" in found.detail
    assert "at most 1,048,576" in found.detail


def test_too_many_tokens_are_refused_with_both_numbers(place: Place) -> None:
    with TestClient(place.app(prompt_tokens_max=20), headers=AUTHORIZED) as worker:
        assert worker.post("/prompt", json=place.ask("w1 " * 19)).status_code == 200
        found = failure(worker.post("/prompt", json=place.ask("w1 " * 20)), 400)
    assert (found.kind, found.parameter) == ("prompt", "text")
    assert "21 tokens" in found.detail
    assert "at most 20" in found.detail


def test_an_empty_text_is_refused(worker: TestClient, place: Place) -> None:
    assert "empty" in failure(worker.post("/prompt", json=place.ask("")), 400).detail


def test_an_unknown_comparison_is_not_found(worker: TestClient) -> None:
    found = failure(worker.post("/prompt", json={"slug": "nope", "text": "w1"}), 404)
    assert found.kind == "not-found"


def test_a_model_that_is_not_there_is_said_without_paths(
    place: Place, worker: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A comparison made elsewhere: its model and SAEs are not on this machine."""
    bundle = stored_from(place, "elsewhere", model_name="/no/such/model")
    with caplog.at_level(logging.ERROR):
        response = worker.post("/prompt", json={"slug": bundle.summary.slug, "text": "SENSITIVE"})
    found = failure(response, 503)
    assert found.kind == "model"
    assert "/no/such" not in response.text
    assert "/no/such/model" in caplog.text
    assert "SENSITIVE" not in caplog.text


def test_an_sae_that_does_not_fit_the_model_is_said(place: Place, worker: TestClient) -> None:
    bundle = stored_from(place, "misfit", model_name=str(place.model), hook_name="model.layers.0")
    found = failure(worker.post("/prompt", json={"slug": bundle.summary.slug, "text": "w1"}), 400)
    width = bundle.summary.narrow.sae.d_in
    assert f"reads activations of width {width}" in found.detail
    assert "has width 8 at model.layers.0" in found.detail
    assert worker.post("/prompt", json=place.ask("w1")).status_code == 200


def test_an_unexpected_failure_tells_nothing_and_logs_no_text(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(text: str, *_: object) -> None:
        raise RuntimeError(f"could not do {text}")

    monkeypatch.setattr("app.inference.server.service.tokenize_prompt", fail)
    with TestClient(place.app(), headers=AUTHORIZED, raise_server_exceptions=False) as worker:
        response = worker.post("/prompt", json=place.ask("SENSITIVE"))
    found = failure(response, 500)
    assert found.kind == "internal"
    assert "Traceback" not in response.text
    assert "RuntimeError" in caplog.text
    assert "SENSITIVE" not in caplog.text + response.text


def test_capabilities_say_what_is_held(worker: TestClient, place: Place) -> None:
    worker.post("/prompt", json=place.ask("w1"))
    found = worker.get("/capabilities").json()
    assert {one["kind"] for one in found["held"]} == {"model", "sae"}
    assert all(one["n_bytes"] > 0 for one in found["held"])
    assert (found["device"], found["dtype"], found["waiting_prompts"]) == ("cpu", "float32", 0)


def test_what_the_first_prompt_needs_is_loaded_before_it_comes(place: Place) -> None:
    with TestClient(place.app(worker_warm_up=True), headers=AUTHORIZED) as client:

        def held() -> set[str]:
            return {one["kind"] for one in client.get("/capabilities").json()["held"]}

        wait_until(lambda: held() == {"model", "sae"}, timeout_s=60)
        assert client.post("/prompt", json=place.ask("w1 w2")).status_code == 200


def test_a_worker_starts_though_there_is_nothing_to_load(
    place: Place, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade(f"sqlite:///{tmp_path / 'empty.db'}")
    engine = make_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    with TestClient(make_app(place.settings(), engine, SECRET), headers=AUTHORIZED) as client:
        assert client.get("/capabilities").json()["held"] == []
    missing = make_bundle(name="gone")
    write_comparison(engine, replace(missing, summary=replace(missing.summary, model_name="/nowhere", hook_name="h")))
    with TestClient(make_app(place.settings(), engine, SECRET), headers=AUTHORIZED) as client:
        wait_until(lambda: "nothing is loaded before the first prompt" in caplog.text, timeout_s=60)
        assert client.get("/healthz").status_code == 200
    engine.dispose()


def test_it_refuses_to_start_where_loading_weights_could_run_code(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(SaeError, match="TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD is set"):
        make_app(place.settings(), place.engine, "secret")


def test_it_refuses_to_start_on_a_device_that_does_not_exist(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with pytest.raises(SettingsError, match="device 'cuda': PyTorch sees 0 GPUs here"):
        make_app(place.settings(worker_device="cuda"), place.engine, "secret")
