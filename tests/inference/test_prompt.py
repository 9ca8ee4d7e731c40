"""A live prompt says what the stored pass says, alone or among others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from starlette.testclient import TestClient

from app.inference.wire import PromptAnswer
from app.records import Side
from app.store.read import get_detail
from tests.inference.place import AUTHORIZED, Place, firings_of, read, refs

pytestmark = pytest.mark.slow

SIDES: tuple[Side, Side] = ("narrow", "reference")


def ask(worker: TestClient, place: Place, text: str, **more: object) -> PromptAnswer:
    response = worker.post("/prompt", json=place.ask(text, **more))
    assert response.status_code == 200, response.text
    return read(response.content)


@pytest.mark.parametrize("side", SIDES)
def test_activations_equal_the_stored_ones(worker: TestClient, place: Place, side: Side) -> None:
    """On every stored context of every latent: the same tokens fire, as strongly."""
    summary = place.summary.narrow if side == "narrow" else place.summary.reference
    n_checked = 0
    for latent in range(summary.sae.d_sae):
        for context in get_detail(place.engine, place.slug, side, latent).contexts[:3]:
            answer = ask(worker, place, place.documents[context.row], latents=refs(side, [latent]))
            live = firings_of(getattr(answer, side), latent)
            stretch = range(context.start, context.start + len(context.activations))
            assert [live.get(token, 0.0) for token in stretch] == pytest.approx(context.activations, rel=2e-3)
            assert live[context.position] == pytest.approx(context.activation, rel=1e-4)
            n_checked += len(context.activations)
    assert n_checked > 300


def test_the_tokens_read_as_the_text(worker: TestClient, place: Place) -> None:
    answer = ask(worker, place, "w1 w2  w3")
    assert "".join(answer.tokens[1:]).split() == ["w1", "w2", "w3"]
    assert answer.scored == (False, True, True, True)
    for side in (answer.narrow, answer.reference):
        assert side.n_active[0] == side.n_strongest[0] == 0
    assert (answer.device, answer.dtype) == ("cpu", "float32")


def test_a_special_token_spelled_out_is_text(worker: TestClient, place: Place) -> None:
    answer = ask(worker, place, "w1 <s> w2")
    assert answer.scored[0] is False
    assert all(answer.scored[1:]) or "<s>" not in answer.tokens[1:]


def test_the_strongest_of_each_token(worker: TestClient, place: Place) -> None:
    """Against all firings, which come with the latents that are asked for."""
    text = place.documents[0]
    everything = ask(worker, place, text, top=20, latents=refs("reference", range(16)))
    some = ask(worker, place, text, top=3)
    all_of = {latent: firings_of(everything.reference, latent) for latent in everything.reference.latents}
    starts = np.concatenate([[0], np.cumsum(some.reference.n_strongest)])
    for token in range(len(some.tokens)):
        active = sorted(((fired[token], -latent) for latent, fired in all_of.items() if token in fired), reverse=True)
        own = slice(starts[token], starts[token + 1])
        assert some.reference.n_active[token] >= len(active)
        found = list(zip(some.reference.strongest_activation[own], some.reference.strongest_index[own], strict=True))
        assert found == [(value, -latent) for value, latent in active[:3]]


def test_a_latent_that_never_fires_is_answered(worker: TestClient, place: Place) -> None:
    answer = ask(worker, place, "w1", latents=refs("narrow", range(6)))
    assert set(range(6)) <= set(answer.narrow.latents)


def test_batched_answers_are_the_unbatched_ones(place: Place) -> None:
    """24 prompts of 2 to 120 words at once, in passes by length, against the same one by one."""
    rng = np.random.default_rng(5)
    texts = [" ".join(f"w{word}" for word in rng.integers(0, 30, length)) for length in rng.integers(2, 120, 24)]
    asked = {"top": 20, "latents": refs("narrow", range(6))}
    with TestClient(place.app(batch_prompts=1), headers=AUTHORIZED) as alone:
        expected = [ask(alone, place, text, **asked) for text in texts]
    with (
        TestClient(place.app(batch_wait_ms=300, batch_prompts=24), headers=AUTHORIZED) as together,
        ThreadPoolExecutor(24) as pool,
    ):
        ask(together, place, "w1")
        batches = together.app.state.service.batcher.n_batches  # type: ignore[attr-defined]
        found = list(pool.map(lambda text: ask(together, place, text, **asked), texts))
        n_batches = together.app.state.service.batcher.n_batches - batches  # type: ignore[attr-defined]
    assert n_batches <= 3
    for one, other in zip(expected, found, strict=True):
        assert one.tokens == other.tokens
        for side in SIDES:
            a, b = getattr(one, side), getattr(other, side)
            assert a.n_active == b.n_active
            assert a.latents == b.latents
            assert a.firing_token == b.firing_token
            assert a.firing_activation == pytest.approx(b.firing_activation, rel=1e-4)


def test_a_prefix_answers_with_its_own_latents(tmp_path_factory: pytest.TempPathFactory, place: Place) -> None:
    """`name@width` shares the whole SAE's weights and shows the first latents only."""
    from app.pipeline.register import add_sae
    from app.pipeline.run import run
    from app.progress import silent
    from app.records import ComparisonRequest, SaeRequest

    class NoModels:
        def get(self, name: str) -> object:
            raise AssertionError(name)

    add_sae(place.engine, SaeRequest(str(place.reference), name="whole"), models=NoModels(), sample=False)  # type: ignore[arg-type]
    request = ComparisonRequest("whole@4", "whole", text=str(place.data_dir / "text.jsonl"), name="prefix")
    summary = run(place.engine, place.data_dir, request, silent)
    with TestClient(place.app(), headers=AUTHORIZED) as worker:
        body = {"slug": summary.slug, "text": place.documents[0], "top": 20}
        answer = read(worker.post("/prompt", json=body).content)
        held = worker.get("/capabilities").json()["held"]
    assert [one["kind"] for one in held] == ["model", "sae"]
    assert set(answer.narrow.latents) == {latent for latent in answer.reference.latents if latent < 4}
    for latent in answer.narrow.latents:
        assert firings_of(answer.narrow, latent) == firings_of(answer.reference, latent)
