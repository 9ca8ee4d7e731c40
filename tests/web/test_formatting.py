"""Numbers and tokens as people read them."""

from __future__ import annotations

import pytest

from app.catalogue import LATENT_FIELDS
from app.web.shared import formatting as show


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (0.0, "0"),
        (65536, "65,536"),
        (-3, "−3"),
        (0.5, "0.500"),
        (-0.1234, "−0.123"),
        (0.00012, "1.2e-4"),
        (3.4e-11, "3.4e-11"),
        (2.5e7, "2.5e+7"),
        (1.0, "1.000"),
        (0.99999, ">0.999"),
        (-0.99999, "<−0.999"),
        (12.345, "12.3"),
        (1234.5, "1,234"),
    ],
)
def test_number(value: float | None, text: str) -> None:
    assert show.number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (0.00002, "0.0020 %"), (0.0005, "0.050 %"), (0.0123, "1.2 %"), (0.5, "50 %"), (0.996, "99.6 %")],
)
def test_percent(share: float, text: str) -> None:
    assert show.percent(share) == text


def test_fields_are_shown_by_their_kind() -> None:
    assert show.of_spec(4095, LATENT_FIELDS["main_partner"]) == "4095"
    assert show.of_spec(4095, LATENT_FIELDS["n_firings"]) == "4,095"
    assert show.of_spec(0.00002, LATENT_FIELDS["max_jaccard"]) == "<0.001"
    assert show.of_spec(0.0, LATENT_FIELDS["max_jaccard"]) == "0"
    assert show.of_spec(0.009, LATENT_FIELDS["density"]) == "0.9 %"
    assert show.of_spec(False, LATENT_FIELDS["mutual_best"]) == "no"
    assert show.of_spec(None, LATENT_FIELDS["mutual_best"]) == "–"


@pytest.mark.parametrize(
    ("token", "text"),
    [
        (" cat", " cat"),
        ("  ", "  "),
        ("<b>", "<b>"),
        ("\n", "↵"),
        ("a\tb", "a⇥b"),
        ("\r\n", "␍↵"),
        ("\x00", "␀"),
        ("\u202eabc", "[U+202E]abc"),
        ("\u2066", "[U+2066]"),
        ("\u200b", "[U+200B]"),
        ("\ufeff", "[U+FEFF]"),
        ("👩\u200d🔬", "👩\u200d🔬"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("日本", "日本"),
        ("", ""),
    ],
)
def test_tokens_show_what_can_not_be_seen(token: str, text: str) -> None:
    assert show.plain(token) == text


def test_neighbouring_text_is_one_piece() -> None:
    assert [(p.kind, p.text) for p in show.pieces("ab\ncd")] == [("text", "ab"), ("break", "↵"), ("text", "cd")]
    assert show.pieces("\u202e")[0].name == "U+202E RIGHT-TO-LEFT OVERRIDE"


def test_intensity_has_ten_steps_and_silence() -> None:
    assert show.intensity(0.0, 5.0) == 0
    assert show.intensity(1.0, None) == 0
    assert show.intensity(1e-9, 5.0) == 1
    assert show.intensity(2.5, 5.0) == 5
    assert show.intensity(5.0, 5.0) == 10
    assert show.intensity(6.0, 5.0) == 10


def test_a_column_of_tenths_has_one_decimal() -> None:
    assert [show.tenths(value) for value in (33.1, 9.831, 2.072, 1234.56, None)] == [
        "33.1",
        "9.8",
        "2.1",
        "1,234.6",
        "–",
    ]
