"""The measurement of pages: its tables, and the made-up comparisons that it draws."""

from __future__ import annotations

from bench.pages import markdown
from bench.wide import wide_latents
from tests.builders import make_bundle


def test_the_tables_have_a_line_for_each_page_and_plot() -> None:
    visits = {"kb": 20.4, "requests": 11.0, "ttfb": 5.0, "paint": 90.0, "drawn": 1234.0}
    moves = {"hover_median": 20.0, "hover_largest": 90.0, "pan_median": 300.0, "pan_largest": 400.0}
    text = markdown(
        {
            "visits": 3,
            "pages": {"/about": {"cold": visits, "warm": visits}},
            "wide": {"65,536 points": {"cold": visits, "warm": visits}},
            "moving": {"65,536 points": moves},
            "load_before": 0.5,
            "load_after": 1.25,
            "machine": "two cores",
            "commit": "abc",
            "date": "2026-01-01",
        }
    )
    assert "| `/about` | 20 | 11 | 5 | 90 | 1,234 | 20 | 1,234 |" in text
    assert "| 65,536 points | 0.09 | 1.23 | 20 | 90 | 300 | 400 |" in text
    assert "load 0.5 before and 1.2 after" in text


def test_made_up_latents_differ_and_some_have_no_score() -> None:
    template = next(one for one in make_bundle().latents if one.hedging_score is not None)
    made = list(wide_latents(200, template))
    assert [one.index for one in made] == list(range(200))
    assert len({one.max_decoder_cosine for one in made}) == 200
    assert [one.index for one in made if one.hedging_score is None] == list(range(0, 200, 16))
    assert all(0 <= one.density <= 1 and 0 <= (one.hedging_score or 0) <= 1 for one in made)
