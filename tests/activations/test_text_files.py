"""Every ending and compression of a text gives the same documents; what is no text is called what it is."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import subprocess
import sys
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.activations.text import read_text
from app.errors import TextError

DOCUMENTS = ["first, with a comma", 'second "quoted"\nand a second line', "third\u2028separator é 😀", "fourth"]

LINES = "\n".join(json.dumps({"text": document, "id": n}) for n, document in enumerate(DOCUMENTS))


def table(delimiter: str) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows([["id", "text"], *([n, d] for n, d in enumerate(DOCUMENTS))])
    return out.getvalue()


def parquet(path: Path) -> None:
    pq.write_table(pa.table({"id": [0, 1, 2, 3], "text": DOCUMENTS}), path)


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as out:
        out.write(content)
    return bytes(sink.getvalue().to_pybytes())


FILES: dict[str, bytes] = {
    "t.jsonl": LINES.encode(),
    "t.JSONL": LINES.encode(),
    "t.ndjson": LINES.encode(),
    "t.jsonlines": LINES.encode(),
    "lines.json": LINES.encode(),
    "crlf.jsonl": LINES.replace("\n", "\r\n").encode(),
    "bom.jsonl": b"\xef\xbb\xbf" + LINES.encode(),
    "array.json": json.dumps([{"text": document} for document in DOCUMENTS]).encode(),
    "strings.json": json.dumps(DOCUMENTS).encode(),
    "data.json": json.dumps({"data": [{"text": document} for document in DOCUMENTS]}).encode(),
    "column.json": json.dumps({"text": DOCUMENTS}).encode(),
    "t.csv": table(",").encode(),
    "bom.CSV": b"\xef\xbb\xbf" + table(",").encode(),
    "t.tsv": table("\t").encode(),
    "t.jsonl.gz": gzip.compress(LINES.encode()),
    "T.JSONL.GZ": gzip.compress(LINES.encode()),
    "t.jsonl.bz2": bz2.compress(LINES.encode()),
    "t.jsonl.xz": lzma.compress(LINES.encode()),
    "t.jsonl.zst": zstd(LINES.encode()),
    "t.csv.gz": gzip.compress(table(",").encode()),
}


@pytest.mark.parametrize("name", FILES)
def test_every_ending_gives_the_same_documents(tmp_path: Path, name: str) -> None:
    (tmp_path / "expected.jsonl").write_text(LINES)
    (tmp_path / name).write_bytes(FILES[name])
    found = read_text(str(tmp_path / name))
    assert list(found.documents) == DOCUMENTS
    assert list(found.documents) == DOCUMENTS  # they can be read again
    assert found.checksum == read_text(str(tmp_path / "expected.jsonl")).checksum


def test_parquet_and_folders(tmp_path: Path) -> None:
    folder = tmp_path / "several"
    (folder / "deeper").mkdir(parents=True)
    parquet(folder / "a.parquet")
    (folder / "deeper" / "b.txt").write_text("last")
    (folder / "README").write_text("not a text")
    assert list(read_text(str(folder / "a.parquet")).documents) == DOCUMENTS
    assert list(read_text(str(folder)).documents) == [*DOCUMENTS, "last"]


def test_another_column_is_named_behind_the_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("body,n\nhello,1\nworld,2\n")
    assert list(read_text(f"{tmp_path / 't.csv'}?column=body").documents) == ["hello", "world"]
    with pytest.raises(TextError, match=r"has columns \['body', 'n'\]; expected one named \"text\""):
        read_text(str(tmp_path / "t.csv"))
    with pytest.raises(TextError, match="unknown option 'col'; expected config, split, column, revision"):
        read_text(f"{tmp_path / 't.csv'}?col=body")
    (tmp_path / "odd?name.txt").write_text("hello")
    assert list(read_text(str(tmp_path / "odd?name.txt")).documents) == ["hello"]


def test_a_dataset_with_splits_says_which_one_it_reads(tmp_path: Path) -> None:
    one, two = (datasets.Dataset.from_dict({"text": [word]}) for word in ("one", "two"))
    datasets.DatasetDict({"test": one, "train": two}).save_to_disk(tmp_path / "both")
    datasets.DatasetDict({"test": one, "validation": two}).save_to_disk(tmp_path / "neither")
    datasets.DatasetDict({"test": one}).save_to_disk(tmp_path / "single")
    found = read_text(str(tmp_path / "both"))
    assert list(found.documents) == ["two"]
    assert found.notes == ("the text is the split train of test, train",)
    assert list(read_text(f"{tmp_path / 'both'}?split=test").documents) == ["one"]
    assert list(read_text(str(tmp_path / "single")).documents) == ["one"]
    with pytest.raises(TextError, match="names no split; choose one of test, validation, with \\?split="):
        read_text(str(tmp_path / "neither"))
    with pytest.raises(TextError, match="has no split 'dev'; choose one of test, train"):
        read_text(f"{tmp_path / 'both'}?split=dev")


POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'ab' * 32}\nsize 12345\n"
LISTING = "total 12\n-rw-r--r-- 1 me me 2048 Nov 28 10:00 a.txt\ndrwxr-xr-x 2 me me 4096 Nov 28 10:00 b\n"
PAGE = "<!DOCTYPE html>\n<html><head><title>Index of /data</title></head><body><a href='a'>a</a></body></html>"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.txt", POINTER.encode(), "is a Git LFS pointer, not the file itself; run `git lfs pull`"),
        ("t.jsonl", POINTER.encode(), "is a Git LFS pointer"),
        ("t.parquet", POINTER.encode(), "is a Git LFS pointer"),
        ("t.csv", POINTER.encode(), "is a Git LFS pointer"),
        ("t.jsonl.gz", POINTER.encode(), "is a Git LFS pointer"),
        ("t.txt", LISTING.encode(), "is the listing of a folder, not a text"),
        ("t.txt", PAGE.encode(), "is a web server's page about a folder or an error"),
        ("t.txt", b"abc\x00\x01def", "holds NUL bytes, so it is a binary file"),
        ("t.txt", b"\x89PNG\r\n\x1a\n\xff", "not UTF-8 text; expected"),
        ("t", b'{"text": "a"}\n{"text": "b"}\n', "holds JSON, not prose; rename it to .json or .jsonl"),
        ("t.txt", b'[{"text": "a"},\n {"text": "b"}]', "holds JSON, not prose"),
        ("t.md", b'{"a": 1}', "holds JSON, not prose"),
        ("t.jsonl.gz", LINES.encode(), "can't be read"),
        ("t.jsonl.xz", LINES.encode(), "can't be read"),
        ("t.jsonl.zst", b"nothing", "can't be read"),
        ("t.jsonl.gz", gzip.compress(LINES.encode())[:-20], "can't be read"),
        ("t.parquet", b"PAR1nothing", "not a complete Parquet file; download it again"),
        ("t.json", b"{", "line 1: not JSON"),
        ("t.json", b'{"rows": 3}', 'expected an object with a string under "text"; it has rows'),
        ("t.jsonl", b'{"content": "a", "id": 1}', 'line 1: expected .* "text"; it has content, id'),
        ("t.jsonl", b"[" * 100_000, "line 1: not JSON"),
    ],
)
def test_what_is_no_text_is_called_what_it_is(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(TextError, match=message) as caught:
        read_text(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["{not json} is how this begins", "[1] See the appendix.\nMore prose.", "total 3\n"])
def test_prose_that_begins_like_something_else_is_prose(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.txt").write_text(text)
    assert list(read_text(str(tmp_path / "t.txt")).documents) == [text]


def write_rows(folder: Path, n_rows: int) -> str:
    """A data set on disk whose rows are alike."""
    words = ["the", "a", "of", "river", "stone", "cloud", "light", "where", "when", "house", "garden"]

    def rows() -> object:
        for n in range(n_rows):
            yield {"text": " ".join(words[(n + i) % len(words)] for i in range(40))}

    datasets.Dataset.from_generator(rows, cache_dir=str(folder / "cache")).save_to_disk(folder / f"rows{n_rows}")
    return str(folder / f"rows{n_rows}")


PEAK = """
import resource, sys
from itertools import islice
from app.activations.text import read_text
text = read_text(sys.argv[1])
list(islice(text.documents, 50))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_of(source: str) -> int:
    """Kilobytes of a process that reads the first documents of a text."""
    command = [sys.executable, "-c", PEAK, source]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.slow
def test_memory_follows_what_is_read_not_the_data_set(tmp_path: Path) -> None:
    small, large = (peak_of(write_rows(tmp_path, n_rows)) for n_rows in (300, 300_000))
    assert large < 1.2 * small
