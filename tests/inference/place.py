"""A comparison scored through a tiny language model, and a worker over it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI
from sqlalchemy import Engine

from app.inference.server.run import make_app
from app.inference.wire import PromptAnswer, SideAnswer
from app.pipeline.run import run
from app.progress import silent
from app.records import ComparisonRequest, ComparisonSummary
from app.settings import Settings
from app.store.session import make_engine, upgrade
from tests.activations.tiny_model import D_MODEL
from tests.pipeline.test_with_model import HOOK, START, save_model
from tests.pipeline.world import N_WORDS, make_tokenizer
from tests.saved_saes import save_matryoshka, save_sae

SECRET = "a secret for tests"
AUTHORIZED = {"Authorization": f"Bearer {SECRET}"}
WORDS_IN_ROW = 126
"""With the start token before and after it, a document of so many words is one row."""


@dataclass(frozen=True)
class Place:
    """A stored comparison and what it was made from.

    Attributes:
        documents: the text: document `k` is row `k`.
    """

    engine: Engine
    data_dir: Path
    summary: ComparisonSummary
    model: Path
    narrow: Path
    reference: Path
    documents: tuple[str, ...]

    @property
    def slug(self) -> str:
        return self.summary.slug

    def settings(self, **changes: Any) -> Settings:
        return Settings(data_dir=self.data_dir, **changes)

    def app(self, **changes: Any) -> FastAPI:
        """A worker's application over it; it loads nothing before it is asked to."""
        return make_app(self.settings(**{"worker_warm_up": False, **changes}), self.engine, SECRET)

    def ask(self, text: str, **more: Any) -> dict[str, Any]:
        """The JSON of a prompt."""
        return {"slug": self.slug, "text": text, **more}


def make_place(folder: Path, *, n_documents: int = 40, seed: int = 0, narrow_width: str = "") -> Place:
    """Score it; `narrow_width` `@4` takes a prefix of the reference as the narrow SAE."""
    model = save_model(folder / "model", make_tokenizer(bos_token=START))
    rng = np.random.default_rng(seed)
    documents = tuple(
        " ".join(f"w{word}" for word in rng.integers(0, N_WORDS, WORDS_IN_ROW)) for _ in range(n_documents)
    )
    (folder / "text.jsonl").write_text("\n".join(json.dumps({"text": document}) for document in documents))
    named: dict[str, Any] = {"d_in": D_MODEL, "model_name": str(model), "hook_name": HOOK}
    narrow = save_sae(folder / "narrow", "jumprelu", d_sae=6, seed=1, **named)
    reference = save_matryoshka(folder / "reference", seed=2, **named)
    upgrade(f"sqlite:///{folder / 'hedgescope.db'}")
    engine = make_engine(f"sqlite:///{folder / 'hedgescope.db'}")
    request = ComparisonRequest(str(narrow), str(reference), text=str(folder / "text.jsonl"), name="live")
    summary = run(engine, folder, request, silent)
    return Place(engine, folder, summary, model, narrow, reference, documents)


def firings_of(side: SideAnswer, latent: int) -> dict[int, float]:
    """Token -> activation of one of the answer's latents."""
    ends = np.cumsum(side.n_firings)
    place = side.latents.index(latent)
    part = slice(ends[place] - side.n_firings[place], ends[place])
    return dict(zip(side.firing_token[part], side.firing_activation[part], strict=True))


def refs(sae: str, latents: Sequence[int]) -> list[dict[str, Any]]:
    return [{"sae": sae, "index": index} for index in latents]


def read(body: bytes) -> PromptAnswer:
    return PromptAnswer.model_validate_json(body)
