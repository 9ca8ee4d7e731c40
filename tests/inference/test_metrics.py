"""What the worker counts while it reads prompts, and ids that go from the pages to it."""

from __future__ import annotations

import logging

import anyio
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from starlette.testclient import TestClient

from app.inference.client import Inference, fixed
from app.logs import bound, current
from tests.inference.place import AUTHORIZED, Place


def samples(worker: TestClient) -> dict[str, float]:
    """Value of each sample, labels in its name."""
    text = worker.get("/metrics", headers={"Authorization": ""}).text
    return {
        sample.name + "".join(f",{value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_bucket")
    }


def test_prompts_batches_and_memory_are_counted(place: Place) -> None:
    with TestClient(place.app(), headers=AUTHORIZED) as worker:
        before = samples(worker)
        assert before["hedgescope_prompt_tokens_total"] == before["hedgescope_held_bytes,model"] == 0
        for words in (3, 5):
            assert worker.post("/prompt", json=place.ask("w1 " * words)).status_code == 200
        after = samples(worker)
    assert after["hedgescope_prompt_tokens_total"] == (3 + 1) + (5 + 1)
    assert after["hedgescope_batch_prompts_count"] == after["hedgescope_batch_prompts_sum"] == 2
    assert after["hedgescope_prompt_wait_seconds_count"] == 2
    assert after["hedgescope_batch_duration_seconds_sum"] > 0
    assert after["hedgescope_prompts_waiting"] == after["hedgescope_prompt_tokens_waiting"] == 0
    assert (after["hedgescope_held,model"], after["hedgescope_held,sae"]) == (1, 2)
    assert 0 < after["hedgescope_held_bytes,sae"] < after["hedgescope_held_bytes_max"]
    assert after["hedgescope_http_request_duration_seconds_count,POST,/prompt,200"] == 2


def test_metrics_name_nothing(place: Place) -> None:
    with TestClient(place.app(), headers=AUTHORIZED) as worker:
        worker.post("/prompt", json=place.ask("w1 w2"))
        text = worker.get("/metrics").text
    assert place.slug not in text
    assert str(place.model) not in text


def test_the_id_of_a_request_goes_on_to_the_worker(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    app = place.app()

    async def ask() -> None:
        async with app.router.lifespan_context(app):
            address = fixed("http://worker", SecretStr(AUTHORIZED["Authorization"].removeprefix("Bearer ")))
            async with Inference(address, transport=httpx.ASGITransport(app)) as inference:
                with bound(request_id="from-the-page"):
                    await inference.capabilities()

    seen: list[str | None] = []

    def see(_record: logging.LogRecord) -> bool:
        seen.append(current("request_id"))
        return True

    log = logging.getLogger("app.serving.requests")
    log.addFilter(see)
    try:
        with caplog.at_level(logging.INFO, log.name):
            anyio.run(ask)
    finally:
        log.removeFilter(see)
    assert seen == ["from-the-page"]
