from __future__ import annotations

import numpy as np
import pytest

from app.activations.language_model import LanguageModel
from app.activations.logits import logit_lens, logit_weights
from app.activations.show_tokens import TokenShower


@pytest.fixture(scope="module")
def shower(language_model: LanguageModel) -> TokenShower:
    return TokenShower(language_model.tokenizer)


def test_the_ends_of_the_vocabulary_are_those_of_the_dense_product(
    language_model: LanguageModel, shower: TokenShower
) -> None:
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((66, language_model.d_in)).astype(np.float32)
    lens = logit_lens(language_model, language_model.d_in, shower)
    assert lens is not None
    found = logit_weights(lens, directions)
    model = language_model.model
    gain = model.model.norm.weight.double().numpy()
    unembedding = model.lm_head.weight.double().numpy()
    whole = np.array([shower.whole(token) is not None for token in range(len(unembedding))])
    for latent in (0, 65):
        logits = unembedding @ (gain * directions[latent])
        order = [token for token in np.argsort(logits) if whole[token]]
        top, bottom = found[latent].top, found[latent].bottom
        assert [entry.token for entry in top] == [shower.whole(token) for token in order[:-11:-1]]
        assert [entry.token for entry in bottom] == [shower.whole(token) for token in order[:10]]
        np.testing.assert_allclose([entry.weight for entry in top], logits[order[:-11:-1]], rtol=1e-4)
        np.testing.assert_allclose([entry.weight for entry in bottom], logits[order[:10]], rtol=1e-4)


def test_directions_of_another_width_have_no_logits(language_model: LanguageModel, shower: TokenShower) -> None:
    assert logit_lens(language_model, 8, shower) is None
