"""A client of the API, synchronous and asynchronous: pages as iterators, tables for pandas and polars.

    from app.client import Client

    with Client("http://127.0.0.1:8000") as client:
        for latent in client.latents("demo", diagnosis="hedged", sort="-hedging_score"):
            print(latent["index"], latent["hedging_score"])
        frame = client.latents_frame("demo")

Answers are dictionaries, as the API documents them. Pages are fetched while they are iterated over.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from importlib import import_module
from types import TracebackType
from typing import Any, Final, Literal, Self
from urllib.parse import quote

import httpx

API: Final = "/api/v1"
TIMEOUT_S: Final = 60.0
RETRIES: Final = 3

Json = dict[str, Any]
Side = Literal["narrow", "reference"]
Value = str | int | float | bool | Sequence[str | int | float]


class ApiError(Exception):
    """A request that the server refused or could not answer.

    Attributes:
        status: of HTTP.
        problem: the problem document (RFC 9457): `type`, `title`, `detail`, `request_id`, and for a wrong parameter
            `parameter` and `valid`; empty where the answer was none of this program's.
    """

    def __init__(self, status: int, problem: Json) -> None:
        super().__init__(f"{status}: {problem.get('detail', 'no problem document')}")
        self.status, self.problem = status, problem


def parameters(filters: Mapping[str, Value | None]) -> dict[str, str]:
    """Query parameters as the API takes them: lists joined by commas, true and false as 1 and 0, None left out."""
    return {name: _text(value) for name, value in filters.items() if value is not None}


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, str):
        return value
    return ",".join(map(str, value)) if isinstance(value, Sequence) else str(value)


def _checked(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    raise ApiError(response.status_code, problem if isinstance(problem, dict) else {})


def _headers(key: str | None) -> dict[str, str]:
    return {} if key is None else {"X-API-Key": key}


def _comparison(slug: str) -> str:
    return f"/comparisons/{quote(slug, safe='')}"


def _frame(body: bytes, library: str) -> Any:
    """A data frame of NDJSON in the library that was named, which has to be installed."""
    if library not in ("pandas", "polars"):
        raise ValueError(f"library is {library!r}; expected pandas or polars")
    frames: Any = import_module(library)
    if library == "polars":
        return frames.read_ndjson(io.BytesIO(body), infer_schema_length=None)
    return frames.read_json(io.BytesIO(body), lines=True)


class Client:
    """A synchronous client; a context manager.

    Args:
        url: of the server, with the path prefix where it has one.
        key: of the API, where one is needed.
        transport: how requests are sent, instead of over the network.
    """

    def __init__(self, url: str, key: str | None = None, *, transport: httpx.BaseTransport | None = None) -> None:
        self._http = httpx.Client(
            base_url=url.rstrip("/") + API,
            headers=_headers(key),
            timeout=TIMEOUT_S,
            follow_redirects=True,
            transport=transport or httpx.HTTPTransport(retries=RETRIES),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def get(self, path: str, **query: Value | None) -> Json:
        """The JSON at a path below `/api/v1`. Raises ApiError."""
        found: Json = _checked(self._http.get(path, params=parameters(query))).json()
        return found

    def saes(self) -> list[Json]:
        """The registered SAEs."""
        return list(self.get("/saes")["items"])

    def comparisons(self) -> list[Json]:
        """The stored comparisons, newest first."""
        return list(self.get("/comparisons")["items"])

    def comparison(self, slug: str) -> Json:
        """One comparison, by its slug or its name."""
        return self.get(_comparison(slug))

    def latents(self, slug: str, *, sae: Side = "narrow", limit: int = 1000, **query: Value | None) -> Iterator[Json]:
        """All latents of a view, page by page.

        Args:
            limit: latents a page.
            query: `sort`, `q`, `fields`, `include`, and filters such as `hedging_score__gte=0.5`.
        """
        cursor: str | None = None
        while True:
            path = f"{_comparison(slug)}/latents"
            page = self.get(path, **{**query, "sae": sae, "limit": limit, "cursor": cursor})
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def latents_frame(self, slug: str, *, sae: Side = "narrow", library: str = "pandas", **query: Value | None) -> Any:
        """All latents of a view as a data frame of `pandas` or `polars`, in one request."""
        path = f"{_comparison(slug)}/latents.ndjson"
        answer = _checked(self._http.get(path, params=parameters({**query, "sae": sae})))
        return _frame(answer.content, library)

    def latent(self, slug: str, sae: Side, index: int) -> Json:
        """One latent with its evidence."""
        return self.get(f"{_comparison(slug)}/{sae}/{index}")

    def pair(self, slug: str, narrow: int, reference: int) -> Json:
        """A narrow latent and a reference latent."""
        return self.get(f"{_comparison(slug)}/pairs/{narrow}/{reference}")

    def vectors(self, slug: str, sae: Side, index: int, n: int = 1) -> list[Json]:
        """Decoder and encoder of `n` latents from `index` on: `index`, `decoder`, `encoder`, `encoder_bias` of each."""
        return list(self.get(f"{_comparison(slug)}/vectors", sae=sae, index=index, n=n)["items"])

    def prompt(self, slug: str, text: str, *, top: int = 5) -> Json:
        """The strongest latents of both SAEs on each token of a text."""
        return self._post(f"{_comparison(slug)}/prompt", {"text": text, "top": top})

    def start_job(self, **request: Any) -> Json:
        """Submit a job, with the fields of `POST /jobs`."""
        return self._post("/jobs", request)

    def job(self, number: int) -> Json:
        """One job."""
        return self.get(f"/jobs/{number}")

    def cancel_job(self, number: int) -> Json:
        """Stop a job."""
        return self._post(f"/jobs/{number}/cancel", None)

    def _post(self, path: str, body: Json | None) -> Json:
        found: Json = _checked(self._http.post(path, json=body)).json()
        return found


class AsyncClient:
    """The same for asyncio; an asynchronous context manager. Arguments as of `Client`."""

    def __init__(self, url: str, key: str | None = None, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._http = httpx.AsyncClient(
            base_url=url.rstrip("/") + API,
            headers=_headers(key),
            timeout=TIMEOUT_S,
            follow_redirects=True,
            transport=transport or httpx.AsyncHTTPTransport(retries=RETRIES),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def get(self, path: str, **query: Value | None) -> Json:
        """The JSON at a path below `/api/v1`. Raises ApiError."""
        found: Json = _checked(await self._http.get(path, params=parameters(query))).json()
        return found

    async def comparisons(self) -> list[Json]:
        """The stored comparisons, newest first."""
        return list((await self.get("/comparisons"))["items"])

    async def comparison(self, slug: str) -> Json:
        """One comparison, by its slug or its name."""
        return await self.get(_comparison(slug))

    async def latents(
        self, slug: str, *, sae: Side = "narrow", limit: int = 1000, **query: Value | None
    ) -> AsyncIterator[Json]:
        """All latents of a view, page by page; arguments as of `Client.latents`."""
        cursor: str | None = None
        while True:
            path = f"{_comparison(slug)}/latents"
            page = await self.get(path, **{**query, "sae": sae, "limit": limit, "cursor": cursor})
            for item in page["items"]:
                yield item
            cursor = page["next"]
            if cursor is None:
                return

    async def latent(self, slug: str, sae: Side, index: int) -> Json:
        """One latent with its evidence."""
        return await self.get(f"{_comparison(slug)}/{sae}/{index}")

    async def vectors(self, slug: str, sae: Side, index: int, n: int = 1) -> list[Json]:
        """Decoder and encoder of `n` latents from `index` on."""
        return list((await self.get(f"{_comparison(slug)}/vectors", sae=sae, index=index, n=n))["items"])

    async def prompt(self, slug: str, text: str, *, top: int = 5) -> Json:
        """The strongest latents of both SAEs on each token of a text."""
        found: Json = _checked(
            await self._http.post(f"{_comparison(slug)}/prompt", json={"text": text, "top": top})
        ).json()
        return found
