"""The picture of a shared link."""

from __future__ import annotations

import struct
import zlib
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from app.records import ComparisonBundle
from app.web.shared.preview import BAR, CHANCE, HEIGHT, MARGIN, PAGE, WIDTH, boxes, png
from tests.web.pages.markup import Document


def pixels(content: bytes) -> list[bytes]:
    """Rows of an indexed PNG without filters, each chunk checked."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, place = {}, 8
    while place < len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        name, data = content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        assert struct.unpack(">I", content[place + 8 + length : place + 12 + length])[0] == zlib.crc32(name + data)
        chunks[name] = data
        place += 12 + length
    assert list(chunks) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    raw = zlib.decompress(chunks[b"IDAT"])
    rows = [raw[k * (width + 1) : (k + 1) * (width + 1)] for k in range(height)]
    assert {row[0] for row in rows} == {0}
    return [row[1:] for row in rows]


def test_bars_are_as_high_as_their_counts() -> None:
    rows = pixels(png(list(boxes((4, 0, 2, 1), None))))
    assert (len(rows), {len(row) for row in rows}) == (HEIGHT, {WIDTH})
    width = (WIDTH - 2 * MARGIN) // 4
    heights = [sum(row[MARGIN + k * width + width // 2] == BAR for row in rows) for k in range(4)]
    full = HEIGHT - 2 * MARGIN
    assert heights == [full, 0, full // 2, pytest.approx(full / 4, abs=1)]
    assert rows[0] == bytes([PAGE]) * WIDTH


def test_the_chance_level_is_drawn_where_there_is_one() -> None:
    rows = pixels(png(list(boxes((1, 1), 0.5))))
    assert rows[HEIGHT // 2].index(CHANCE) == WIDTH // 2
    assert not any(CHANCE in row for row in pixels(png(list(boxes((1, 1), None)))))


def test_pages_of_a_comparison_name_it(client: TestClient, slug: str, bundle: ComparisonBundle) -> None:
    for path in (f"/c/{slug}", f"/c/{slug}/narrow/0", f"/c/{slug}/levels"):
        page = Document(client.get(path).text)
        (image,) = [e.attributes["content"] for e in page.all("meta") if e.attributes.get("property") == "og:image"]
        assert urlsplit(image).netloc
    answer = client.get(urlsplit(image).path)
    assert answer.headers["content-type"] == "image/png"
    assert "immutable" in answer.headers["cache-control"]
    assert pixels(answer.content) == pixels(
        png(list(boxes(bundle.summary.score_histogram, bundle.summary.chance_level)))
    )
    assert len(answer.content) < 20_000
    assert client.get(f"/c/{slug}/preview.png?x=1").status_code == 400
    assert 'property="og:image"' not in client.get("/about").text
