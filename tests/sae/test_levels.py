from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from app.errors import SaeError
from app.sae.levels import find_widths, levels_of

SAELENS: Mapping[str, Any] = {"training_architecture_details": {"matryoshka_widths": [4, 12, 24], "k": 5}}
GROUPS: Mapping[str, Any] = {"group_sizes": [4, 8, 12]}


@pytest.mark.parametrize(
    ("metadata", "source"),
    [
        (SAELENS, "metadata"),
        ({"matryoshka_widths": [4, 12, 24]}, "metadata"),
        (GROUPS, "group_sizes"),
        ({**SAELENS, "group_sizes": [1, 2, 21]}, "metadata"),
    ],
)
def test_the_file_says_the_widths(metadata: Mapping[str, Any], source: str) -> None:
    assert find_widths(metadata, None, 24) == ((4, 12, 24), source)
    assert find_widths(metadata, [4, 12, 24], 24) == ((4, 12, 24), source)


@pytest.mark.parametrize(
    "metadata", [{}, {"training_architecture_details": None}, {"training_architecture_details": {"k": 5}}]
)
def test_else_the_user_does(metadata: Mapping[str, Any]) -> None:
    assert find_widths(metadata, [4, 24], 24) == ((4, 24), "declared")
    assert find_widths(metadata, None, 24) == (None, None)
    assert find_widths(metadata, [], 24) == (None, None)


@pytest.mark.parametrize("metadata", [{}, {"matryoshka_widths": [4, 12]}])
def test_the_full_width_is_added_where_it_is_missing(metadata: Mapping[str, Any]) -> None:
    widths, _ = find_widths(metadata, [4, 12], 24)
    assert widths == (4, 12, 24)


@pytest.mark.parametrize("metadata", [SAELENS, GROUPS])
def test_the_user_must_not_contradict_the_file(metadata: Mapping[str, Any]) -> None:
    with pytest.raises(SaeError, match=r"declared Matryoshka widths \[4, 24\], but the file says \[4, 12, 24\]"):
        find_widths(metadata, [4, 24], 24)


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        ([0, 4, 24], "expected positive, strictly ascending numbers"),
        ([-4, 24], "expected positive, strictly ascending numbers"),
        ([12, 4, 24], "expected positive, strictly ascending numbers"),
        ([4, 4, 24], "expected positive, strictly ascending numbers"),
        ([4, 12, 25], "the last one is larger than the SAE's 24 latents"),
        ([4, 12.5, 24], "expected a list of whole numbers"),
        (["4", "24"], "expected a list of whole numbers"),
        ("4,24", "expected a list of whole numbers"),
        (4, "expected a list of whole numbers"),
    ],
)
def test_widths_that_make_no_sense_are_refused(widths: Any, message: str) -> None:
    with pytest.raises(SaeError, match=f"declared Matryoshka widths .*{message}"):
        find_widths({}, widths, 24)
    with pytest.raises(SaeError, match=f"Matryoshka widths in the metadata .*{message}"):
        find_widths({"training_architecture_details": {"matryoshka_widths": widths}}, None, 24)


@pytest.mark.parametrize("sizes", ["4,8", [0.5, 0.5], 3])
def test_group_sizes_that_make_no_sense_are_refused(sizes: Any) -> None:
    with pytest.raises(SaeError, match=r"Matryoshka group sizes in the metadata .*expected a list of whole numbers"):
        find_widths({"group_sizes": sizes}, None, 24)


def test_levels_of_latents() -> None:
    assert levels_of((2, 3, 6)).tolist() == [0, 0, 1, 2, 2, 2]
    assert levels_of((3,)).tolist() == [0, 0, 0]
