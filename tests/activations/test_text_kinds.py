"""Files that are said to be prose and are something else, and long ones."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest

from app.activations import text_files
from app.activations.text import read_text
from app.errors import TextError

PROSE = "The cat sat on the mat; it looked at me, and slept.\n"


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", PROSE)
    return buffer.getvalue()


OTHER_KINDS: dict[str, tuple[str, bytes, str]] = {
    "PDF": ("a.txt", b"%PDF-1.7\n" + PROSE.encode() * 9, "is a PDF file; extract its text first"),
    "RTF": ("a.txt", rb"{\rtf1 " + PROSE.encode(), "is an RTF file"),
    "ZIP": ("a.txt", zipped(), "is a ZIP archive, or a document in one"),
    "Word": ("a.docx", zipped(), "is a ZIP archive, or a document in one"),
    "gzip without its ending": ("a.txt", gzip.compress(PROSE.encode()), "is compressed with gzip; add .gz to its name"),
    "UTF-16": ("a.txt", PROSE.encode("utf-16"), "is in UTF-16; save it in UTF-8"),
    "Parquet": ("a.txt", b"PAR1" + b"x" * 99, "is a Parquet file; rename it to .parquet"),
    "a web page": ("a.txt", b"<!DOCTYPE html>\n<html><p>" + PROSE.encode(), "is a web page or XML, not prose"),
    "a web page by its name": ("a.html", b"<html lang='en'>" + PROSE.encode(), "is a web page or XML"),
    "a table": ("a.txt", b"id,text\n" + b"1,the cat sat\n" * 9, "holds a table, not prose; rename it to .csv"),
    "JSON that ends too early": ("a.txt", json.dumps({"text": PROSE}).encode()[:-5], "holds JSON, not prose"),
    "another mark": ("a.csv", b"id;text\n1;the cat sat\n", "it separates them otherwise: save it with commas"),
}


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_what_is_not_prose_is_refused_by_its_name(tmp_path: Path, kind: str) -> None:
    name, content, words = OTHER_KINDS[kind]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TextError) as caught:
        read_text(str(tmp_path / name))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        PROSE,
        "Dear all, hello\n" + PROSE * 5,
        "id, text, and other things, are words.\n" * 5,
        "[1] A reference.\n" + PROSE,
    ],
)
def test_prose_is_read(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.txt").write_text(content)
    assert list(read_text(str(tmp_path / "a.txt")).documents) == [content]


def test_what_describes_a_data_set_is_not_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# A data set")
    (tmp_path / "LICENSE.txt").write_text("All rights reserved.")
    (tmp_path / "data.jsonl").write_text(json.dumps({"text": PROSE}))
    assert list(read_text(str(tmp_path)).documents) == [PROSE]
    (tmp_path / "data.jsonl").unlink()
    assert len(list(read_text(str(tmp_path)).documents)) == 2


def test_a_long_text_is_read_in_pieces_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "PIECE", 1000)
    paragraphs = [f"Paragraph {number}. {PROSE}" for number in range(100)]
    (tmp_path / "a.txt").write_text("\n\n".join(paragraphs))
    documents = list(read_text(str(tmp_path / "a.txt")).documents)
    assert len(documents) > 5
    assert max(map(len, documents)) <= 2000
    assert "".join(documents) == "\n\n".join(paragraphs)
    assert all(document.lstrip().startswith("Paragraph") for document in documents)
