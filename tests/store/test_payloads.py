"""Packed profiles and compressed records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import StoreError
from app.records import PairProfile
from app.store.payloads import DETAIL, compress, expand, pack_profile, unpack_profile
from app.store.validate import find_fault
from tests.builders import make_bundle

ENTRIES = st.lists(st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**62), st.floats(-1, 1, width=32)), max_size=20)


@settings(max_examples=50, deadline=None)
@given(entries=ENTRIES, complete=st.booleans(), narrow_index=st.integers(0, 2**31 - 1))
def test_profiles_come_back_exactly(entries: list[tuple[int, int, float]], complete: bool, narrow_index: int) -> None:
    columns = [tuple(entry[k] for entry in entries) for k in range(3)]
    profile = PairProfile(narrow_index, columns[0], columns[1], columns[2], complete)  # type: ignore[arg-type]

    assert unpack_profile(narrow_index, pack_profile(profile)) == profile


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_both": (1,)}, "lengths 2, 1 and 2; expected equal ones"),
        ({"decoder_cosine": (0.5, float("nan"))}, "field decoder_cosine holds NaN"),
        ({"decoder_cosine": (0.5, float("inf"))}, "field decoder_cosine holds NaN"),
        ({"indices": (1, 2**31)}, "expected int32 indices"),
        ({"n_both": (1, 2**63)}, "expected int32 indices and int64 counts"),
        ({"n_both": (1, 0.5)}, "expected int32 indices and int64 counts"),
    ],
)
def test_a_profile_that_does_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    profile = PairProfile(7, (1, 2), (3, 4), (0.5, -0.5), True)
    with pytest.raises(StoreError, match=f"profile of narrow latent 7: .*{message}"):
        pack_profile(replace(profile, **change))


def test_details_shrink() -> None:
    detail = next(iter(make_bundle().details))
    payload = compress(detail)
    assert expand(DETAIL, payload) == detail
    assert len(payload) < 4000


def test_faults_are_found_by_their_path() -> None:
    nan = float("nan")
    assert find_fault({"a": (1, 2.0, None, ("x", [0.5]))}) is None
    assert find_fault({"a": (1, 2.0, ("x", [0.5, nan]))}) == ("a.2.1.1", "nan")
    assert find_fault((0.0, nan)) == ("1", "nan")
    assert find_fault((0, nan)) == ("1", "nan")
    assert find_fault({"a": b"bytes"}) == ("a", "a builtins.bytes")
