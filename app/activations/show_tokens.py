"""Token ids to the strings people see: joined, the strings of a row read as its text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.records.bundle import UNKNOWN_TOKEN

PARTIAL = "\ufffd"
"""What a tokenizer's decoder writes for bytes that are not a whole character."""

MAX_PIECES = 4
"""A UTF-8 character has at most four bytes, hence at most four tokens: then the first is broken for good."""


class TokenShower:
    """Display strings of tokens.

    A character split over several tokens is shown on the token that completes it; the tokens before
    are shown empty, so that no half character is shown.

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
        """Display strings of one row, one per token; joined, they are the decoded row."""
        shown: list[str] = []
        pending: list[int] = []
        for token_id in map(int, ids):
            if not self._known(token_id):
                self._show(shown, pending, len(pending))
                shown.append(UNKNOWN_TOKEN)
                continue
            pending.append(token_id)
            shown.append("")
            self._settle(shown, pending)
        self._show(shown, pending, len(pending))
        return tuple(shown)

    def whole(self, token_id: int) -> str | None:
        """Display string of a single token; None where it is unknown or only part of a character."""
        if not self._known(token_id):
            return None
        text = self._text([token_id])
        return None if PARTIAL in text else text

    def vocabulary(self, n_tokens: int) -> list[str | None]:
        """`whole` of the tokens 0 to `n_tokens - 1`, decoded all at once where the tokenizer can."""
        backend = getattr(self._tokenizer, "backend_tokenizer", None)
        missing = [token for token in range(min(n_tokens, self._n_known)) if token not in self._single]
        if backend is not None and missing:
            texts = backend.decode_batch([[*self._anchor, token] for token in missing], skip_special_tokens=False)
            self._single.update(zip(missing, (text[len(self._anchor_text) :] for text in texts), strict=True))
        return [self.whole(token) for token in range(n_tokens)]

    def _known(self, token_id: int) -> bool:
        return 0 <= token_id < self._n_known

    def _settle(self, shown: list[str], pending: list[int]) -> None:
        """Show what of the tokens held back can't become part of a character any more."""
        whole = self._text(pending)
        for cut in range(1, len(pending)):
            head, tail = self._text(pending[:cut]), self._text(pending[cut:])
            apart = head + tail == whole
            if apart and (not tail.startswith(PARTIAL) or len(pending) >= MAX_PIECES):
                self._show(shown, pending, cut)
                self._settle(shown, pending)
                return
        if not whole.endswith(PARTIAL):
            self._show(shown, pending, len(pending))

    def _show(self, shown: list[str], pending: list[int], count: int) -> None:
        """Show the first `count` of the tokens held back, on the last one of them."""
        if count:
            shown[len(shown) - len(pending) + count - 1] = self._text(pending[:count])
            del pending[:count]

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
