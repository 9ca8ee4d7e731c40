from __future__ import annotations

from typing import Any

import pytest

from app.activations.batch import NO_TOKEN
from app.activations.show_tokens import TokenShower

TEXTS = {
    "spaces": "  two  spaces, tab\tand\r\nlines\n\n  indented",
    "accents": "naïve ñandú, Ωmega — “quotes”…",
    "languages": "日本語 中文 한국어 العربية עברית ไทย हिन्दी",
    "emoji": "a😀b 🧑‍🚀!👩🏽‍🤝‍👨🏻 🇨🇭 😀😀😀",
    "rare": "\U00013000\U0001d573\U0010fffd x",
    "replacement": "bad \ufffd and \ufffd\ufffd\ufffd\ufffd\ufffd, \ufffd😀\ufffd",
    "controls": "\u202ereversed\u202c \x00\x1b[0m <script>alert(1)</script>",
    "special": "<|im_start|>user\nhello<|im_end|>",
}


def encode(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def decode(tokenizer: Any, ids: list[int]) -> str:
    """What the tokenizer itself makes of a row; a letter in front keeps a leading space."""
    text = tokenizer.decode([*encode(tokenizer, "x"), *ids], clean_up_tokenization_spaces=False)
    return str(text)[1:]


@pytest.mark.parametrize("name", TEXTS)
def test_a_row_reads_as_its_text(tokenizer: Any, name: str) -> None:
    ids = encode(tokenizer, TEXTS[name])
    shown = TokenShower(tokenizer).row(ids)
    assert len(shown) == len(ids)
    assert "".join(shown) == TEXTS[name]


@pytest.mark.parametrize("name", TEXTS)
def test_any_piece_of_a_row_reads_as_the_tokenizer_decodes_it(tokenizer: Any, name: str) -> None:
    """A row may begin and end inside a character."""
    ids = encode(tokenizer, TEXTS[name])
    shower = TokenShower(tokenizer)
    for start in range(len(ids)):
        for stop in range(start + 1, min(start + 6, len(ids)) + 1):
            assert "".join(shower.row(ids[start:stop])) == decode(tokenizer, ids[start:stop])


def test_a_character_stands_on_the_token_that_completes_it(tokenizer: Any) -> None:
    ids = encode(tokenizer, "see 😀 there")
    emoji = [i for i, token in enumerate(ids) if "\ufffd" in tokenizer.decode([token])]
    assert len(emoji) > 1
    shown = TokenShower(tokenizer).row(ids)
    assert [shown[i] for i in emoji] == [""] * (len(emoji) - 1) + [" 😀"]
    assert shown[0] == "see"
    assert shown[-1] == " there"


def test_half_a_character_takes_nothing_from_the_tokens_after_it(tokenizer: Any) -> None:
    *_, last = encode(tokenizer, "😀")
    words = encode(tokenizer, " and four more words")
    assert TokenShower(tokenizer).row([last, *words]) == ("\ufffd", *(tokenizer.decode([word]) for word in words))


def test_each_token_keeps_its_leading_space(tokenizer: Any) -> None:
    assert TokenShower(tokenizer).row(encode(tokenizer, " the cat")) == (" the", " cat")


def test_unknown_tokens_are_marked(tokenizer: Any) -> None:
    first, *_ = encode(tokenizer, "😀")
    word, *_ = encode(tokenizer, " word")
    row = [NO_TOKEN, word, first, NO_TOKEN, len(tokenizer), -100]
    assert TokenShower(tokenizer).row(row) == ("·", " word", "\ufffd", "·", "·", "·")


def test_without_a_tokenizer_all_tokens_are_unknown() -> None:
    assert TokenShower(None).row([5, NO_TOKEN, 7]) == ("·", "·", "·")
    assert TokenShower(None).whole(5) is None


def test_an_empty_row_shows_nothing(tokenizer: Any) -> None:
    assert TokenShower(tokenizer).row([]) == ()


def test_whole_is_none_for_what_is_no_character(tokenizer: Any) -> None:
    shower = TokenShower(tokenizer)
    first, *_ = encode(tokenizer, "😀")
    word, *_ = encode(tokenizer, " word")
    assert shower.whole(word) == " word"
    assert shower.whole(first) is None
    assert shower.whole(len(tokenizer)) is None
    assert shower.whole(NO_TOKEN) is None
