from __future__ import annotations

import numpy as np
import pytest

from app.pipeline.show.rounding import four_digits


def test_four_digits_are_what_printing_gives() -> None:
    rng = np.random.default_rng(0)
    values = np.exp(rng.uniform(np.log(1e-6), np.log(1e6), (50, 40))).astype(np.float32)
    expected = [[float(f"{value:.4g}") for value in row] for row in values.tolist()]
    assert four_digits(values).tolist() == expected


@pytest.mark.parametrize("value", [0.0, 1.0, 9.9999, 99995.0, 1e-3, 0.1, 123456.0, 1e-25])
def test_odd_values(value: float) -> None:
    found = four_digits(np.array([value], dtype=np.float32))[0]
    assert found == pytest.approx(float(f"{np.float32(value):.4g}"), rel=1e-3)
    if value > 1e-20:
        assert len(repr(float(found)).replace(".", "").strip("0")) <= 6
