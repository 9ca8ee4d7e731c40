"""Activations at a hook: the right ones, no more work than needed, nothing left behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

from app.activations.batch import TokenRows
from app.activations.hooks import activations_of, hook_width, model_batches
from app.activations.language_model import (
    LanguageModel,
    load_language_model,
)
from app.errors import ModelError
from tests.activations.tiny_model import save_tiny_model

LAYER = 8


@pytest.fixture(scope="module")
def ids(language_model: LanguageModel) -> torch.Tensor:
    """`[6, 16]`, each row with the beginning of sequence."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(20, 40_000, (6, 16), generator=generator)
    ids[:, 0] = language_model.tokenizer.bos_token_id
    return ids


@pytest.fixture(scope="module")
def states(language_model: LanguageModel, ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """transformers' own hidden states of a whole forward pass; `states[n]` is the input of layer n."""
    with torch.inference_mode():
        output = language_model.model(input_ids=ids[:3], output_hidden_states=True, use_cache=False)
    return tuple(output.hidden_states)


def all_hooks(model: torch.nn.Module) -> list[Any]:
    return [
        hook
        for module in model.modules()
        for hook in (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
    ]


@contextmanager
def counted_calls(modules: list[torch.nn.Module]) -> Iterator[list[torch.nn.Module]]:
    """The modules whose forward pass begins, in order."""
    called: list[torch.nn.Module] = []

    def count(module: torch.nn.Module, _args: Any) -> None:
        called.append(module)

    handles = [module.register_forward_pre_hook(count) for module in modules]
    try:
        yield called
    finally:
        for handle in handles:
            handle.remove()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, tokenizer: Any) -> LanguageModel:
    folder = tmp_path_factory.mktemp("models")
    return load_language_model(str(save_tiny_model(folder / "tiny", tokenizer)), cache_dir=folder)


@pytest.mark.parametrize("hook_name", ["model.layers.8", "blocks.8.hook_resid_post"])
def test_a_layers_output_is_the_hidden_state_after_it(
    language_model: LanguageModel, ids: torch.Tensor, states: tuple[torch.Tensor, ...], hook_name: str
) -> None:
    assert torch.equal(activations_of(language_model, ids[:3], hook_name), states[LAYER + 1])


@pytest.mark.parametrize("layer", [0, LAYER])
def test_resid_pre_is_the_layer_befores_output(
    language_model: LanguageModel, ids: torch.Tensor, states: tuple[torch.Tensor, ...], layer: int
) -> None:
    assert torch.equal(activations_of(language_model, ids[:3], f"blocks.{layer}.hook_resid_pre"), states[layer])


def test_attention_and_mlp_make_up_the_layer(
    language_model: LanguageModel, ids: torch.Tensor, states: tuple[torch.Tensor, ...]
) -> None:
    attention = activations_of(language_model, ids[:3], f"blocks.{LAYER}.hook_attn_out")
    mlp = activations_of(language_model, ids[:3], f"blocks.{LAYER}.hook_mlp_out")
    layer = language_model.model.model.layers[LAYER]
    with torch.inference_mode():
        by_hand = layer.mlp(layer.post_attention_layernorm(states[LAYER] + attention))
    torch.testing.assert_close(mlp, by_hand)
    torch.testing.assert_close(states[LAYER] + attention + mlp, states[LAYER + 1])


def test_a_causal_models_activations_do_not_see_later_tokens(language_model: LanguageModel, ids: torch.Tensor) -> None:
    whole = activations_of(language_model, ids[:2], "model.layers.8")
    start = activations_of(language_model, ids[:2, :9], "model.layers.8")
    torch.testing.assert_close(whole[:, :9], start, rtol=1e-4, atol=1e-3)


def test_layers_after_the_hook_are_not_run(language_model: LanguageModel, ids: torch.Tensor) -> None:
    layers = list(language_model.model.model.layers)
    with counted_calls([*layers, language_model.model.lm_head]) as called:
        activations_of(language_model, ids[:1], "model.layers.8")
    assert called == layers[: LAYER + 1]
    with counted_calls([*layers, language_model.model.lm_head]) as called:
        activations_of(language_model, ids[:1], "blocks.8.hook_resid_pre")
    assert layers[LAYER + 1] not in called


@pytest.mark.parametrize("hook_name", ["model.layers.8", "blocks.8.hook_resid_pre", "model.layers"])
def test_no_hook_is_left_behind(language_model: LanguageModel, ids: torch.Tensor, hook_name: str) -> None:
    before = all_hooks(language_model.model)
    try:
        activations_of(language_model, ids[:1], hook_name)
    except ModelError:
        assert hook_name == "model.layers"
    assert all_hooks(language_model.model) == before


@pytest.mark.parametrize(
    ("hook_name", "message"),
    [
        ("model.layers.99", "no module model.layers.99; it has model.layers.0 to model.layers.29"),
        ("blocks.30.hook_resid_post", "no module model.layers.30; it has model.layers.0 to model.layers.29"),
        ("blocks.8.hook_z", "no module blocks.8.hook_z"),
        ("nonsense", "no module nonsense"),
        ("model.layers", "the forward pass never reached it"),
        ("model", "no activation for each token"),
        ("", "no activation for each token"),
    ],
)
def test_a_hook_that_is_not_there_is_explained(language_model: LanguageModel, hook_name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        hook_width(language_model, hook_name)
    assert f"hook {hook_name}:" in str(caught.value)


def test_width_is_the_hook_points_own(language_model: LanguageModel) -> None:
    assert hook_width(language_model, "model.layers.8") == language_model.d_in == 576
    assert hook_width(language_model, "model.layers.8.mlp.act_fn") == language_model.model.config.intermediate_size


@pytest.mark.parametrize("rows_per_forward", [1, 7, 16])
def test_batches_hold_the_scored_tokens_in_order(tiny: LanguageModel, rows_per_forward: int) -> None:
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 64, (18, 16), dtype=np.int32)
    keep = rng.random(ids.shape) < 0.7
    keep[2] = False
    whole = activations_of(tiny, torch.from_numpy(ids).long(), "model.layers.1")
    batches = list(
        model_batches(tiny, TokenRows(ids, keep), "model.layers.1", first_row=100, rows_per_forward=rows_per_forward)
    )
    assert [batch.first_row for batch in batches] == list(range(100, 118, rows_per_forward))
    assert [len(batch.rows) for batch in batches] == [min(rows_per_forward, 118 - b.first_row) for b in batches]
    row = np.concatenate([batch.row for batch in batches])
    position = np.concatenate([batch.position for batch in batches])
    np.testing.assert_array_equal(np.stack([row - 100, position], axis=1), np.argwhere(keep))
    acts = torch.cat([batch.acts for batch in batches])
    torch.testing.assert_close(acts, whole[torch.from_numpy(keep)])


def test_batch_size_changes_nothing(language_model: LanguageModel, ids: torch.Tensor) -> None:
    keep = np.ones(ids.shape, dtype=np.bool_)
    keep[:, 0] = False
    rows = TokenRows(ids.numpy().astype(np.int32), keep)
    one, sixteen = (
        torch.cat([batch.acts for batch in model_batches(language_model, rows, "model.layers.8", rows_per_forward=n)])
        for n in (1, 16)
    )
    assert one.dtype == torch.float32
    assert float((one - sixteen).norm() / one.norm()) < 1e-4
    assert float(((one - sixteen).norm(dim=1) / one.norm(dim=1)).max()) < 1e-4


@pytest.mark.filterwarnings("ignore:HookedTransformer is deprecated:DeprecationWarning")
def test_transformer_lens_agrees(language_model: LanguageModel, ids: torch.Tensor) -> None:
    """A second implementation of the model, from the same weights."""
    from transformer_lens import HookedTransformer, HookedTransformerConfig
    from transformer_lens.pretrained.weight_conversions import llama

    names = [f"blocks.{LAYER}.hook_{kind}" for kind in ("resid_pre", "attn_out", "mlp_out", "resid_post")]
    theirs = language_model.model.config
    d_head = theirs.hidden_size // theirs.num_attention_heads
    config = HookedTransformerConfig(
        n_layers=LAYER + 1,
        d_model=theirs.hidden_size,
        n_ctx=ids.shape[1],
        d_head=d_head,
        n_heads=theirs.num_attention_heads,
        n_key_value_heads=theirs.num_key_value_heads,
        d_mlp=theirs.intermediate_size,
        d_vocab=theirs.vocab_size,
        act_fn="silu",
        normalization_type="RMS",
        positional_embedding_type="rotary",
        rotary_adjacent_pairs=False,
        rotary_dim=d_head,
        rotary_base=int(theirs.rope_parameters["rope_theta"]),
        eps=theirs.rms_norm_eps,
        gated_mlp=True,
        final_rms=True,
        original_architecture="LlamaForCausalLM",
        init_weights=False,
        device="cpu",
    )
    model = HookedTransformer(config)
    model.load_state_dict(llama.convert_llama_weights(language_model.model, config), strict=False)
    _, cache = model.run_with_cache(ids[:1], return_type=None, names_filter=names)
    for name in names:
        ours = activations_of(language_model, ids[:1], name)
        assert float((cache[name] - ours).norm() / ours.norm()) < 1e-5
