from __future__ import annotations

import numpy as np

from app.arrays import none_if_nan


def test_none_if_nan() -> None:
    assert none_if_nan(np.float32(0.5)) == 0.5
    assert type(none_if_nan(np.float32(0.5))) is float
    assert none_if_nan(float("nan")) is None
