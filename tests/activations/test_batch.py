from __future__ import annotations

import numpy as np
import pytest

from app.activations.batch import TokenRows

KEEP = np.array([[0, 1, 1, 0], [0, 0, 0, 0], [0, 1, 0, 1], [0, 1, 1, 1]], dtype=np.bool_)
"""2, 0, 2 and 3 scored tokens."""


def rows(keep: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> TokenRows:
    return TokenRows(np.arange(keep.size, dtype=np.int32).reshape(keep.shape), keep)


@pytest.mark.parametrize("n_tokens", range(8))
def test_limited_scores_the_first_tokens_and_no_more(n_tokens: int) -> None:
    limited = rows(KEEP).limited(n_tokens)
    assert limited.n_kept == n_tokens
    assert limited.ids[limited.keep].tolist() == rows(KEEP).ids[KEEP][:n_tokens].tolist()
    np.testing.assert_array_equal(limited.ids, rows(KEEP).ids[: len(limited)])


def test_limited_leaves_out_the_rows_that_are_not_needed() -> None:
    assert [len(rows(KEEP).limited(n_tokens)) for n_tokens in (1, 2, 3, 5, 7)] == [1, 1, 3, 4, 4]


def test_limited_changes_nothing_where_there_are_fewer_tokens() -> None:
    whole = rows(KEEP)
    assert whole.limited(100) is whole
    assert len(rows(KEEP[:0]).limited(5)) == 0


def test_limited_leaves_the_rows_it_came_from_as_they_are() -> None:
    whole = rows(KEEP.copy())
    whole.limited(1)
    np.testing.assert_array_equal(whole.keep, KEEP)


def test_slice_takes_rows() -> None:
    part = rows(KEEP).slice(1, 3)
    assert len(part) == 2
    assert part.n_kept == 2
    np.testing.assert_array_equal(part.ids, rows(KEEP).ids[1:3])
