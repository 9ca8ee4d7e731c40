"""CSV that other programs read back as it was meant, and that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.records import ComparisonBundle
from app.store.filters import CHOICES
from app.web.shared.table_files import CsvWriter, csv_block, harmless

NAMES = ("index", "label", "score", "flag", "word", "note")
TEXTS = ("label", "note")
WORDS = st.sampled_from(["narrow", "reference", *CHOICES["diagnosis"]])
ROWS = st.lists(
    st.tuples(
        st.integers(-(2**53), 2**53),
        st.text(max_size=20),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | st.booleans(),
        st.none() | WORDS,
        st.text(alphabet='a",\r\n =;', max_size=8),
    ),
    max_size=6,
)


def back(text: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.decode("utf-8", "surrogatepass"), newline="")))


def meant(row: tuple[Any, ...]) -> list[Any]:
    return ["" if value is None else harmless(value) if isinstance(value, str) else value for value in row]


@given(rows=ROWS)
def test_rows_are_read_back(rows: list[tuple[Any, ...]]) -> None:
    found = back(CsvWriter(NAMES, TEXTS).block(rows))
    assert len(found) == len(rows)
    for line, row in zip(found, rows, strict=True):
        for cell, value in zip(line, meant(row), strict=True):
            assert cell == str(value) or float(cell) == value


def test_words_are_letters_only() -> None:
    """They go through JSON: an escaped character, or a word such as `null`, would not be read back."""
    for word in (*CHOICES["diagnosis"], "narrow", "reference"):
        assert word.isalpha()
        assert not any(part in word for part in ("null", "true", "false"))


@pytest.mark.parametrize(
    "text", ['=HYPERLINK("http://evil")', "+1", "-1", "@SUM(A1)", "\tx", "\r=1", " =1", "  @x", "'=1"]
)
def test_no_cell_begins_as_a_formula(text: str) -> None:
    ((cell,),) = back(csv_block([[text]]))
    assert cell.startswith("'")
    assert cell.endswith(text)


@pytest.mark.parametrize("text", ["cat, sat", "a=1", "x-y", "", "# head"])
def test_other_cells_are_as_they_are(text: str) -> None:
    assert back(csv_block([[text, 1]])) == [[text, "1"]]


def test_a_file_is_not_made_for_its_headers(
    client: TestClient, slug: str, bundle: ComparisonBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/c/{slug}/latents"
    got = client.get(f"{path}.csv")
    monkeypatch.setattr("app.store.read.row_blocks", None)
    for ending in ("csv", "ndjson"):
        answer = client.head(f"{path}.{ending}")
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-disposition"] == f'attachment; filename="{slug}-narrow.{ending}"'
        assert client.head(f"{path}.{ending}?sort=nope").status_code == 400
    for name in ("content-type", "etag", "content-encoding", "cache-control"):
        assert client.head(f"{path}.csv").headers[name] == got.headers[name]
    assert bundle.summary.slug == slug
