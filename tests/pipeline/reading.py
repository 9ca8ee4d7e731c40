"""A tiny model and text, and SAEs of it that differ in what their files say of where and how they read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.pipeline.run import run
from app.progress import silent
from app.records import ComparisonRequest, ComparisonSummary
from tests.activations.tiny_model import D_MODEL, save_tiny_model
from tests.pipeline.workplace import Workplace
from tests.pipeline.world import make_tokenizer
from tests.saved_saes import edit_config, save_matryoshka, save_sae

HOOK = "model.layers.0"
START = "<s>"


@dataclass(frozen=True)
class Reading:
    """A folder with a model, a text, and SAEs that are made when they are named."""

    folder: Path

    @property
    def model(self) -> str:
        return str(self.folder / "model")

    @property
    def text(self) -> str:
        return str(self.folder / "text.jsonl")

    def narrow(self, name: str = "narrow", *, model: str | None = "", hook: str | None = HOOK, **metadata: Any) -> str:
        """A narrow SAE of the model, with more `metadata` in its configuration."""
        folder = self.folder / name
        model_name = self.model if model == "" else model
        save_sae(folder, "jumprelu", d_in=D_MODEL, d_sae=6, seed=1, model_name=model_name, hook_name=hook)
        return self._with(folder, metadata)

    def reference(
        self, name: str = "reference", *, model: str | None = "", hook: str | None = HOOK, **metadata: Any
    ) -> str:
        """A Matryoshka SAE of the model."""
        folder = self.folder / name
        save_matryoshka(folder, d_in=D_MODEL, seed=2, model_name=self.model if model == "" else model, hook_name=hook)
        return self._with(folder, metadata)

    def _with(self, folder: Path, metadata: dict[str, Any]) -> str:
        known = json.loads((folder / "cfg.json").read_text())["metadata"]
        edit_config(folder, metadata={**known, **metadata})
        return str(folder)

    def compare(self, place: Workplace, narrow: str, reference: str, **more: Any) -> ComparisonSummary:
        """Score two SAEs on the text."""
        given = {"text": self.text, "name": "c", **more}
        return run(place.engine, place.data_dir, ComparisonRequest(narrow, reference, **given), silent)


def make_reading(folder: Path) -> Reading:
    """The model and the text; about 4,000 tokens."""
    save_tiny_model(folder / "model", make_tokenizer(bos_token=START))
    rng = np.random.default_rng(0)
    documents = [rng.integers(0, 30, rng.integers(5, 300)).tolist() for _ in range(30)]
    lines = [json.dumps({"text": " ".join(f"w{token}" for token in document)}) for document in documents]
    (folder / "text.jsonl").write_text("\n".join(lines))
    return Reading(folder)
