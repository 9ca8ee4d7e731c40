"""A client that leaves takes its prompt with it, through the pages to the worker."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from app.inference.client import fixed
from app.inference.server.compute import Prompt, Read
from app.inference.server.service import Service
from app.web.main import create_app
from tests.inference.place import SECRET, Place
from tests.live.conftest import served
from tests.waiting import wait_until


def post(url: str, body: bytes) -> socket.socket:
    """A request on a raw connection, whose answer nobody reads."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    connection = socket.create_connection((host, port), timeout=30)
    head = f"POST {urlsplit(url).path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
    connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return connection


def test_a_client_that_leaves_is_cancelled_and_a_full_queue_says_when(place: Place, http: httpx.Client) -> None:
    worker = place.app(batch_prompts=1, prompt_queue_tokens=20)
    service: Service = worker.state.service
    gate, seen = threading.Event(), []
    run = service.batcher._run

    def slowly(prompts: list[Prompt]) -> Sequence[Read | Exception]:
        seen.append(prompts[0].n_tokens)
        assert gate.wait(60)
        return run(prompts)

    service.batcher._run = slowly
    with served(worker) as worker_url:
        pages = create_app(place.settings(), place.engine, fixed(worker_url, SecretStr(SECRET)))
        with served(pages) as url:
            api = f"{url}/api/v1/comparisons/{place.slug}/prompt"
            running = post(api, json.dumps({"text": "w1 w2"}).encode())
            wait_until(lambda: seen == [3])
            waiting = post(api, json.dumps({"text": "w1 " * 15}).encode())
            wait_until(lambda: service.batcher.waiting == (1, 16))
            refused = http.post(api, json={"text": "w1 " * 10})
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) >= 1
            assert "16 tokens wait" in refused.json()["detail"]
            form = http.post(f"{url}/c/{place.slug}/prompt", data={"text": "w1 " * 10})
            assert (form.status_code, form.headers["retry-after"]) == (503, refused.headers["retry-after"])
            waiting.close()
            wait_until(lambda: service.batcher.waiting == (0, 0))
            third = threading.Thread(target=lambda: http.post(api, json={"text": "w1 " * 4}))
            third.start()
            wait_until(lambda: service.batcher.waiting == (1, 5))
            gate.set()
            third.join(30)
            running.close()
            wait_until(lambda: len(seen) == 2)
    assert seen == [3, 5]


def test_a_worker_that_dies_is_said(place: Place, http: httpx.Client) -> None:
    with served(place.app()) as worker_url:
        pages = create_app(place.settings(), place.engine, fixed(worker_url, SecretStr(SECRET)))
    with served(pages) as url:
        for _ in range(3):
            answer = http.post(f"{url}/api/v1/comparisons/{place.slug}/prompt", json={"text": "w1"})
            assert answer.status_code == 503
            assert "can't be reached" in answer.json()["detail"]
        assert http.get(f"{url}/c/{place.slug}").status_code == 200


def test_a_wrong_secret_is_said_without_it(place: Place, worker_url: str, http: httpx.Client) -> None:
    pages = create_app(place.settings(), place.engine, fixed(worker_url, SecretStr("a wrong secret")))
    with served(pages) as url:
        answer = http.post(f"{url}/api/v1/comparisons/{place.slug}/prompt", json={"text": "w1"})
    assert answer.status_code == 503
    assert "HEDGESCOPE_WORKER_SECRET" in answer.json()["detail"]
    assert "a wrong secret" not in answer.text
