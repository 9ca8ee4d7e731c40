"""The bundled language model, for tests that run it.

A test folder that needs it imports the fixture in its `conftest.py`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from app.activations.language_model import LanguageModel, load_language_model

NAME = "SmolLM2-135M-Instruct"

CACHE_DIR = Path(__file__).parent / ".cache" / "models"
"""Kept between runs: converting the GGUF file takes 25 s, loading the copy about one."""


@cache
def bundled_model() -> LanguageModel:
    """SmolLM2-135M-Instruct in float32, loaded once a process."""
    return load_language_model(NAME, cache_dir=CACHE_DIR)


@pytest.fixture(scope="session")
def language_model() -> LanguageModel:
    """SmolLM2-135M-Instruct in float32."""
    return bundled_model()
