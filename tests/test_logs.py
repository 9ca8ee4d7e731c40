"""Lines of the log: whole, named, and without what they must not hold."""

from __future__ import annotations

import io
import json
import logging
from typing import Any, Literal

import anyio.to_thread
import pytest

from app.logs import REDACTED, bound, configure, current


def configured(form: Literal["text", "json"], level: str = "info", secrets: tuple[str, ...] = ()) -> io.StringIO:
    stream = io.StringIO()
    configure(level=level, form=form, service="web", secrets=secrets, stream=stream)
    return stream


def records(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_has_one_object_a_line_with_ids_and_fields() -> None:
    stream = configured("json")
    with bound(request_id="r-1"), bound(job_id="j-2"):
        logging.getLogger("some.part").warning("took %d shards", 3, extra={"duration_ms": 1.5})
    logging.getLogger("some.part").info("later")
    first, second = records(stream)
    assert first.pop("time").endswith("+00:00")
    assert first == {
        "level": "WARNING",
        "logger": "some.part",
        "message": "took 3 shards",
        "service": "web",
        "request_id": "r-1",
        "job_id": "j-2",
        "duration_ms": 1.5,
    }
    assert not {"request_id", "job_id"} & set(second)


def test_a_traceback_stays_in_its_record() -> None:
    stream = configured("json")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("x").exception("it failed")
    (record,) = records(stream)
    assert "Traceback" in record["exception"]
    assert "two\nlines" in record["exception"]


def test_text_is_one_line_whatever_is_in_it() -> None:
    stream = configured("text")
    with bound(request_id="r-1"):
        logging.getLogger("x").info("GET /a\n12:00:00 INFO forged\x1b[31m", extra={"note": "b\r\nc"})
    (line,) = stream.getvalue().splitlines()
    assert "\\n12:00:00 INFO forged\\x1b[31m" in line
    assert "note=b\\r\\nc" in line
    assert "request_id=r-1" in line


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_secret_never_appears(form: Literal["text", "json"]) -> None:
    secret = 'pass"wörd\\7'
    stream = configured(form, secrets=(secret, "x"))
    try:
        raise RuntimeError(f"postgresql://lab:{secret}@db/x")
    except RuntimeError:
        logging.getLogger("x").exception("with %s", secret, extra={"url": secret})
    assert secret not in stream.getvalue()
    assert json.dumps(secret, ensure_ascii=False)[1:-1] not in stream.getvalue()
    assert stream.getvalue().count(REDACTED) == 3
    assert "exception" in stream.getvalue() or form == "text"


def test_the_least_level_counts_and_libraries_keep_quiet() -> None:
    stream = configured("json")
    logging.getLogger("x").debug("no")
    logging.getLogger("httpx").info("no")
    logging.getLogger("httpx").warning("yes")
    assert [record["message"] for record in records(stream)] == ["yes"]
    stream = configured("json", level="debug")
    logging.getLogger("httpx").info("yes")
    assert [record["message"] for record in records(stream)] == ["yes"]


def test_configuring_twice_does_not_double_the_lines() -> None:
    configured("json")
    stream = configured("json")
    logging.getLogger("x").info("once")
    assert len(records(stream)) == 1


def test_ids_follow_into_threads_and_end_with_their_block() -> None:
    async def ask() -> str | None:
        with bound(request_id="r-1"):
            return await anyio.to_thread.run_sync(current, "request_id")

    assert anyio.run(ask) == "r-1"
    assert current("request_id") is None
