"""One thread for torch: small tensors gain nothing from more, and where other programs use the
processor, threads that wait for one another make a test ten times slower.

A test folder that runs torch imports the fixture in its `conftest.py`.
"""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
