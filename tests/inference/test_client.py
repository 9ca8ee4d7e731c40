"""The client of the worker against servers that misbehave: always a clear error, never a leak, never stuck."""

from __future__ import annotations

import asyncio
import json
import socket
import time

import httpx
import pytest
from pydantic import SecretStr

from app.errors import (
    HedgescopeError,
    NotFoundError,
    PromptError,
    WorkerAnswerError,
    WorkerBusyError,
    WorkerError,
)
from app.inference.client import RETRIES, Address, Inference, fixed, nowhere
from app.inference.wire import LatentRef, PromptAnswer, PromptRequest
from tests.inference.misbehaving import Behaviour, answering, close, drip, flood, hang, misbehaving, reset

SECRET = SecretStr("s3cret-of-the-test")
PROMPT = PromptRequest(slug="demo-123", text="CONFIDENTIAL words")


def failure(kind: str, detail: str = "in words", **more: object) -> bytes:
    return json.dumps({"kind": kind, "detail": detail, **more}).encode()


def ask(url: str, timeout_s: float = 60.0) -> HedgescopeError:
    """What asking a prompt there raises."""

    async def asked() -> None:
        async with Inference(fixed(url, SECRET), timeout_s=timeout_s) as inference:
            await inference.prompt(PROMPT)

    with pytest.raises(HedgescopeError) as caught:
        asyncio.run(asked())
    assert "CONFIDENTIAL" not in str(caught.value)
    assert SECRET.get_secret_value() not in str(caught.value)
    return caught.value


NOT_AN_ANSWER = {
    "nothing of http": lambda connection, _request: connection.sendall(b"\x00\xff SSH-2.0 hello\r\n\r\n"),
    "html": answering(200, b"<html>hello</html>"),
    "empty": answering(200, b""),
    "json of something else": answering(200, b'{"hello": [1, 2, 3]}'),
    "invalid utf-8": answering(200, b'{"tokens": ["\xff"]}'),
    "deep json": answering(200, b"[" * 100_000),
    "an error page": answering(500, b"<html>Traceback /root/secret/path.py</html>"),
    "a redirect": answering(302, b"", b"Location: http://127.0.0.1:1/elsewhere\r\n"),
    "a success that is none": answering(204, b""),
}


@pytest.mark.parametrize("kind", NOT_AN_ANSWER)
def test_garbage_is_said_and_not_repeated(kind: str) -> None:
    with misbehaving(NOT_AN_ANSWER[kind]) as (url, _):
        error = ask(url)
    assert isinstance(error, WorkerError)
    assert "Traceback" not in str(error)
    assert "/root" not in str(error)


@pytest.mark.parametrize("behave", [hang, drip])
def test_a_worker_that_hangs_is_given_up(behave: Behaviour) -> None:
    with misbehaving(behave) as (url, _):
        started = time.monotonic()
        error = ask(url, timeout_s=0.6)
    assert "no answer within 0.6 s" in str(error)
    assert time.monotonic() - started < 10


def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.inference.client.ANSWER_BYTES_MAX", 1 << 20)
    with misbehaving(flood) as (url, _):
        error = ask(url, timeout_s=30)
    assert type(error) is WorkerAnswerError
    assert str(error) == "the inference worker answered more than 1048576 bytes"


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert "can't be reached" in str(ask(f"http://127.0.0.1:{port}"))
    assert "can't be reached" in str(ask("http://[::bad"))


@pytest.mark.parametrize(("behave", "kind"), [(close, "RemoteProtocolError"), (reset, "ReadError")])
def test_a_connection_that_breaks_before_the_answer_is_tried_again(behave: Behaviour, kind: str) -> None:
    """A prompt only reads, so that it may be sent twice; not for ever."""
    with misbehaving(behave) as (url, requests):
        error = ask(url)
        assert type(error) is WorkerError
        assert str(error) == f"the inference worker can't be reached ({kind})"
        assert len(requests) == RETRIES + 1


def test_an_answer_is_not_asked_for_twice() -> None:
    with misbehaving(answering(503, failure("busy", retry_after_s=7))) as (url, requests):
        error = ask(url)
        assert len(requests) == 1
    assert isinstance(error, WorkerBusyError)
    assert error.retry_after_s == 7


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, failure("prompt", "the text has 9 tokens; at most 5 are read"), PromptError),
        (404, failure("not-found"), NotFoundError),
        (401, failure("secret"), WorkerError),
        (503, failure("model"), WorkerError),
        (500, failure("internal"), WorkerError),
        (500, failure("something new"), WorkerAnswerError),
    ],
)
def test_failures_are_what_they_were(status: int, body: bytes, kind: type[HedgescopeError]) -> None:
    with misbehaving(answering(status, body)) as (url, _):
        assert type(ask(url)) is kind


def test_a_latent_that_was_left_out_is_noticed() -> None:
    side = {
        "n_active": [0, 0],
        "n_strongest": [0, 0],
        "strongest_index": [],
        "strongest_activation": [],
        "latents": [],
        "n_firings": [],
        "firing_token": [],
        "firing_activation": [],
    }
    answer = {"tokens": ["", "a"], "scored": [False, True], "device": "cpu", "dtype": "float32"}
    body = json.dumps({**answer, "narrow": side, "reference": side}).encode()
    assert PromptAnswer.model_validate_json(body).tokens == ("", "a")
    asked = PromptRequest(slug="demo-123", text="a", latents=(LatentRef(sae="narrow", index=3),))

    async def ask_for_three(url: str) -> None:
        async with Inference(fixed(url, SECRET)) as inference:
            await inference.prompt(asked)

    with misbehaving(answering(200, body)) as (url, _), pytest.raises(WorkerAnswerError, match="left out a requested"):
        asyncio.run(ask_for_three(url))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n_strongest", [1, 0]),
        ("strongest_activation", [1.0]),
        ("n_active", [0]),
        ("latents", [1]),
        ("firing_token", [5]),
    ],
)
def test_lists_that_do_not_fit_are_no_answer(field: str, value: list[object]) -> None:
    side: dict[str, list[object]] = {
        **{"n_active": [0, 0], "n_strongest": [0, 0], "strongest_index": [], "strongest_activation": []},
        **{"latents": [], "n_firings": [], "firing_token": [], "firing_activation": []},
    }
    answer = {"tokens": ["", "a"], "scored": [False, True], "device": "cpu", "dtype": "float32", "reference": side}
    body = json.dumps({**answer, "narrow": {**side, field: value}}).encode()
    with misbehaving(answering(200, body)) as (url, _):
        error = ask(url)
    assert type(error) is WorkerAnswerError
    assert str(error) == "the inference worker's answer is invalid; check that it has the same version"


def test_where_there_is_none_the_reason_is_told() -> None:
    async def health() -> None:
        async with Inference(nowhere("it is being started again")) as inference:
            await inference.health()

    with pytest.raises(WorkerError, match="it is being started again"):
        asyncio.run(health())


def test_the_address_is_asked_for_anew() -> None:
    """A worker that was started again has another port."""
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        assert request.headers["authorization"] == f"Bearer {SECRET.get_secret_value()}"
        return httpx.Response(200, json={"status": "ok", "version": "1"})

    ports = iter((8001, 8002))

    async def twice() -> None:
        inference = Inference(
            lambda: Address(f"http://127.0.0.1:{next(ports)}", SECRET), transport=httpx.MockTransport(handler)
        )
        async with inference:
            await inference.health()
            await inference.health()

    asyncio.run(twice())
    assert seen == ["http://127.0.0.1:8001/healthz", "http://127.0.0.1:8002/healthz"]


def test_the_secret_and_the_text_are_in_no_representation() -> None:
    shown = repr(Address("http://x", SECRET)) + repr(PROMPT) + str(PROMPT)
    assert SECRET.get_secret_value() not in shown
    assert "CONFIDENTIAL" not in shown
