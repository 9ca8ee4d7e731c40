"""Token ids to the strings people see: joined, the strings of a row read as its text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

PARTIAL = "\ufffd"
"""What a tokenizer's decoder puts for bytes that are no whole character."""

MAX_PIECES = 4
"""A UTF-8 character has at most four bytes, hence at most four tokens."""

UNKNOWN_TOKEN = "·"
"""Shown for a token whose id or tokenizer is not known."""


class TokenShower:
    """Display strings of tokens.

    A character split over several tokens is shown on the token that completes it; the tokens before
    are shown empty, so that nobody sees half a character.

    Args:
        tokenizer: a transformers tokenizer, or None where none is known.
    """

    def __init__(self, tokenizer: Any | None) -> None:
        self._tokenizer = tokenizer
        self._single: dict[int, str] = {}
        self._n_known = 0
        if tokenizer is not None:
            self._n_known = len(tokenizer)
            # Some decoders drop a space at the start of a text: an anchor in front keeps it.
            self._anchor = tokenizer("a", add_special_tokens=False)["input_ids"][-1:]
            self._anchor_text = self._decode(self._anchor)

    def row(self, ids: Iterable[int]) -> tuple[str, ...]:
        """Display strings of one row of tokens, one a token; joined, they are the decoded row."""
        shown: list[str] = []
        pending: list[int] = []
        for token_id in map(int, ids):
            if not self._known(token_id):
                self._flush(shown, pending)
                shown.append(UNKNOWN_TOKEN)
                continue
            if pending and self._stands_alone(pending, token_id):
                self._flush(shown, pending)
            pending.append(token_id)
            shown.append("")
            # Only the bytes at the end may still become a character.
            if len(pending) == MAX_PIECES or not self._text(pending).endswith(PARTIAL):
                self._flush(shown, pending)
        self._flush(shown, pending)
        return tuple(shown)

    def whole(self, token_id: int) -> str | None:
        """Display string of a token by itself; None where it is unknown or only part of a character."""
        if not self._known(token_id):
            return None
        text = self._text([token_id])
        return None if PARTIAL in text else text

    def _known(self, token_id: int) -> bool:
        return 0 <= token_id < self._n_known

    def _stands_alone(self, pending: list[int], token_id: int) -> bool:
        """Whether a token leaves the bytes before it as broken as they were."""
        text = self._text([token_id])
        return not text.startswith(PARTIAL) and self._text([*pending, token_id]) == self._text(pending) + text

    def _flush(self, shown: list[str], pending: list[int]) -> None:
        """Show the tokens held back, on the last one of them."""
        if pending:
            shown[-1] = self._text(pending)
            pending.clear()

    def _text(self, ids: list[int]) -> str:
        if len(ids) == 1 and ids[0] in self._single:
            return self._single[ids[0]]
        text = self._decode([*self._anchor, *ids])[len(self._anchor_text) :]
        if len(ids) == 1:
            self._single[ids[0]] = text
        return text

    def _decode(self, ids: list[int]) -> str:
        return str(
            self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)  # type: ignore[union-attr]
        )
