"""All services of docker-compose.yml together, from an empty database to a live prompt."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import numpy as np
import pytest

from tests.activations.tiny_model import D_MODEL
from tests.live.services import Services
from tests.pipeline.test_with_model import HOOK, START, save_model
from tests.pipeline.world import N_WORDS, make_tokenizer
from tests.postgres import PostgresServer, free_port
from tests.saved_saes import save_matryoshka, save_sae
from tests.waiting import wait_until

Found = TypeVar("Found")

TOKEN = {"Authorization": "Bearer letmestart"}
DEADLINE_S = 240
"""A busy machine is no failure."""


def fill(folder: Path) -> None:
    """What users put into the input folder: a model, two SAEs, a text."""
    model = save_model(folder / "model", make_tokenizer(bos_token=START))
    named: dict[str, Any] = {"d_in": D_MODEL, "model_name": str(model), "hook_name": HOOK}
    save_sae(folder / "narrow", "jumprelu", d_sae=6, seed=1, **named)
    save_matryoshka(folder / "reference", seed=2, **named)
    words = np.random.default_rng(0).integers(0, N_WORDS, (20, 126))
    lines = (json.dumps({"text": " ".join(f"w{word}" for word in row)}) for row in words)
    (folder / "text.jsonl").write_text("\n".join(lines))


@pytest.fixture
def services(tmp_path: Path, postgres_url: str, postgres_server: PostgresServer) -> Iterator[Services]:
    for name in ("data", "input", "logs"):
        (tmp_path / name).mkdir()
    fill(tmp_path / "input")
    given = {
        "POSTGRES_PASSWORD": postgres_server.password,
        "HEDGESCOPE_WORKER_SECRET": "betweenthetwo",
        "HEDGESCOPE_JOBS_TOKEN": TOKEN["Authorization"].split()[1],
    }
    moved = {
        "@postgres:5432/hedgescope": f"@{postgres_url.rpartition('@')[2]}",
        "worker:8001": f"127.0.0.1:{free_port()}",
        "0.0.0.0": "127.0.0.1",
        "/data": str(tmp_path / "data"),
        "/input": str(tmp_path / "input"),
    }
    made = Services(given, moved, tmp_path / "logs")
    yield made
    made.kill()


def wait_for(ask: Callable[[], Found | None], services: Services) -> Found:
    """What it finds, as soon as it finds something."""

    def found() -> Found | None:
        with suppress(httpx.TransportError):
            return ask()
        return None

    answer = wait_until(found, timeout_s=DEADLINE_S, every_s=0.1, report=services.logs)
    assert answer is not None
    return answer


def ended_well(client: httpx.Client, services: Services, **request: Any) -> dict[str, Any]:
    """Ask for a job; what it says of itself when it is done."""
    asked = client.post("/api/v1/jobs", json=request, headers=TOKEN)
    assert asked.status_code == 201, asked.text

    def ended() -> dict[str, Any] | None:
        job: dict[str, Any] = client.get(f"/api/v1/jobs/{asked.json()['id']}").json()
        return job if job["state"] in ("done", "failed", "cancelled") else None

    job = wait_for(ended, services)
    assert job["state"] == "done", (job, services.logs())
    return job


def test_from_an_empty_database_to_a_live_prompt(services: Services) -> None:
    port = free_port()
    assert services.start("migrate").wait(DEADLINE_S) == 0, services.logs()
    services.start("web", HEDGESCOPE_PORT=str(port))
    services.start("worker", HEDGESCOPE_WORKER_PORT=services.moved["worker:8001"].rpartition(":")[2])
    services.start("jobs")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
        wait_for(lambda: client.get("/readyz").json()["status"] == "ready" or None, services)
        assert client.post("/api/v1/jobs", json={"kind": "sae", "source": "narrow"}).status_code == 401
        for name in ("narrow", "reference"):
            ended_well(client, services, kind="sae", source=name)
        job = ended_well(client, services, narrow="narrow", reference="reference", text="text.jsonl", name="mine")
        answer = client.post(f"/api/v1/comparisons/{job['slug']}/prompt", json={"text": "w1 w2 w3"})
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["tokens"]) == 4
    assert services.stop() == dict.fromkeys(("migrate", "web", "worker", "jobs"), 0), services.logs()
    assert "Traceback" not in services.logs()
