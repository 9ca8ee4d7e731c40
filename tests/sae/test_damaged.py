"""Folders of every format, damaged at random: each is read, or refused in one line; nothing else happens."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
import torch

from app.errors import HedgescopeError
from app.sae.load import load_sae
from app.sparse.encode import encode
from tests.sae.damage import MAKE, damage

pytestmark = pytest.mark.slow

N_DAMAGED = 40
"""Of each format; `python -m bench.fuzz` damages 50,000 in all."""


@pytest.mark.parametrize("name", MAKE)
def test_it_is_read_or_refused_in_one_line(tmp_path: Path, name: str) -> None:
    MAKE[name](tmp_path / "whole")
    (whole,) = (tmp_path / "whole").iterdir()
    generator, refused = random.Random(name), []
    for _ in range(N_DAMAGED):
        folder = shutil.copytree(whole, tmp_path / "damaged" / whole.name)
        damage(generator.choice([path for path in folder.rglob("*") if path.is_file()]), generator)
        try:
            loaded = load_sae(str(folder))
            encode(loaded, torch.zeros(2, loaded.record.d_in))
        except HedgescopeError as error:
            refused.append(str(error))
        shutil.rmtree(tmp_path / "damaged")
    assert len(refused) > N_DAMAGED / 4
    assert [message for message in refused if "\n" in message or len(message) > 1000] == []
