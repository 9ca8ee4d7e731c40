"""The bundled language model and its tokenizer."""

from __future__ import annotations

from typing import Any

import pytest

from app.activations.language_model import LanguageModel
from tests.language_model import language_model as language_model


@pytest.fixture(scope="session")
def tokenizer(language_model: LanguageModel) -> Any:
    return language_model.tokenizer
