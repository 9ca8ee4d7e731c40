"""The device a setting means, and how many rows fit into memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from app.activations.device import (
    USED_SHARE,
    ModelSize,
    available_memory,
    choose_device,
    free_memory,
    rows_that_fit,
    size_of,
    to_device,
    to_host,
)
from app.errors import SettingsError

GEMMA_2_2B = ModelSize(d_model=2304, d_mlp=9216, n_heads=8, number_bytes=2)
GIB = 1 << 30


@given(free=st.integers(0, 200 * GIB), row_length=st.integers(1, 8192), most=st.integers(1, 512))
def test_rows_fit_into_their_share_and_as_many_as_can(free: int, row_length: int, most: int) -> None:
    rows = rows_that_fit(GEMMA_2_2B, row_length, free, most)
    assert rows & (rows - 1) == 0
    assert 1 <= rows <= most
    size = GEMMA_2_2B.row_bytes(row_length)
    assert rows == 1 or rows * size <= free * USED_SHARE
    assert 2 * rows > most or 2 * rows * size > int(free * USED_SHARE)


def test_known_machines() -> None:
    """By hand: a row of 1,024 tokens takes 1,024 × (82,944 + 73,728) + 33.6 M = 194 MB."""
    assert GEMMA_2_2B.row_bytes(1024) == 1024 * ((6 * 2304 + 3 * 9216) * 2 + 32 * 2304) + 4 * 8 * 1024**2
    assert rows_that_fit(GEMMA_2_2B, 1024, 80 * GIB, 64) == 64
    assert rows_that_fit(GEMMA_2_2B, 1024, 4 * GIB, 64) == 8
    assert rows_that_fit(GEMMA_2_2B, 1024, 0, 64) == 1


def test_the_size_of_a_model_is_read_without_its_weights() -> None:
    from transformers import AutoModelForCausalLM, LlamaConfig

    config = LlamaConfig(hidden_size=64, intermediate_size=96, num_attention_heads=4, num_hidden_layers=2, vocab_size=9)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    assert size_of(model) == ModelSize(64, 96, 4, 2)


@pytest.mark.parametrize("name", ["tpu", "cuda:99", "cpu:x", "meta", ""])
def test_a_device_that_is_not_there(name: str) -> None:
    with pytest.raises(SettingsError, match=rf"device '{name}': (expected auto, cpu, cuda|PyTorch sees)"):
        choose_device(name)


def test_devices_that_are() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert free_memory(torch.device("cpu")) > 1 << 20


def test_available_memory_is_linux_own_account() -> None:
    assert available_memory("MemTotal: 9 kB\nMemFree: 1 kB\nMemAvailable:   1234 kB\n") == 1234 * 1024
    assert available_memory("") > 1 << 20


def test_copies() -> None:
    values = torch.arange(6.0).view(2, 3)
    assert to_device(values, torch.device("cpu")) is values
    assert to_device(values, torch.device("meta")).shape == (2, 3)
    first, second = to_host(values, values[0].int())
    np.testing.assert_array_equal(first, [[0, 1, 2], [3, 4, 5]])
    assert second.dtype == np.int32
