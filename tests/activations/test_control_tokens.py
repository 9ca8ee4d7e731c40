"""Control tokens that a text spells out: read as text and said so, or as control tokens."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.activations.text import Text
from app.activations.tokenize import control_token_note, tokenize, tokenize_prompt
from app.records import RowRules

CHAT = ["<|im_start|>user\nHi, what is two plus two?<|im_end|>\n<|im_start|>assistant\nIt is four.<|im_end|>\n"] * 5
AS_CONTROL = RowRules(length=64, control_tokens=True)


def test_they_are_text_unless_the_rules_say_otherwise(tokenizer: Any) -> None:
    start = tokenizer.convert_tokens_to_ids("<|im_start|>")
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    plain = tokenize(Text("chat", CHAT, "c"), tokenizer, RowRules(length=64))
    assert end not in plain.ids
    parsed = tokenize(Text("chat", CHAT, "c"), tokenizer, AS_CONTROL)
    assert np.isin(parsed.ids, [start, end]).sum() > len(parsed)
    assert not parsed.keep[np.isin(parsed.ids, [start, end])].any()
    assert "<|im_start|>user\nHi" in tokenizer.decode(parsed.ids[0])


def test_the_note_says_how_they_are_read(tokenizer: Any) -> None:
    note = control_token_note(CHAT, tokenizer, RowRules())
    names = "the text spells out control tokens: <|im_end|>, <|im_start|>"
    assert note == f"{names} read as plain text; --control-tokens reads them as such"
    parsed = control_token_note(CHAT, tokenizer, AS_CONTROL)
    assert parsed == f"{names} read as control tokens, not scored"
    foreign = control_token_note(["<start_of_turn>user\nhi<end_of_turn>"], tokenizer, AS_CONTROL)
    assert foreign is not None
    assert "<start_of_turn> read as plain text: this model's tokenizer has no such token" in foreign
    assert control_token_note(["plain <b>words</b> | and [brackets]"], tokenizer, RowRules()) is None


def test_a_prompt_is_read_as_the_comparisons_text(tokenizer: Any) -> None:
    plain, parsed = (tokenize_prompt(CHAT[0], tokenizer, rules) for rules in (RowRules(), AS_CONTROL))
    assert parsed.ids.shape[1] < plain.ids.shape[1]
    assert parsed.keep.sum() < plain.keep.sum()
    without = tokenize_prompt("some words", tokenizer, RowRules(bos=False))
    assert without.ids.shape[1] == tokenize_prompt("some words", tokenizer).ids.shape[1] - 1
