"""What a running server stands: slow clients, abandoned searches, ten thousand requests, reads during writes.

    hedgescope serve --port 8000 &
    python -m bench.robust http://127.0.0.1:8000 --slug demo-… --pid $! --write sqlite:///data/hedgescope.db

The server has to be this computer's. Slow clients all come from 127.0.0.1, those that are served meanwhile from
127.0.0.2. With `--write`, comparisons of 65,536 latents named `load` are written to that database, and stay there.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psutil

from bench.load import Figures, measure
from bench.output import command_line, page, table

OTHER = ("127.0.0.2", 0)
SLOW_CONNECTIONS = 1000
SEARCHES = 12
FLAT_REQUESTS = 10_000

SLOW_HEADS = (
    b"",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
    b"POST /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
)
"""Connections that stop before the first byte, within the head, and within the body."""

WRITER = """
import secrets
import sys
from dataclasses import replace
from app.store.session import make_engine
from app.store.write import write_comparison
from bench.database import large_bundle
engine = make_engine(sys.argv[1])
while True:
    bundle = large_bundle(65_536, 2)
    content = secrets.token_hex(32)
    summary = replace(bundle.summary, slug=f"load-{content[:12]}", name="load", content_hash=content)
    write_comparison(engine, replace(bundle, summary=summary))
    print("written", flush=True)
"""


def paths_of(slug: str) -> list[str]:
    """A mix of what people and scripts read."""
    api, pages = f"/api/v1/comparisons/{slug}", f"/c/{slug}"
    return [
        *(api, f"{api}/levels", f"{api}/latents?limit=100", f"{api}/latents?sort=-density&level=0&limit=50"),
        *(
            f"{api}/latents?q=the&limit=20",
            f"{api}/latents?facets=diagnosis&limit=5",
            f"{api}/latents?fields=index,label",
        ),
        *("/healthz", pages, f"{pages}/latents", f"{pages}/points.json?fields=hedging_score,density"),
    ]


async def slow_clients(url: str) -> tuple[int, Figures]:
    """(slow connections that the server took, how another client is served meanwhile)."""
    place = urlsplit(url)
    opened = []
    for number in range(SLOW_CONNECTIONS):
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(SLOW_HEADS[number % len(SLOW_HEADS)])
        opened.append((reader, writer))
    figures = await measure(url, ["/healthz", "/api/v1/comparisons"], 4, 5, source=OTHER)
    taken = sum(await asyncio.gather(*(_is_held(reader) for reader, _ in opened)))
    for _, writer in opened:
        writer.close()
    return taken, figures


async def _is_held(reader: asyncio.StreamReader) -> bool:
    """Whether the server keeps a connection without a word."""
    try:
        await asyncio.wait_for(reader.read(1), 1)
    except TimeoutError:
        return True
    except ConnectionError:
        pass
    return False


async def abandoned_searches(url: str, slug: str) -> tuple[float, float]:
    """Milliseconds for a page: (alone, right after searches whose clients have left)."""
    place, alone = urlsplit(url), await _page_ms(url, slug)
    # To count what two wide conditions leave is the slowest question there is.
    slow = f"/api/v1/comparisons/{slug}/latents?count=1&density__gt=0.1&max_activation__gt=0.1&sort=-c_dec&q=e&limit=1"
    for number in range(SEARCHES):
        _, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(f"GET {slow}&index__gt={number} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode())
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.close()
    return alone, await _page_ms(url, slug)


async def _page_ms(url: str, slug: str) -> float:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    started = time.perf_counter()
    path = f"/api/v1/comparisons/{slug}/latents?limit=100"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {place.netloc}\r\nConnection: close\r\n\r\n".encode())
    await reader.read()
    writer.close()
    return 1000 * (time.perf_counter() - started)


async def memory_mib(url: str, slug: str, pid: int) -> tuple[float, float, int]:
    """(resident MiB after a thousand requests, after ten thousand more, requests in all)."""
    server = psutil.Process(pid)
    paths, done, after = paths_of(slug), 0, []
    for wanted in (FLAT_REQUESTS // 10, FLAT_REQUESTS):
        sent = 0
        while sent < wanted:
            found = await measure(url, paths, 8, 2)
            sent += round(found.per_s * 2)
        done += sent
        after.append(server.memory_info().rss / 2**20)
    return after[0], after[1], done


@contextmanager
def writing(database: str | None) -> Iterator[None]:
    """Comparisons are written meanwhile, one after another."""
    if database is None:
        yield
        return
    writer = subprocess.Popen([sys.executable, "-c", WRITER, database], stdout=subprocess.PIPE, text=True)
    try:
        yield
    finally:
        writer.terminate()
        said = writer.communicate()[0]
        print(f"comparisons written meanwhile: {said.count('written')}")


def main() -> None:
    """Measure and print."""
    parser = command_line(__doc__)
    parser.add_argument("url")
    parser.add_argument("--slug", required=True)
    parser.add_argument("--pid", type=int, required=True, help="of the server")
    parser.add_argument("--seconds", type=float, default=600, help="of mixed reads at 64 connections")
    parser.add_argument("--write", metavar="DATABASE_URL", help="write a comparison there meanwhile")
    given = parser.parse_args()
    taken, served = asyncio.run(slow_clients(given.url))
    alone, after = asyncio.run(abandoned_searches(given.url, given.slug))
    before_mib, after_mib, n = asyncio.run(memory_mib(given.url, given.slug, given.pid))
    with writing(given.write):
        mixed = asyncio.run(measure(given.url, paths_of(given.slug), 64, given.seconds, given.pid))
    rows = [
        ("slow connections taken, of 1,000 of one client", f"{taken:,}"),
        (
            "another client meanwhile, p50 and p99",
            f"{served.p50_ms:.1f} and {served.p99_ms:.1f} ms, {served.errors} errors",
        ),
        ("a page alone, and after 12 abandoned searches", f"{alone:.0f} and {after:.0f} ms"),
        (f"resident memory before and after {n:,} requests", f"{before_mib:.0f} and {after_mib:.0f} MiB"),
        (f"mixed reads, 64 connections, {given.seconds:.0f} s", f"{mixed.per_s:.0f}/s, {mixed.errors} errors"),
        ("their p50 and p99", f"{mixed.p50_ms:.0f} and {mixed.p99_ms:.0f} ms, {mixed.cpu_ms:.1f} ms of processor each"),
    ]
    print(page(table(("what", "measured"), rows)))


if __name__ == "__main__":
    main()
