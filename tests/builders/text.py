"""Made-up tokens, and what shows them as a tokenizer does."""

from __future__ import annotations

from collections.abc import Sequence

VOCABULARY = (
    "The",
    " cat",
    " sat",
    "\n",
    "  ",
    "<script>",
    "alert(1)",
    "</script>",
    "&amp;",
    " '\"",
    "\u202e",
    "🙂",
    "",
    "é",
    " naïve",
    "日本",
    "\t",
    " 1984",
    ".",
    "{{ x }}",
    "\u200b",
    "%",
    "_",
    " Straße",
    "\r\n",
    " United",
    " States",
    "\x00",
)
"""Tokens that break careless pages: markup, line ends, right-to-left override, empty, NUL, template and LIKE syntax."""


class Tokenizer:
    """What the program needs of a tokenizer; token `i` is `VOCABULARY[i]`."""

    def __len__(self) -> int:
        return len(VOCABULARY)

    def __call__(self, text: str, **_options: object) -> dict[str, list[int]]:
        return {"input_ids": [VOCABULARY.index(".") for _ in text]}

    def decode(self, ids: Sequence[int], **_options: object) -> str:
        return "".join(VOCABULARY[token] for token in ids)
