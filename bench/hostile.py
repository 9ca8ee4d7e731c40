"""Requests that no honest client sends, and what a running server makes of them.

    hedgescope serve &
    python -m bench.hostile http://127.0.0.1:8000 --slug demo-… --requests 20000

Each request is bytes on a connection of its own, made from its number alone: bad encodings, huge heads, NUL, paths that
lead elsewhere, unknown methods, contradictory lengths, broken bodies. A fault is an answer that a server must not give:
a status of 5xx (but for 501, for unknown encodings of a body, and 503, which says why), a trace of the inside, an error
that is no problem document, or none in time.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from bench.hostile_words import BODIES, HEADERS, METHODS, NAMES, PATHS, PIECES, VALUES
from bench.output import command_line, page, table

LONG = 70_000
"""Characters: more than a head may have."""

ANSWER_S = 45.0
"""The server gives bodies that stop 30 s."""

PATIENT_S = 3.0
CONTINUE = b"HTTP/1.1 100 \r\n\r\n"
AT_ONCE = 32
SHOWN = 20
INSIDE = (b"Traceback", b"site-packages", b"sqlalchemy", b"SELECT ", b"sqlite3", b"psycopg", b'.py"')
"""What an error must never show."""


@dataclass
class Verdict:
    """What came back.

    Attributes:
        statuses: how often each; `none` where an announced body did not come, and the connection was closed.
        faults: one line each.
        slowest_s: of all answers.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest_s: float = 0.0


def request_of(number: int, slug: str, host: str) -> bytes:
    """The bytes of request `number`, the same each time."""
    rng = random.Random(number)
    method = rng.choice(METHODS) if rng.random() < 0.1 else rng.choice(("GET", "GET", "POST", "HEAD"))
    target = rng.choice(PATHS).replace("{slug}", slug)
    if rng.random() < 0.4:
        target += rng.choice(PIECES)
    if rng.random() < 0.6:
        pairs = [f"{rng.choice(NAMES)}={rng.choice(VALUES)}" for _ in range(rng.choice((1, 1, 2, 3, 60)))]
        target += "?" + "&".join(pairs)
    if rng.random() < 0.9:
        # What is no target at all is refused by the parser; most have to come further.
        target = quote(target, safe="/%?&=;:*~")
    if rng.random() < 0.02:
        target += "a" * LONG
    version = rng.choice(("HTTP/1.1",) * 60 + ("HTTP/1.0", "HTTP/2.0", "HTTP/9", ""))
    lines = [f"{method} {target} {version}", *_headers(rng, host), "Connection: close"]
    head = "\r\n".join(lines).encode("latin-1", "replace")
    body = rng.choice(BODIES)(rng) if method == "POST" else b""
    if method == "POST" and rng.random() < 0.7:
        head += f"\r\nContent-Length: {len(body)}".encode()
    return head + b"\r\n\r\n" + body


def _headers(rng: random.Random, host: str) -> list[str]:
    hosts: tuple[list[str], ...] = ([f"Host: {host}"],) * 60 + (
        [],
        ["Host: evil.example"],
        ["Host: \xff"],
        ["Host: a", "Host: b"],
    )
    found = [*rng.choice(hosts), *rng.sample(HEADERS, rng.choice((0, 0, 0, 0, 1, 1, 2, 4)))]
    if rng.random() < 0.02:
        found.append(f"X-Long: {'a' * LONG}")
    if rng.random() < 0.02:
        found += [f"X-{place}: {place}" for place in range(3000)]
    return found


async def attack(url: str, slug: str, requests: Sequence[int], at_once: int = AT_ONCE) -> Verdict:
    """Send the requests of these numbers, some at once."""
    found, waiting = Verdict(), list(reversed(requests))

    async def attacker() -> None:
        while waiting:
            await _one(url, slug, waiting.pop(), found)

    await asyncio.gather(*(attacker() for _ in range(at_once)))
    return found


async def _one(url: str, slug: str, number: int, found: Verdict) -> None:
    place = urlsplit(url)
    sent = request_of(number, slug, place.netloc)
    started = time.perf_counter()
    try:
        async with asyncio.timeout(ANSWER_S):
            answer = await _exchange(place.hostname or "", place.port or 80, sent)
    except TimeoutError:
        found.faults.append(f"request {number}: no end of the answer within {ANSWER_S:g} s")
        return
    found.slowest_s = max(found.slowest_s, time.perf_counter() - started)
    answer = answer.removeprefix(CONTINUE)
    status = answer[9:12].decode("latin-1") if answer.startswith(b"HTTP/1.1 ") else "none"
    found.statuses[status] += 1
    fault = fault_of(status, answer)
    if fault is not None:
        found.faults.append(f"request {number}: {fault}")


async def _exchange(host: str, port: int, sent: bytes) -> bytes:
    """All that comes back until the server closes; of an event stream or an export, the beginning."""
    reader, writer = await asyncio.open_connection(host, port)
    found = bytearray()
    try:
        writer.write(sent)
        try:
            found += await asyncio.wait_for(reader.read(65536), PATIENT_S)
        except TimeoutError:
            # The server waits for a body that will not come.
            writer.write_eof()
        while len(found) < 1_000_000 and (part := await reader.read(65536)):
            found += part
            if b"text/event-stream" in found[:4000]:
                break
    except ConnectionError:
        pass
    finally:
        writer.close()
    return bytes(found)


def fault_of(status: str, answer: bytes) -> str | None:
    """What is wrong with an answer; None where nothing is."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if status == "none" or status < "400":
        return None
    if status >= "500" and status not in ("501", "503"):
        return f"status {status}"
    for word in INSIDE:
        if word in body:
            return f"status {status} shows {word.decode()!r}"
    kinds = (b"application/problem+json", b"text/html")
    is_explained = any(b"content-type: " + kind in head.lower() for kind in kinds)
    return None if is_explained or status == "499" else f"status {status} is no problem document"


def main() -> None:
    """Attack and print what came back; exit code 1 where there are faults."""
    parser = command_line(__doc__)
    parser.add_argument("url")
    parser.add_argument("--slug", default="demo")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    given = parser.parse_args()
    found = asyncio.run(attack(given.url, given.slug, range(given.first, given.first + given.requests)))
    rows = [(status, f"{n:,}") for status, n in sorted(found.statuses.items())]
    print(page(table(("status", "answers"), rows), f"Slowest: {found.slowest_s:.2f} s. Faults: {len(found.faults)}."))
    for fault in found.faults[:SHOWN]:
        print(fault)
    sys.exit(1 if found.faults else 0)


if __name__ == "__main__":
    main()
