"""Token ids to the strings people see: joined, the strings of a row read as its text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.activations.batch import NO_TOKEN

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
        self._whole: dict[int, str | None] = {NO_TOKEN: UNKNOWN_TOKEN}
        if tokenizer is not None:
            # Some decoders drop a space at the start of a text: an anchor in front keeps it.
            self._anchor = tokenizer("a", add_special_tokens=False)["input_ids"][-1:]
            self._anchor_text = self._decode(self._anchor)

    def row(self, ids: Iterable[int]) -> tuple[str, ...]:
        """Display strings of one row of tokens, one a token."""
        shown: list[str] = []
        pending: list[int] = []
        for token_id in ids:
            pending.append(int(token_id))
            text = self._text(pending)
            if text is None and len(pending) < MAX_PIECES:
                shown.append("")
                continue
            shown.append(text if text is not None else PARTIAL)
            pending = []
        if pending:
            shown[-1] = PARTIAL
        return tuple(shown)

    def whole(self, token_id: int) -> str | None:
        """Display string of a token by itself; None where it is only part of a character."""
        return self._text([int(token_id)])

    def _text(self, ids: list[int]) -> str | None:
        if len(ids) == 1 and ids[0] in self._whole:
            return self._whole[ids[0]]
        if self._tokenizer is None:
            return UNKNOWN_TOKEN
        text = self._decode([*self._anchor, *ids])[len(self._anchor_text) :]
        result = None if PARTIAL in text else text
        if len(ids) == 1:
            self._whole[ids[0]] = result
        return result

    def _decode(self, ids: list[int]) -> str:
        return str(
            self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)  # type: ignore[union-attr]
        )
