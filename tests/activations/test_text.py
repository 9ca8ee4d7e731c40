from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import PreTrainedTokenizerFast

from app.activations.text import Text, read_text
from app.activations.tokenize import ROW_LENGTH, tokenize
from app.errors import TextError
from app.records import RowRules

SENTENCES = [f"Sentence number {n} has {'very ' * (n % 7)}few words, naïve or not." for n in range(600)]
"""More than the documents given to the tokenizer at once."""

WORDS = ["word"] * 12_000
"""Half of the tokens of their rows are separators."""


def documents_of(source: str) -> list[str]:
    return list(read_text(source).documents)


def text(documents: list[str]) -> Text:
    return Text("a text", documents, "checksum")


def word_tokenizer(**special: str) -> Any:
    """Knows `one` and `two`; all else is the unknown token."""
    tokenizer = Tokenizer(WordLevel({"<unk>": 0, "<s>": 1, "one": 2, "two": 3}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", **special)


def packed(documents: list[str], tokenizer: Any, row_length: int) -> list[list[int]]:
    """Rows made one token at a time; a row that isn't full at the end is dropped."""
    separator = tokenizer.convert_tokens_to_ids("<|im_start|>")
    rows: list[list[int]] = [[separator]]
    for document in documents:
        for token in [*tokenizer.encode(document, add_special_tokens=False), separator]:
            rows[-1].append(token)
            if len(rows[-1]) == row_length:
                rows.append([separator])
    return rows[:-1]


@pytest.mark.parametrize("row_length", [2, 9, 128])
def test_rows_hold_the_documents_one_after_the_other(tokenizer: Any, row_length: int) -> None:
    documents = SENTENCES[:60]
    rows = tokenize(text(documents), tokenizer, RowRules(length=row_length))
    assert rows.ids.tolist() == packed(documents, tokenizer, row_length)
    assert rows.ids.dtype == np.int32


def test_first_positions_and_separators_are_not_scored_and_all_else_is(tokenizer: Any) -> None:
    rows = tokenize(text(SENTENCES[:60]), tokenizer, RowRules(length=16))
    separator = tokenizer.bos_token_id
    assert set(rows.ids[:, 0].tolist()) == {separator}
    assert not rows.keep[:, 0].any()
    np.testing.assert_array_equal(rows.keep, rows.ids != separator)
    assert 0 < rows.n_kept < rows.keep[:, 1:].size


def test_a_special_token_spelled_out_in_a_document_is_text(tokenizer: Any) -> None:
    document = "Write <|im_start|>user and then <|im_end|> or <|endoftext|>."
    rows = tokenize(text([document]), tokenizer)
    inside = rows.ids[0, 1:-1]
    assert tokenizer.decode(inside) == document
    assert not set(inside.tolist()) & set(tokenizer.all_special_ids)
    assert rows.keep[0].tolist() == [False] + [True] * len(inside) + [False]


def test_a_text_shorter_than_a_row_is_one_short_row(tokenizer: Any) -> None:
    rows = tokenize(text(["Only these words"]), tokenizer)
    assert len(rows) == 1
    assert tokenizer.decode(rows.ids[0][rows.keep[0]]) == "Only these words"


@pytest.mark.parametrize("documents", [SENTENCES, WORDS], ids=["sentences", "words"])
@pytest.mark.parametrize("n_tokens", [1, 127, 128, 1000, 5000])
def test_as_many_tokens_are_scored_as_were_asked_for(tokenizer: Any, documents: list[str], n_tokens: int) -> None:
    assert tokenize(text(documents), tokenizer, n_tokens=n_tokens).n_kept == n_tokens


def test_a_text_with_fewer_tokens_than_asked_for_is_taken_whole(tokenizer: Any) -> None:
    everything = tokenize(text(SENTENCES), tokenizer)
    asked = tokenize(text(SENTENCES), tokenizer, n_tokens=10**9)
    np.testing.assert_array_equal(asked.ids, everything.ids)
    np.testing.assert_array_equal(asked.keep, everything.keep)


@pytest.mark.parametrize("documents", [SENTENCES, WORDS], ids=["sentences", "words"])
def test_a_shorter_run_is_the_start_of_a_longer_one(tokenizer: Any, documents: list[str]) -> None:
    longest = tokenize(text(documents), tokenizer)
    for n_tokens in (1, 300, 2000):
        rows = tokenize(text(documents), tokenizer, n_tokens=n_tokens)
        np.testing.assert_array_equal(rows.ids, longest.ids[: len(rows)])
        np.testing.assert_array_equal(rows.keep[:-1], longest.keep[: len(rows) - 1])
        kept = np.flatnonzero(rows.keep[-1])
        np.testing.assert_array_equal(kept, np.flatnonzero(longest.keep[len(rows) - 1])[: len(kept)])


def test_the_unknown_token_is_not_scored() -> None:
    rows = tokenize(text(["one zwei two drei"]), word_tokenizer(bos_token="<s>"))
    assert rows.ids.tolist() == [[1, 2, 0, 3, 0, 1]]
    assert rows.keep.tolist() == [[False, True, False, True, False, False]]


def test_a_text_without_a_token_to_score_is_refused() -> None:
    with pytest.raises(TextError, match="a text: has no token to score; expected at least one word"):
        tokenize(text(["eins zwei"]), word_tokenizer(bos_token="<s>"))


def test_a_tokenizer_without_a_separator_is_refused() -> None:
    with pytest.raises(TextError, match="neither a beginning nor an end-of-sequence token"):
        tokenize(text(["one"]), word_tokenizer())


def test_the_end_of_sequence_token_separates_where_there_is_no_beginning() -> None:
    assert tokenize(text(["one"]), word_tokenizer(eos_token="<s>")).ids.tolist() == [[1, 2, 1]]


def jsonl(path: Path, documents: list[str]) -> Path:
    """As most programs write it: characters as they are, not escaped."""
    path.write_text("".join(json.dumps({"text": document}, ensure_ascii=False) + "\n" for document in documents))
    return path


def test_a_txt_file_is_one_document(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("first line\n\nsecond line\n")
    assert documents_of(str(tmp_path / "a.txt")) == ["first line\n\nsecond line\n"]


def test_a_jsonl_file_has_a_document_a_line(tmp_path: Path) -> None:
    documents = ["one\ntwo", "line\u2028separator, next\x85line, form\x0cfeed", "naïve 😀"]
    path = jsonl(tmp_path / "a.jsonl", [documents[0], "", "  \n", *documents[1:]])
    path.write_text(path.read_text() + "\n\n")
    assert documents_of(str(path)) == documents


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_a_byte_order_mark_is_no_text(tmp_path: Path, name: str) -> None:
    content = "word" if name == "a.txt" else '{"text": "word"}'
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + content.encode())
    assert documents_of(str(tmp_path / name)) == ["word"]


def test_datasets_on_disk(tmp_path: Path) -> None:
    documents = {"text": ["one", None, "", "two"], "title": ["a", "b", "c", "d"]}
    dataset = datasets.Dataset.from_dict(documents)
    dataset.save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"test": dataset.select([0]), "train": dataset}).save_to_disk(tmp_path / "split")
    assert documents_of(str(tmp_path / "one")) == ["one", "two"]
    assert documents_of(str(tmp_path / "split")) == ["one", "two"]


def test_the_checksum_is_of_the_documents(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    same = [jsonl(tmp_path / "a.jsonl", ["one"]), jsonl(tmp_path / "b.jsonl", ["", "one"]), tmp_path / "a.txt"]
    assert len({read_text(str(path)).checksum for path in same}) == 1
    others = [["one", "two"], ["onetwo"], ["o", "netwo"], ["two", "one"]]
    checksums = {read_text(str(jsonl(tmp_path / "other.jsonl", documents))).checksum for documents in others}
    assert len(checksums) == len(others)


def write(content: bytes) -> Callable[[Path], None]:
    return lambda path: (path.write_bytes(content), None)[1]


def save(column: str, values: list[object]) -> Callable[[Path], None]:
    return lambda path: datasets.Dataset.from_dict({column: values}).save_to_disk(path)


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("none.txt", None, "no such file, folder or dataset"),
        ("empty.txt", write(b""), "found no text in it"),
        ("blank.txt", write(b" \n\t\n"), "found no text in it"),
        ("latin.txt", write(b"caf\xe9"), r"not UTF-8 text; expected"),
        ("utf16.jsonl", write('{"text": "a"}'.encode("utf-16")), "is in UTF-16; save it in UTF-8"),
        ("broken.jsonl", write(b'{"text": "a"}\n{"text": '), "line 2: not JSON"),
        ("list.jsonl", write(b'["a"]'), 'line 1: expected an object with a string under "text"'),
        ("key.jsonl", write(b'{"content": "a"}'), 'line 1: expected an object with a string under "text"'),
        ("number.jsonl", write(b'\n{"text": 3}'), 'line 2: expected an object with a string under "text"'),
        ("half.jsonl", write(b'{"text": "a \\ud800 b"}'), "line 1: has half of a surrogate pair"),
        ("blank.jsonl", write(b"\n\n"), "found no text in it"),
        ("column", save("content", ["a"]), r"has columns \['content'\]; expected one named \"text\""),
        ("numbers", save("text", [1, 2]), 'column "text" holds .*int64.*; expected strings'),
        ("nothing", save("text", [" "]), "found no text in it"),
        ("folder", Path.mkdir, r"holds no text file \(found nothing\)"),
    ],
)
def test_a_source_that_holds_no_text_is_explained_in_one_line(
    tmp_path: Path, name: str, make: Callable[[Path], None] | None, message: str
) -> None:
    path = tmp_path / name
    if make:
        make(path)
    with pytest.raises(TextError, match=message) as caught:
        read_text(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", ["texts/none.txt", "none.jsonl", "./none", "none"])
def test_a_missing_file_is_not_looked_for_on_the_hub(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(name: str, **_: object) -> None:
        raise AssertionError(f"asked the hub for {name}")

    monkeypatch.setattr(datasets, "load_dataset", asked)
    with pytest.raises(TextError, match="no such file, folder or dataset"):
        read_text(source)


def test_a_row_is_128_tokens(tokenizer: Any) -> None:
    assert tokenize(text(SENTENCES), tokenizer).ids.shape[1] == ROW_LENGTH == 128
