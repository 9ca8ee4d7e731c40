"""What another process needs to do the same work, and what the settings say about resources."""

from __future__ import annotations

import importlib.util
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from app.activations.language_model import ModelShelf
from app.errors import ExecutorError, SettingsError
from app.executor.local import LocalExecutor
from app.pipeline.open import OpenFiles, files_of, remote_opener, resources_of, shelf_of
from app.settings import Settings
from tests.pipeline.workplace import Workplace
from tests.pipeline.world import World
from tests.saved_saes import edit_weights, save_sae


def test_another_process_opens_the_same(
    world: World, workplace: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world.file.parent)
    shelf = ModelShelf(tmp_path / "models")
    opened = OpenFiles(workplace.engine, shelf)
    request = world.request(narrow=f"{world.reference}@4", activations=world.file.name)
    saes = [opened.sae(request.narrow), opened.sae(str(world.narrow))]
    source = opened.source(request, saes[0].record)
    assert opened.source(replace(request, name="other"), saes[0].record) is source
    sent = pickle.dumps(remote_opener(request, saes[0].record, saes, shelf, "cpu"))
    assert len(sent) < 10_000
    monkeypatch.chdir(tmp_path)
    stream, found = pickle.loads(sent)()
    assert stream.key == source.stream.key
    assert [sae.shard_key for sae in found] == [sae.shard_key for sae in saes]
    assert found[0].d_sae == saes[0].whole_levels[-1], "a prefix comes as the SAE it is of"


def test_another_sae_under_the_same_path_is_refused(world: World, workplace: Workplace, tmp_path: Path) -> None:
    folder = save_sae(tmp_path / "sae", "jumprelu", d_sae=8)
    files = files_of(OpenFiles(workplace.engine, ModelShelf(tmp_path)).sae(str(folder)))
    edit_weights(folder, lambda tensors: tensors.update(b_enc=tensors["b_enc"] + 1))
    with pytest.raises(ExecutorError, match="holds another SAE here than on the machine that started the run"):
        files.load()


def test_resources_of_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, device="cpu", shards="s3://bucket/x", rows_per_forward=3)
    resources = resources_of(settings)
    assert isinstance(resources.executor, LocalExecutor)
    assert resources.shards == "s3://bucket/x"
    assert shelf_of(settings).rows_per_forward == 3
    with pytest.raises(SettingsError, match="device 'tpu'"):
        resources_of(Settings(data_dir=tmp_path, device="tpu"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="engine is ray, but Ray is not installed; run `pip install"):
        resources_of(Settings(data_dir=tmp_path, engine="ray"))
