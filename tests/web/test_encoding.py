"""Answers are compressed as the client takes them, and are the same once unpacked."""

from __future__ import annotations

import zlib

import brotli
import pytest
from starlette.testclient import TestClient

from app.paths import resource
from app.web.http.encoding import wanted
from app.web.http.kept import KeptBytes

PLOTLY = "/static/vendor/plotly-strict.min.js"
PATHS = [
    "/c/{}",
    "/api/v1/comparisons/{}/latents",
    "/c/{}/latents.csv",
    "/c/{}/latents.ndjson",
    "/openapi.json",
    PLOTLY,
]


def unpacked(body: bytes, encoding: str) -> bytes:
    return bytes(brotli.decompress(body)) if encoding == "br" else zlib.decompress(body, wbits=31)


def raw(
    client: TestClient, path: str, encoding: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    with client.stream(method, path, headers={"Accept-Encoding": encoding, **headers}) as answer:
        return answer.status_code, dict(answer.headers), b"".join(answer.iter_raw())


@pytest.mark.parametrize("encoding", ["br", "gzip"])
@pytest.mark.parametrize("path", PATHS)
def test_an_answer_is_the_same_once_unpacked(client: TestClient, slug: str, path: str, encoding: str) -> None:
    path = path.format(slug)
    _, plain_headers, plain = raw(client, path, "identity")
    status, headers, body = raw(client, path, encoding)
    assert (status, headers["content-encoding"]) == (200, encoding)
    assert unpacked(body, encoding) == plain
    assert len(body) < len(plain) / 2
    assert "content-encoding" not in plain_headers
    assert "Accept-Encoding" in headers["vary"]
    assert "Accept-Encoding" in plain_headers["vary"] or path == PLOTLY


@pytest.mark.parametrize("encoding", ["br", "gzip", "identity"])
@pytest.mark.parametrize("path", PATHS)
def test_each_encoding_has_a_tag_of_its_own(client: TestClient, slug: str, path: str, encoding: str) -> None:
    path = path.format(slug)
    _, headers, _ = raw(client, path, encoding)
    if "etag" not in headers:
        assert path == "/openapi.json"
        return
    other = "gzip" if encoding == "br" else "br"
    assert raw(client, path, other)[1]["etag"] != headers["etag"]
    known = {"If-None-Match": headers["etag"]}
    status, again, body = raw(client, path, encoding, **known)
    assert (status, again["etag"], body) == (304, headers["etag"], b"")
    # Whoever has it as it is may go on using it; one who has it packed in one way can't unpack it in another.
    assert raw(client, path, other, **known)[0] == (304 if encoding == "identity" else 200)
    assert raw(client, path, encoding, method="HEAD")[1]["etag"] == headers["etag"]


def test_what_is_small_stays_as_it_is(client: TestClient) -> None:
    assert "content-encoding" not in raw(client, "/healthz", "br")[1]


def test_event_streams_are_not_held_back(client: TestClient) -> None:
    assert "content-encoding" not in raw(client, "/api/v1/jobs/2/events", "br, gzip")[1]


def test_a_part_of_a_file_is_a_part_of_the_file(client: TestClient) -> None:
    status, headers, body = raw(client, PLOTLY, "br", Range="bytes=5-14")
    assert (status, "content-encoding" in headers) == (206, False)
    assert body == resource("static/vendor/plotly-strict.min.js").read_bytes()[5:15]


@pytest.mark.parametrize("part", ["bytes=9-1", "bytes=-", "pages=1-2", "bytes=0-1,5-6", "bytes=x-", "bytes=1"])
def test_what_is_no_range_is_not_looked_at(client: TestClient, part: str) -> None:
    for path in ("/static/js/docs.js?v=%ff", "/docs"):
        assert client.get(path, headers={"Range": part}).status_code == 200


@pytest.mark.parametrize("part", ["bytes=99999999-", "bytes=-0"])
def test_a_range_behind_the_end_is_a_problem(client: TestClient, part: str) -> None:
    refused = client.get("/static/js/docs.js", headers={"Range": part})
    assert (refused.status_code, refused.headers["content-type"]) == (416, "application/problem+json")
    assert refused.headers["content-range"].startswith("bytes */")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", None),
        ("identity", None),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("BR;q=1.0", "br"),
        ("*", "br"),
        ("*;q=0", None),
        ("br;q=0.0,*", "gzip"),
        ("gzip;q=", None),
    ],
)
def test_the_client_says_which(accept: str, expected: str | None) -> None:
    assert wanted(accept) == expected


def test_the_least_recently_used_makes_room() -> None:
    kept = KeptBytes(400)
    for name in "abcd":
        kept.put(name, b"x" * 100)
    assert kept.get("a") is not None
    kept.put("e", b"x" * 100)
    kept.put("f", b"x" * 101)
    assert [name for name in "abcdef" if kept.get(name) is not None] == ["a", "c", "d", "e"]
