"""The pages' client of the inference worker: explicit timeouts, retries only where safe, no trust in the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from app.errors import NotFoundError, NoWorkerError, PromptError, WorkerAnswerError, WorkerBusyError, WorkerError
from app.inference.wire import (
    Capabilities,
    Failure,
    Health,
    JobAnswer,
    JobQuestion,
    PromptAnswer,
    PromptRequest,
    VectorsAnswer,
    VectorsRequest,
)
from app.logs import current
from app.records import Preflight
from app.records.sides import SIDES

if TYPE_CHECKING:
    import httpx

CONNECT_S = 2.0
"""A worker that does not even take a connection in this time is down."""

HEALTH_S = 3.0
ANSWER_BYTES_MAX = 64 << 20
"""A longer answer is invalid: the longest prompt with everything active takes a fifth of it."""

RETRIES = 2
PAUSE_S = 0.1
"""Before the first retry; twice as long before the second."""

CONNECTIONS = 64

Answer = TypeVar("Answer", bound=BaseModel)


@dataclass(frozen=True)
class Address:
    """Where a worker is, and what lets one in."""

    url: str
    secret: SecretStr = field(repr=False)


Where = Callable[[], Address]
"""Returns where the worker is now; raises WorkerError, with the reason, where there is none."""


class Inference:
    """Client of a worker. One for a process; closed with `async with`.

    Args:
        where: called for each request, since a restarted worker has another port.
        timeout_s: for an answer as a whole, from sending the request to its last byte.
        transport: of httpx, for tests.
    """

    def __init__(
        self, where: Where, *, timeout_s: float = 60.0, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._where = where
        self._timeout_s = timeout_s
        self._transport = transport
        self._opened: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened is not None:
            await self._opened.aclose()
            self._opened = None

    async def prompt(self, request: PromptRequest) -> PromptAnswer:
        """Have a text read.

        Raises:
            PromptError: it can't be read as it is.
            NotFoundError: the worker knows no such comparison.
            WorkerBusyError, WorkerError, WorkerAnswerError: the worker can't answer, or its answer is invalid.
        """
        answer = await self._request("POST", "/prompt", PromptAnswer, request)
        sides = (answer.narrow, answer.reference)
        wanted = [{ref.index for ref in request.latents if ref.sae == side} for side in SIDES]
        if any(not latents <= set(side.latents) for latents, side in zip(wanted, sides, strict=True)):
            raise WorkerAnswerError(
                "the inference worker left out a requested latent; check that it has the same version"
            )
        return answer

    async def vectors(self, request: VectorsRequest) -> VectorsAnswer:
        """Weights of some latents.

        Raises:
            NotFoundError: the worker knows no such comparison.
            WorkerError, WorkerAnswerError: the worker can't answer, or its answer is invalid.
        """
        answer = await self._request("POST", "/vectors", VectorsAnswer, request)
        n_bytes = 4 * request.n * answer.d_in
        if not len(answer.decoder) == len(answer.encoder) == n_bytes:
            raise WorkerAnswerError("the inference worker sent other vectors; check that it has the same version")
        return answer

    async def preflight(self, question: JobQuestion) -> Preflight:
        """What is known of a job before it is accepted. Raises WorkerError, WorkerAnswerError."""
        return (await self._request("POST", "/preflight", JobAnswer, question)).preflight

    async def capabilities(self) -> Capabilities:
        """What the worker can do. Raises WorkerError."""
        return await self._request("GET", "/capabilities", Capabilities, timeout_s=min(HEALTH_S, self._timeout_s))

    async def health(self) -> Health:
        """That the worker answers. Raises WorkerError."""
        return await self._request("GET", "/healthz", Health, timeout_s=min(HEALTH_S, self._timeout_s))

    async def _request(
        self,
        method: str,
        path: str,
        model: type[Answer],
        message: BaseModel | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        # Imported at the first request: a dashboard without a worker starts faster without it.
        import httpx

        seconds = self._timeout_s if timeout_s is None else timeout_s
        try:
            async with asyncio.timeout(seconds):
                status, body = await self._sent(method, path, message)
        except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout):
            raise WorkerError(f"the inference worker gave no answer within {seconds:g} s; try again later") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise WorkerError(f"the inference worker can't be reached ({type(error).__name__})") from None
        if status != 200:
            raise _failure(status, body)
        try:
            return model.model_validate_json(body)
        except ValidationError:
            raise WorkerAnswerError(
                "the inference worker's answer is invalid; check that it has the same version"
            ) from None

    @property
    def _client(self) -> httpx.AsyncClient:
        """Opened at first use, since connections belong to the event loop that uses them."""
        import httpx

        if self._opened is None:
            self._opened = httpx.AsyncClient(
                transport=self._transport,
                timeout=httpx.Timeout(self._timeout_s, connect=CONNECT_S),
                limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
                follow_redirects=False,
                # A proxy of the environment would see the secret and the texts.
                trust_env=False,
            )
        return self._opened

    async def _sent(self, method: str, path: str, message: BaseModel | None) -> tuple[int, bytes]:
        """Send a request, again where the connection breaks; (status, body).

        Requests only read, so they are sent again where the connection breaks before the answer is whole, such as one
        that the worker closed while it was idle. How it breaks depends on how far the request had got.
        """
        import httpx

        content = None if message is None else message.model_dump_json().encode()
        request_id = current("request_id")
        for attempt in range(RETRIES + 1):
            address = self._where()
            headers = {"Authorization": f"Bearer {address.secret.get_secret_value()}", "Accept-Encoding": "identity"}
            if content is not None:
                headers["Content-Type"] = "application/json"
            if request_id is not None:
                headers["X-Request-ID"] = request_id
            try:
                async with self._client.stream(
                    method, address.url.rstrip("/") + path, content=content, headers=headers
                ) as response:
                    return response.status_code, await _body(response)
            except (httpx.NetworkError, httpx.RemoteProtocolError):
                if attempt == RETRIES:
                    raise
                await asyncio.sleep(PAUSE_S * 2**attempt)
        raise AssertionError("unreachable")


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            raise WorkerAnswerError(f"the inference worker answered more than {ANSWER_BYTES_MAX} bytes")
    return bytes(body)


def _failure(status: int, body: bytes) -> Exception:
    """The error that the worker reports; what it says in an unknown form is not passed on."""
    try:
        failure = Failure.model_validate_json(body)
    except ValidationError:
        return WorkerAnswerError(f"the inference worker answered with status {status}, in no form that is known")
    match failure.kind:
        case "prompt":
            return PromptError(failure.detail, parameter=failure.parameter or "text")
        case "not-found":
            return NotFoundError(failure.detail)
        case "busy":
            return WorkerBusyError(failure.detail, retry_after_s=failure.retry_after_s or 1)
        case "secret":
            return WorkerError("the inference worker does not take the secret; see HEDGESCOPE_WORKER_SECRET")
    return WorkerError(failure.detail)


def fixed(url: str, secret: SecretStr | None) -> Where:
    """The address of a worker that runs elsewhere."""
    address = Address(url, secret or SecretStr(""))
    return lambda: address


def nowhere(reason: str) -> Where:
    """In place of an address where there is no worker, with the reason."""

    def where() -> Address:
        raise NoWorkerError(reason)

    return where
