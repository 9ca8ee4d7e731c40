"""Runs of the same comparison: split, repeated, resumed, limited; what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from app.errors import ActivationsError, HedgescopeError, PreflightError, SaeError, ScoringError
from app.pipeline import inputs
from app.pipeline.run import run
from app.progress import Advance, silent
from app.records import ComparisonRequest, ComparisonSummary
from app.sparse.shards import TOKEN_FOLDER, plan_shards
from app.store.read import get_detail, get_latent, list_comparisons, text_rows
from tests.pipeline.dense_comparison import compare
from tests.pipeline.dump import assert_close, dump
from tests.pipeline.workplace import Workplace, open_workplace
from tests.pipeline.world import N_ROWS, N_TOKENS, ROW_LENGTH, World, make_activations, save_activations
from tests.saved_saes import edit_weights, save_sae

pytestmark = pytest.mark.slow

Scored = tuple[Workplace, ComparisonSummary]


class Watched:
    """Progress that remembers each stage's total and how far it came."""

    def __init__(self) -> None:
        self.stages: dict[str, list[int]] = {}

    def __call__(self, stage: str, total: int, unit: str) -> Advance:
        counts = self.stages[stage] = [0, total]

        def advance(n: int) -> None:
            counts[0] += n

        return advance


def shard_files(data_dir: Path) -> dict[Path, int]:
    """Every file below the shards' folder and when it was written."""
    return {path: path.stat().st_mtime_ns for path in (data_dir / "shards").rglob("*") if path.is_file()}


@pytest.fixture
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    place = open_workplace(tmp_path_factory.mktemp("other"))
    yield place
    place.engine.dispose()


def in_shards_of(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "plan_shards", partial(plan_shards, rows_per_shard=rows))


@pytest.mark.slow
@pytest.mark.parametrize("rows_per_shard", [3, 16])
def test_shards_of_any_size_give_the_same(
    rows_per_shard: int, world: World, scored: Scored, workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_shards_of(rows_per_shard, monkeypatch)
    summary = run(workplace.engine, workplace.data_dir, world.request(), silent)
    assert len(list(workplace.data_dir.glob(f"shards/*/{TOKEN_FOLDER}/*"))) == -(-N_ROWS // rows_per_shard)
    assert summary.slug == scored[1].slug
    assert_close(dump(workplace.engine, summary.slug), dump(scored[0].engine, summary.slug))


def test_a_second_run_returns_what_is_stored(world: World, scored: Scored) -> None:
    place, first = scored
    before, progress = shard_files(place.data_dir), Watched()
    assert run(place.engine, place.data_dir, world.request(), progress) == first
    assert progress.stages == {}
    assert shard_files(place.data_dir) == before
    assert list_comparisons(place.engine) == [first]


def test_progress_is_told_to_the_end(world: World, workplace: Workplace) -> None:
    progress = Watched()
    run(workplace.engine, workplace.data_dir, world.request(), progress)
    assert {stage for stage, (done, total) in progress.stages.items() if done != total} == set()
    assert progress.stages["model and SAEs"] == [N_TOKENS, N_TOKENS]
    assert len(progress.stages) >= 5


def test_another_comparison_reuses_the_shards(world: World, workplace: Workplace) -> None:
    run(workplace.engine, workplace.data_dir, world.request(), silent)
    acts = [path for path in shard_files(workplace.data_dir) if path.suffix == ".safetensors"]
    before = {path: path.stat().st_mtime_ns for path in acts}
    run(workplace.engine, workplace.data_dir, world.request(narrow=f"{world.reference}@12", name="prefix"), silent)
    now = {path: mtime for path, mtime in shard_files(workplace.data_dir).items() if path.suffix == ".safetensors"}
    assert now == before


def test_without_its_shards_it_is_computed_again_the_same(world: World, workplace: Workplace) -> None:
    first = run(workplace.engine, workplace.data_dir, world.request(), silent)
    shutil.rmtree(workplace.data_dir / "shards")
    second = run(workplace.engine, workplace.data_dir, world.request(name="again"), silent)
    assert second.slug != first.slug
    assert second.content_hash == first.content_hash
    assert dump(workplace.engine, second.slug) == dump(workplace.engine, first.slug)


def test_it_goes_on_from_the_last_whole_shard(
    world: World, workplace: Workplace, other: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some shards are there, some lack one SAE, one was being written when it stopped."""
    in_shards_of(5, monkeypatch)
    whole = run(other.engine, other.data_dir, world.request(), silent)
    shutil.copytree(other.data_dir / "shards", workplace.data_dir / "shards")
    tokens, narrow, reference = sorted(path for path in (workplace.data_dir / "shards").glob("*/*") if path.is_dir())
    (stream,) = {folder.parent for folder in (tokens, narrow, reference)}
    folders = {folder.name: sorted(folder.iterdir()) for folder in (tokens, narrow, reference)}
    for files in folders.values():
        for path in files[6:]:
            path.unlink()
    first_sae, second_sae = (name for name in folders if name != TOKEN_FOLDER)
    folders[TOKEN_FOLDER][5].unlink()
    folders[second_sae][4].unlink()
    folders[second_sae][5].unlink()
    (stream / second_sae / f"{folders[second_sae][5].name}.4711.partial").write_bytes(b"half a sh")
    kept = {path: mtime for path, mtime in shard_files(workplace.data_dir).items() if path.parent.name == first_sae}
    summary = run(workplace.engine, workplace.data_dir, world.request(), silent)
    assert dump(workplace.engine, summary.slug) == dump(other.engine, whole.slug)
    now = shard_files(workplace.data_dir)
    assert all(now[path] == mtime for path, mtime in kept.items() if path in folders[first_sae][:5])


def test_a_limit_scores_the_first_tokens(world: World, workplace: Workplace) -> None:
    n_tokens = 20 * ROW_LENGTH + 31
    summary = run(workplace.engine, workplace.data_dir, world.request(tokens=n_tokens), silent)
    dense = compare(world.narrow, world.reference, world.acts[:n_tokens])
    assert summary.n_tokens == n_tokens
    for side, expected in (("narrow", dense.narrow), ("reference", dense.reference)):
        found = [get_latent(workplace.engine, summary.slug, side, i).n_firings for i in range(len(expected.n))]  # type: ignore[arg-type]
        assert found == expected.n
    assert summary.narrow.explained_variance == pytest.approx(dense.narrow.explained[0], abs=1e-5)


def test_a_limit_beyond_the_end_is_no_other_comparison(world: World, scored: Scored) -> None:
    place, first = scored
    assert run(place.engine, place.data_dir, world.request(tokens=10 * N_TOKENS), silent) == first


def test_tokens_are_shown_and_change_no_number(world: World, scored: Scored, workplace: Workplace) -> None:
    request = world.request(activations=str(world.file_with_tokens))
    summary = run(workplace.engine, workplace.data_dir, request, silent)
    with_tokens, without = dump(workplace.engine, summary.slug), dump(scored[0].engine, scored[1].slug)
    assert with_tokens.details == without.details
    assert with_tokens.partners == without.partners
    assert without.latents[0].label == ""
    for row, text in with_tokens.text.items():
        words = [f"w{token}" for token in world.tokens[row * ROW_LENGTH : (row + 1) * ROW_LENGTH]]
        assert [token.strip() for token in text.tokens][: len(words)] == words
    for latent, detail in zip(with_tokens.latents, with_tokens.details, strict=True):
        check_label(latent.label, detail, world)


def check_label(label: str, detail: Any, world: World) -> None:
    """The four most frequent tokens at the strongest contexts; of equals the one at a stronger context."""
    words = [
        f"w{world.tokens[context.row * ROW_LENGTH + context.position]}"
        for context in detail.contexts
        if context.kind == "top"
    ]
    ranked = sorted(dict.fromkeys(words), key=lambda word: -words.count(word))
    assert label == " ".join(ranked[:4])


def test_every_shown_row_is_stored(scored: Scored) -> None:
    place, summary = scored
    shown = {context.row for i in range(8) for context in get_detail(place.engine, summary.slug, "narrow", i).contexts}
    assert shown <= set(text_rows(place.engine, summary.slug, range(100)))


def test_the_command_repeats_it(world: World, scored: Scored) -> None:
    summary = scored[1]
    assert summary.command == (
        f"hedgescope compare --narrow {world.narrow} --reference {world.reference} "
        f"--activations {world.file} --name tiny"
    )


def test_a_name_is_made_from_the_saes(world: World, workplace: Workplace, tmp_path: Path) -> None:
    """Also where a folder is called what no URL may be."""
    shutil.copytree(world.narrow, tmp_path / "_My SAE (2)")
    request = world.request(narrow=str(tmp_path / "_My SAE (2)"), reference=f"{world.reference}@12", name=None)
    summary = run(workplace.engine, workplace.data_dir, request, silent)
    assert summary.name == "my-sae-2-vs-reference-12"


def broken(folder: Path, name: str, value: float, *, all_of_it: bool = False) -> str:
    """A tiny SAE, one tensor of which has a bad value, in the first place or everywhere."""
    save_sae(folder, "jumprelu", d_sae=8, model_name=None, hook_name=None)

    def spoil(tensors: dict[str, torch.Tensor]) -> None:
        tensors[name].view(-1)[: None if all_of_it else 1] = value

    edit_weights(folder, spoil)
    return str(folder)


def refused(world: World, place: Workplace, error: type[HedgescopeError], match: str, **changes: Any) -> None:
    """The request fails with that error, and nothing is stored."""
    with pytest.raises(error, match=match):
        run(place.engine, place.data_dir, world.request(**changes), silent)
    assert list_comparisons(place.engine) == []


def test_bad_saes_are_refused(world: World, workplace: Workplace, tmp_path: Path) -> None:
    refused(world, workplace, SaeError, "neither a registered SAE nor a folder", narrow="nobody")
    refused(
        world,
        workplace,
        PreflightError,
        "W_dec has 1 values that are NaN",
        narrow=broken(tmp_path / "a", "W_dec", np.nan),
    )
    refused(world, workplace, SaeError, "no such prefix; widths are 4, 12, 24", narrow=f"{world.reference}@7")
    refused(world, workplace, SaeError, "a number after the @", narrow=f"{world.reference}@")
    refused(world, workplace, SaeError, "a number after the @", narrow=f"{world.reference}@²")
    wide = str(save_sae(tmp_path / "wide", "jumprelu", d_in=20, model_name=None, hook_name=None))
    refused(world, workplace, SaeError, "width 20, but these have width 16", narrow=wide)
    refused(world, workplace, SaeError, "width 20, but these have width 16", reference=wide)
    refused(world, workplace, SaeError, "expected lower-case letters", name="Nope!")


def test_bad_activations_are_refused(world: World, workplace: Workplace, tmp_path: Path) -> None:
    acts = world.acts.copy()
    acts[-1, 3] = np.nan
    bad = str(save_activations(tmp_path / "nan.safetensors", acts))
    refused(world, workplace, ActivationsError, "NaN or infinite activations in rows", activations=bad)
    refused(world, workplace, ActivationsError, "no such file", activations=str(tmp_path / "missing"))


def test_a_reference_that_never_fires_is_refused(world: World, workplace: Workplace, tmp_path: Path) -> None:
    silent_sae = broken(tmp_path / "silent", "b_enc", -1000, all_of_it=True)
    refused(world, workplace, ScoringError, "silent: no latent fires on the", reference=silent_sae)
    own = f"{world.reference}@24"
    refused(world, workplace, ScoringError, "no latent beyond the narrow SAE fires", narrow=own)


def test_a_narrow_sae_that_never_fires_is_scored_as_dead(world: World, workplace: Workplace, tmp_path: Path) -> None:
    never = broken(tmp_path / "silent", "b_enc", -1000, all_of_it=True)
    summary = run(workplace.engine, workplace.data_dir, world.request(narrow=never), silent)
    assert (summary.n_scored, summary.n_hedged, summary.narrow.n_dead) == (0, 0, 8)
    assert summary.score_quantiles == {}
    latent = get_latent(workplace.engine, summary.slug, "reference", 0)
    assert latent.max_decoder_cosine is None
    assert latent.max_jaccard == 0


def test_a_latent_without_a_direction_counts_as_dead(world: World, workplace: Workplace, tmp_path: Path) -> None:
    zero = save_sae(tmp_path / "zero", "jumprelu", d_sae=8, model_name=None, hook_name=None)
    all_but_the_first = (torch.arange(8) > 0)[:, None]
    edit_weights(zero, lambda tensors: tensors.update(W_dec=tensors["W_dec"] * all_but_the_first))
    summary = run(workplace.engine, workplace.data_dir, world.request(narrow=str(zero)), silent)
    latent = get_latent(workplace.engine, summary.slug, "narrow", 0)
    assert (latent.n_firings, latent.diagnosis, latent.main_partner) == (0, "dead", None)
    assert "explains 1 %" in latent.reasons["decomposition_residual"]
    assert summary.narrow.n_dead == 1


def test_very_few_tokens(world: World, workplace: Workplace, tmp_path: Path) -> None:
    """One row, hence no jackknife: all is stored, undefined numbers with their reasons."""
    acts, _ = make_activations(100, seed=9)
    path = save_activations(tmp_path / "few.safetensors", acts)
    summary = run(workplace.engine, workplace.data_dir, world.request(activations=str(path)), silent)
    latents = [get_latent(workplace.engine, summary.slug, "narrow", i) for i in range(8)]
    assert all(latent.hedging_score_low is None for latent in latents)
    for latent in latents:
        assert set(latent.reasons) == {name for name, value in vars(latent).items() if value is None}


def test_one_token(world: World, workplace: Workplace, tmp_path: Path) -> None:
    path = save_activations(tmp_path / "one.safetensors", np.full((1, 16), 3, dtype=np.float32))
    summary = run(workplace.engine, workplace.data_dir, world.request(activations=str(path)), silent)
    assert summary.n_tokens == 1
    assert summary.reference.explained_variance is None


def test_request_is_what_the_command_line_says() -> None:
    request = ComparisonRequest("a", "b@4", "model", "text.txt", 100, None, "name")
    assert request.command == [
        "hedgescope", "compare", "--narrow", "a", "--reference", "b@4", "--model", "model", "--text", "text.txt",
        "--tokens", "100", "--name", "name",
    ]  # fmt: skip
