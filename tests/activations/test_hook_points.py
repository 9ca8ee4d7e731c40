"""Hook names on tiny models of many families, against forward hooks by hand and against TransformerLens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from app.activations.hook_names import spelling
from app.activations.hooks import activations_of, hook_width, point_of
from app.activations.language_model import LanguageModel
from app.activations.layers import layer_list
from app.errors import ModelError
from tests.activations.families import FAMILIES, N_LAYERS, VOCABULARY, WIDTH, language_model_of

pytestmark = pytest.mark.slow

IDS = torch.randint(3, VOCABULARY, (2, 9), generator=torch.Generator().manual_seed(1))
PARALLEL = {"gpt_neox", "phi"}
"""Families whose attention and MLP read the same residual stream: there is none between them."""

NO_LN2 = {"phi"}
NAMES = (
    "hook_resid_pre",
    "hook_resid_mid",
    "hook_resid_post",
    "hook_mlp_out",
    "hook_attn_out",
    "attn.hook_z",
    "ln1.hook_normalized",
    "ln2.hook_normalized",
    "mlp.hook_pre",
    "mlp.hook_post",
)


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def model(family: str) -> LanguageModel:
    return language_model_of(family)


def names_of(family: str) -> Iterator[str]:
    for name in NAMES:
        if (name == "hook_resid_mid" and family in PARALLEL) or (name == "ln2.hook_normalized" and family in NO_LN2):
            continue
        yield name


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


def layer_states(model: LanguageModel, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What goes into a layer and what comes out, by plain forward hooks."""
    module = model.model.get_submodule(f"{layer_list(model.model)[0]}.{layer}")
    caught: list[Any] = []

    def before(_module: Any, args: Any, kwargs: Any) -> None:
        caught.append(args[0] if args else kwargs["hidden_states"])

    def after(_module: Any, _args: Any, output: Any) -> None:
        caught.append(output[0] if isinstance(output, tuple) else output)

    handles = [module.register_forward_pre_hook(before, with_kwargs=True), module.register_forward_hook(after)]
    with torch.no_grad():
        model.model(input_ids=IDS)
    for handle in handles:
        handle.remove()
    return caught[0], caught[1]


@pytest.mark.parametrize("layer", range(N_LAYERS))
def test_the_residual_stream_is_what_goes_into_a_layer_and_comes_out(model: LanguageModel, layer: int) -> None:
    before, after = layer_states(model, layer)
    assert relative(activations_of(model, IDS, f"blocks.{layer}.hook_resid_pre"), before) < 1e-5
    assert relative(activations_of(model, IDS, f"blocks.{layer}.hook_resid_post"), after) < 1e-5


def test_attention_and_mlp_out_are_what_a_layer_adds(model: LanguageModel, family: str) -> None:
    before, after = layer_states(model, 1)
    attention, mlp = (activations_of(model, IDS, f"blocks.1.hook_{kind}_out") for kind in ("attn", "mlp"))
    assert relative(before + attention + mlp, after) < 1e-5
    if family not in PARALLEL:
        middle = activations_of(model, IDS, "blocks.1.hook_resid_mid")
        assert relative(middle - before, attention) < 1e-4
        assert relative(after - middle, mlp) < 1e-4


def test_the_input_of_a_module_has_a_name(model: LanguageModel) -> None:
    path, _ = layer_list(model.model)
    before, _ = layer_states(model, 1)
    assert relative(activations_of(model, IDS, f"{path}.1.input"), before) < 1e-5
    assert point_of(model, f"{path}.1.input").key == point_of(model, f"{path}.0.output").key == f"{path}.0"


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_transformer_lens_reads_the_same(model: LanguageModel, family: str, tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    words = Tokenizer(WordLevel({f"w{i}": i for i in range(VOCABULARY)}, unk_token="w0"))
    tokens = {"bos_token": "w1", "eos_token": "w2", "pad_token": "w0"}
    PreTrainedTokenizerFast(tokenizer_object=words, **tokens).save_pretrained(tmp_path)
    model.model.save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    bridge = TransformerBridge.boot_transformers(str(tmp_path), tokenizer=tokenizer, device="cpu")
    with torch.no_grad():
        _, cache = bridge.run_with_cache(IDS)
    for name in names_of(family):
        ours = activations_of(model, IDS, f"blocks.1.{name}")
        assert relative(ours, cache[f"blocks.1.{name}"].reshape(ours.shape)) < 1e-4, name


def test_one_head_is_its_part_of_z(model: LanguageModel) -> None:
    whole = activations_of(model, IDS, "blocks.1.attn.hook_z")
    heads = [activations_of(model, IDS, f"blocks.1.attn.hook_z, head {head}") for head in (0, 1)]
    assert torch.equal(torch.cat(heads, dim=-1), whole)
    with pytest.raises(ModelError, match="head 2 was chosen; this model has heads 0 to 1"):
        hook_width(model, "blocks.1.attn.hook_z, head 2")
    with pytest.raises(ModelError, match="has no heads to choose from"):
        hook_width(model, "blocks.1.hook_resid_post, head 0")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_centred_writing_weights_are_transformer_lens_own() -> None:
    """GPT-2 as `HookedTransformer` loads it with `center_writing_weights`, from the same weights."""
    from transformer_lens import HookedTransformer, HookedTransformerConfig
    from transformer_lens.pretrained.weight_conversions import gpt2

    ours = language_model_of("gpt2")
    config = HookedTransformerConfig(
        n_layers=N_LAYERS,
        d_model=WIDTH,
        n_ctx=64,
        d_head=WIDTH // 2,
        n_heads=2,
        d_mlp=4 * WIDTH,
        d_vocab=VOCABULARY,
        act_fn="gelu_new",
        normalization_type="LN",
        original_architecture="GPT2LMHeadModel",
        init_weights=False,
        device="cpu",
    )
    theirs = HookedTransformer(config)
    weights = gpt2.convert_gpt2_weights(ours.model, config)
    theirs.load_and_process_state_dict(weights, fold_ln=False, center_writing_weights=True, fold_value_biases=False)
    with torch.no_grad():
        _, cache = theirs.run_with_cache(IDS)
    for name in ("hook_resid_pre", "hook_resid_mid", "hook_resid_post", "hook_mlp_out", "hook_attn_out", "attn.hook_z"):
        found = activations_of(ours, IDS, f"blocks.1.{name}, centred")
        assert relative(found, cache[f"blocks.1.{name}"].reshape(found.shape)) < 1e-4, name
    assert relative(activations_of(ours, IDS, "blocks.1.hook_resid_post"), cache["blocks.1.hook_resid_post"]) > 1e-2


def test_a_model_with_rms_norm_is_not_centred_as_in_transformer_lens() -> None:
    llama = language_model_of("llama")
    plain, centred = (activations_of(llama, IDS, f"blocks.1.hook_resid_post{more}") for more in ("", ", centred"))
    assert torch.equal(plain, centred)
    assert point_of(llama, "model.layers.1, centred").key == "model.layers.1"


def test_a_wrong_name_lists_this_models_modules_and_the_nearest_name(model: LanguageModel) -> None:
    path, n_layers = layer_list(model.model)
    with pytest.raises(ModelError) as caught:
        hook_width(model, "blocks.1.hook_mlp_output")
    message = str(caught.value)
    assert f"it has {path}.0 to {path}.{n_layers - 1}" in message
    assert "the nearest name is blocks.1.hook_mlp_out" in message
    assert "\n" not in message
    assert "model.layers." not in message or path in message
    with pytest.raises(ModelError, match=f"no module {path}.7; it has {path}.0 to {path}.2"):
        hook_width(model, "blocks.7.hook_resid_post")


@pytest.mark.parametrize("family", sorted(PARALLEL))
def test_a_parallel_layer_has_nothing_between_attention_and_mlp(family: str) -> None:
    with pytest.raises(ModelError, match=r"no such place|do not add attention and MLP .* one after the other"):
        hook_width(language_model_of(family), "blocks.1.hook_resid_mid")


@pytest.mark.parametrize(
    "names",
    [
        (
            "blocks.3.hook_resid_post",
            "model.layers.3",
            "transformer.h.3",
            "blocks.4.hook_resid_pre",
            "gpt_neox.layers.3",
        ),
        ("blocks.0.hook_resid_pre", "model.layers.0.input"),
        ("blocks.3.hook_resid_post, centred", "model.layers.3, centred"),
        ("model.layers.3.mlp", "model.layers.3.mlp.output"),
    ],
)
def test_spellings_of_one_place(names: tuple[str, ...]) -> None:
    assert len({spelling(name) for name in names}) == 1


def test_other_places_are_other_spellings() -> None:
    names = [
        "model.layers.3",
        "model.layers.4",
        "model.layers.3.mlp",
        "blocks.3.hook_mlp_out",
        "blocks.0.hook_resid_pre",
    ]
    names += ["blocks.3.hook_resid_post, centred", "blocks.3.attn.hook_z, head 1", "blocks.3.attn.hook_z, head 2"]
    assert len({spelling(name) for name in names}) == len(names)
