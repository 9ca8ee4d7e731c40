"""Texts for people avoid the phrases that CONTRIBUTING.md advises against."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from tests.doc_tables import DOCS, ROOT

FORBIDDEN = {
    r"(?<!there )\b(?:is|are|was|were) no (?!longer\b|more\b|fewer\b|less\b)": "is not a …",
    r"\bwho asks\b": "requests, clients, …",
    r"\bmakes? no sense\b": "is invalid",
    r"\btaken for (?:dead|another)\b": "is considered …",
    r"\bbeside\b": "next to, with, against, compared with",
    r"\basked for\b": "requested",
    r"\bgo(?:es)? on\b": "continues, resumes",
    r"\b(?:is|are|was|be) told\b": "gets, logs, reports",
    r"\bthe like\b|\bof like\b|\bof the like\b|\blooks? alike\b": "similar",
    r"\bstronger than the (?:environment|file|settings)\b": "overrides",
    r"\bwhoever\b": "anyone who",
}
"""Patterns, in any case, and what to say instead."""

WORD_LIST = "| say | don't say |"
"""Starts the table of CONTRIBUTING.md that quotes the phrases."""

QUOTED = re.compile(r"""(["'`])((?:(?!\1).)*)\1""")
PLACEHOLDER = re.compile(r"\$\{[^}]*\}")
"""Strings of JavaScript, and the expressions in them."""

ALLOWED: set[tuple[str, str]] = set()
"""(file, phrase) that is right where it is."""


def texts() -> Iterator[tuple[str, int, str]]:
    """(file, line, text) of everything that people read."""
    yield from lines(sorted((ROOT / "templates").rglob("*.html")))
    for path in sorted((ROOT / "static/js").glob("*.js")):
        for line, source in enumerate(path.read_text().splitlines(), start=1):
            yield from ((name(path), line, PLACEHOLDER.sub("…", match[2])) for match in QUOTED.finditer(source))
    yield from lines(sorted({*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "demo").glob("*.md")}))
    for path in sorted((ROOT / "app").rglob("*.py")):
        source = path.read_text()
        yield from ((name(path), line, text) for line, text in chain(literals(source), comments(source)))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lines(paths: list[Path]) -> Iterator[tuple[str, int, str]]:
    """Lines of files, each with the beginning of the next one, so that a line break hides nothing."""
    for path in paths:
        found = without_word_list(path.read_text()).splitlines()
        for number, (text, following) in enumerate(zip(found, [*found[1:], ""], strict=True), start=1):
            yield name(path), number, f"{text} {' '.join(following.split()[:2])}"


def without_word_list(text: str) -> str:
    """The text, with the rows of the word list left empty."""
    before, table, after = text.partition(WORD_LIST)
    rows, blank, rest = after.partition("\n\n")
    return before + "\n" * rows.count("\n") + blank + rest if table else text


def literals(source: str) -> Iterator[tuple[int, str]]:
    """String literals, docstrings among them, each in one line; each part of an f-string by itself."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, " ".join(node.value.split())


def comments(source: str) -> Iterator[tuple[int, str]]:
    """Comments, each block of lines as one text."""
    block: list[str] = []
    first = last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        if token.start[0] != last + 1 and block:
            yield first, " ".join(block)
            block = []
        first = first if block else token.start[0]
        block.append(token.string.lstrip("#: "))
        last = token.start[0]
    if block:
        yield first, " ".join(block)


def found_in(text: str) -> Iterator[str]:
    for pattern in FORBIDDEN:
        for match in re.finditer(pattern, text, re.IGNORECASE):
            yield f"{match[0]!r}: say {FORBIDDEN[pattern]}"


def test_texts_are_plain() -> None:
    wrong = [
        f"{file}:{line}: {fault}"
        for file, line, text in texts()
        for fault in found_in(text)
        if (file, fault.split("'")[1]) not in ALLOWED
    ]
    assert sorted(set(wrong)) == []


@pytest.mark.parametrize(
    "text",
    [
        "it is no number",
        "What was asked for",
        "a value that makes no sense",
        "Narrow 1 beside reference 2",
        "who asks for more waits",
        "it goes on where it stopped",
    ],
)
def test_a_phrase_is_found(text: str) -> None:
    assert list(found_in(text))


def test_comments_are_read_whole() -> None:
    source = "x = 1  # one\n# it goes\n# on\ny = '# not this'\n"
    assert list(comments(source)) == [(1, "one it goes on")]


@pytest.mark.parametrize("text", ["there is no such file", "there are no jobs", "it is no longer used", "besides"])
def test_plain_text_is_not(text: str) -> None:
    assert list(found_in(text)) == []
