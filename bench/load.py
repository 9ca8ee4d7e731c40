"""Requests a second and latency of a running server, over kept connections.

    hedgescope serve &
    python -m bench.load http://127.0.0.1:8000 /api/v1/comparisons/demo-…/latents /healthz --connections 1 8 64

Each connection requests the paths in turn, so that several make a mix. Other work on the machine changes all figures
but one: with `--pid`, the processor time that the server spends on a request, its child processes included.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from urllib.parse import urlsplit

import psutil

from bench.output import command_line, page, table


@dataclass(frozen=True)
class Figures:
    """What one run came to.

    Attributes:
        per_s: requests a second.
        p50_ms, p99_ms: of the time from a request to the end of its answer.
        cpu_ms: processor time of the server for a request; None where its process is not known.
        errors: answers with another status than 200.
    """

    per_s: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float | None
    errors: int


async def measure(
    url: str,
    paths: Sequence[str],
    connections: int,
    seconds: float,
    pid: int | None = None,
    source: tuple[str, int] | None = None,
) -> Figures:
    """Requests over so many kept connections, for so long.

    Args:
        pid: of the server.
        source: address that the requests come from; None for the usual one.
    """
    times: list[float] = []
    started, used = time.perf_counter(), _cpu_s(pid)
    wrong = await asyncio.gather(
        *(_client(url, paths, number, seconds, times, source) for number in range(connections))
    )
    elapsed = time.perf_counter() - started
    cpu_ms = None if pid is None else 1000 * (_cpu_s(pid) - used) / max(1, len(times))
    times.sort()
    return Figures(len(times) / elapsed, _at(times, 0.5), _at(times, 0.99), cpu_ms, sum(wrong))


def _cpu_s(pid: int | None) -> float:
    if pid is None:
        return 0.0
    server = psutil.Process(pid)
    used = [process.cpu_times() for process in (server, *server.children(recursive=True))]
    return float(sum(each.user + each.system for each in used))


async def _client(
    url: str, paths: Sequence[str], first: int, seconds: float, times: list[float], source: tuple[str, int] | None
) -> int:
    host, port = urlsplit(url).hostname, urlsplit(url).port or 80
    reader, writer = await asyncio.open_connection(host, port, local_addr=source)
    end, wrong = time.perf_counter() + seconds, 0
    for number in count(first):
        started = time.perf_counter()
        if started >= end:
            break
        path = paths[number % len(paths)]
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        wrong += not await _answered(reader)
        times.append(time.perf_counter() - started)
    writer.close()
    return wrong


async def _answered(reader: asyncio.StreamReader) -> bool:
    """Read one answer; whether its status is 200."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, has_length, rest = head.partition(b"\r\ncontent-length:")
    if has_length:
        await reader.readexactly(int(rest.partition(b"\r\n")[0]))
    else:
        size = 1
        while size:
            size = int(await reader.readline(), 16)
            await reader.readexactly(size + 2)
    return head.startswith(b"http/1.1 200")


def _at(times: Sequence[float], share: float) -> float:
    return 1000 * times[min(len(times) - 1, int(share * len(times)))] if times else float("nan")


def main() -> None:
    """Measure and print a table."""
    parser = command_line(__doc__)
    parser.add_argument("url")
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--pid", type=int, help="of the server")
    given = parser.parse_args()
    rows = []
    for connections in given.connections:
        found = asyncio.run(measure(given.url, given.paths, connections, given.seconds, given.pid))
        cpu = "" if found.cpu_ms is None else f"{found.cpu_ms:.2f}"
        figures = (f"{found.per_s:,.0f}", f"{found.p50_ms:.1f}", f"{found.p99_ms:.1f}", cpu, str(found.errors))
        rows.append((str(connections), *figures))
    print(page(table(("connections", "requests/s", "p50 ms", "p99 ms", "server ms/request", "errors"), rows)))


if __name__ == "__main__":
    main()
