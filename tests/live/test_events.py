"""A job's stream of events over a real connection, left by its client and ended by the server."""

from __future__ import annotations

import json
import threading

import httpx

from app.inference.client import nowhere
from app.jobs import queue
from app.records.request import SaeRequest
from app.web.main import create_app
from tests.inference.place import Place
from tests.live.conftest import served
from tests.waiting import wait_until


def test_a_stream_that_is_left_makes_room_for_another(place: Place, http: httpx.Client) -> None:
    job = queue.submit(place.engine, SaeRequest("folder"))
    pages = create_app(place.settings(max_event_streams=1), place.engine, nowhere("not needed"))
    with served(pages) as site:
        url = f"{site}/api/v1/jobs/{job.id}/events"
        with http.stream("GET", url) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = stream.iter_lines()
            found = [next(lines) for _ in range(5)]
            assert found[:2] == ["retry: 2000", ""]
            assert found[2] == "event: job"
            assert json.loads(found[3].removeprefix("data: "))["state"] == "queued"
            assert found[4] == f"id: {job.version}-0"
            refused = http.get(url)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
            assert refused.json()["detail"] == "too many open event streams; poll the job instead"
            assert http.head(url).headers["content-type"].startswith("text/event-stream")
        ended = []
        wait_until(lambda: not pages.state.job_events._streamed)
        reader = threading.Thread(target=lambda: ended.append(http.get(url).text))
        reader.start()
        wait_until(lambda: bool(pages.state.job_events._streamed))
        queue.cancel(place.engine, job.id)
        reader.join(30)
        assert '"state":"cancelled"' in ended[0]
        wait_until(lambda: not pages.state.job_events._streamed)


def test_the_server_ends_streams_when_it_stops(place: Place, http: httpx.Client) -> None:
    job = queue.submit(place.engine, SaeRequest("folder"))
    pages = create_app(place.settings(), place.engine, nowhere("not needed"))
    with served(pages) as site, http.stream("GET", f"{site}/api/v1/jobs/{job.id}/events") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "retry: 2000"
        wait_until(lambda: pages.state.job_events._closing is not None)
        pages.state.job_events.close()
        assert list(lines)[-1] == ""
    queue.cancel(place.engine, job.id)
