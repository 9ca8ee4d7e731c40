"""A comparison through a tiny language model, against the model run by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from app.activations import logits
from app.activations.language_model import load_language_model
from app.activations.logits import logit_lens, logit_weights, logit_weights_of
from app.activations.show_tokens import TokenShower
from app.pipeline.run import run
from app.progress import silent
from app.records import ComparisonRequest, ComparisonSummary
from app.sae.load import load_sae
from app.store.read import get_detail, get_latent, text_rows
from tests.activations.tiny_model import D_MODEL, save_tiny_model
from tests.pipeline.dense_sae import ROW, encode
from tests.pipeline.workplace import Workplace, open_workplace
from tests.pipeline.world import make_tokenizer
from tests.saved_saes import save_matryoshka, save_sae

HOOK = "model.layers.0"
START = "<s>"


@dataclass(frozen=True)
class Scored:
    """A stored comparison, its files, and the text's rows as packed by hand."""

    place: Workplace
    summary: ComparisonSummary
    model: Path
    narrow: Path
    rows: NDArray[np.int64]
    keep: NDArray[np.bool_]


def pack(documents: list[list[int]], start: int) -> NDArray[np.int64]:
    """Rows of 128: a start token, then 127 of the documents' tokens with a start token after each document."""
    stream = [token for document in documents for token in [*document, start]]
    n_rows = len(stream) // (ROW - 1)
    body = np.array(stream[: n_rows * (ROW - 1)]).reshape(n_rows, ROW - 1)
    return np.concatenate([np.full((n_rows, 1), start), body], axis=1)


def save_model(folder: Path, tokenizer: Any) -> Path:
    """The tiny model with larger embeddings, so that the SAEs fire."""
    save_tiny_model(folder, tokenizer)
    weights = load_file(folder / "model.safetensors")
    weights["model.embed_tokens.weight"] = 60 * weights["model.embed_tokens.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Scored:
    folder = tmp_path_factory.mktemp("with-model")
    tokenizer = make_tokenizer(bos_token=START)
    model = save_model(folder / "model", tokenizer)
    rng = np.random.default_rng(0)
    documents = [rng.integers(0, 30, rng.integers(5, 300)).tolist() for _ in range(40)]
    lines = [json.dumps({"text": " ".join(f"w{token}" for token in document)}) for document in documents]
    (folder / "text.jsonl").write_text("\n".join(lines))
    named = {"d_in": D_MODEL, "model_name": str(model), "hook_name": HOOK}
    narrow = save_sae(folder / "narrow", "jumprelu", d_sae=6, seed=1, **named)  # type: ignore[arg-type]
    reference = save_matryoshka(folder / "reference", seed=2, **named)  # type: ignore[arg-type]
    place = open_workplace(folder)
    request = ComparisonRequest(str(narrow), str(reference), text=str(folder / "text.jsonl"), name="with-model")
    summary = run(place.engine, place.data_dir, request, silent)
    place.engine.dispose()
    start = tokenizer.convert_tokens_to_ids(START)
    rows = pack(documents, start)
    return Scored(place, summary, model, narrow, rows, rows != start)


@pytest.fixture(scope="module")
def acts(scored: Scored) -> NDArray[np.float32]:
    """Output of the first layer on the scored tokens, from the whole model."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(scored.model)
    with torch.no_grad():
        states = model(torch.from_numpy(scored.rows), output_hidden_states=True).hidden_states[1]
    found: NDArray[np.float32] = states.numpy()[scored.keep]
    return found


def test_what_was_scored(scored: Scored) -> None:
    assert scored.summary.n_tokens == scored.keep.sum()
    assert scored.summary.model_name == str(scored.model)
    assert scored.summary.hook_name == HOOK
    assert scored.summary.text_source.endswith("text.jsonl")


def test_latents_fire_as_on_the_whole_models_activations(scored: Scored, acts: NDArray[np.float32]) -> None:
    dense = encode(scored.narrow, acts)
    assert min(dense.n) > 50
    for i, n in enumerate(dense.n):
        latent = get_latent(scored.place.engine, scored.summary.slug, "narrow", i)
        assert abs(latent.n_firings - n) <= 1
        assert latent.max_activation == pytest.approx(dense.acts[:, i].max(), rel=1e-4)
        assert latent.mean_activation == pytest.approx(dense.acts[:, i].mean() * len(acts) / n, rel=1e-2)
    assert scored.summary.narrow.explained_variance == pytest.approx(dense.explained[0], abs=1e-3)


def test_contexts_show_the_text_and_end_where_the_document_does(scored: Scored) -> None:
    start = scored.rows[0, 0]
    for i in range(6):
        for context in get_detail(scored.place.engine, scored.summary.slug, "narrow", i).contexts:
            stretch = slice(context.start, context.start + len(context.activations))
            assert start not in scored.rows[context.row, stretch]
            assert context.activations[context.position - context.start] == pytest.approx(context.activation, rel=1e-3)
            before, after = context.position - context.start, stretch.stop - 1 - context.position
            assert before == 24 or scored.rows[context.row, context.start - 1] == start
            assert after == 10 or stretch.stop == ROW or scored.rows[context.row, stretch.stop] == start
    shown = text_rows(scored.place.engine, scored.summary.slug, range(1000))
    for row, text in shown.items():
        words = [START if token == start else f"w{token}" for token in scored.rows[row]]
        assert [token.strip() for token in text.tokens] == words


def test_logit_weights(scored: Scored) -> None:
    """Through the unembedding, the final norm's gain folded in."""
    weights = load_file(scored.model / "model.safetensors")
    unembedding = weights.get("lm_head.weight", weights["model.embed_tokens.weight"]) * weights["model.norm.weight"]
    decoder = load_file(scored.narrow / "sae_weights.safetensors")["W_dec"]
    for i in range(6):
        stored = get_detail(scored.place.engine, scored.summary.slug, "narrow", i).logit_weights
        assert stored is not None
        logits = (unembedding @ decoder[i] / decoder[i].norm())[:31]
        expected = logits.sort(descending=True)
        words = [token.token.strip() for token in stored.top if token.token.strip().startswith("w")]
        ranked = [f"w{index}" for index in expected.indices.tolist() if index < 30]
        assert words == ranked[: len(words)]
        assert len(words) >= 3


def test_logit_weights_in_blocks_are_those_of_all_latents(scored: Scored, monkeypatch: pytest.MonkeyPatch) -> None:
    model, sae = load_language_model(str(scored.model), cache_dir=scored.model), load_sae(str(scored.narrow))
    lens = logit_lens(model, D_MODEL, TokenShower(model.tokenizer))
    assert lens is not None
    whole = logit_weights(lens, sae.unit_decoder)
    for size in (1, 4):  # more blocks than are made ahead, and a last one that is shorter
        monkeypatch.setattr(logits, "DIRECTIONS_PER_BLOCK", size)
        found = list(logit_weights_of(lens, sae.unit_decoder))
        assert len(found) == len(whole) == 6
        for one, other in zip(found, whole, strict=True):
            assert one is not None
            for mine, theirs in zip(one.top + one.bottom, other.top + other.bottom, strict=True):
                assert mine.token == theirs.token
                assert mine.weight == pytest.approx(theirs.weight, rel=1e-5, abs=1e-6)
    assert list(logit_weights_of(None, sae.unit_decoder)) == [None] * 6
