"""What the settings say reaches the work of jobs, also in the process that `serve` starts for it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from app.activations.language_model import ModelShelf
from app.cli.jobs import job_runner
from app.errors import SettingsError
from app.jobs.queue import submit
from app.pipeline.job_steps import TorchJobSteps, run_jobs
from app.pipeline.open import shelf_of
from app.records import ComparisonRequest
from app.settings import Settings
from app.store.session import make_engine, upgrade
from app.store.write import register_sae
from tests.builders import make_sae_record
from tests.waiting import wait_until

NO_SUCH_GPU = "cuda:99"
DEADLINE_S = 180


def settings_with_a_job(folder: Path, **more: object) -> Settings:
    """A database in which a job waits."""
    settings = Settings(data_dir=folder, device=NO_SUCH_GPU, **more)  # type: ignore[arg-type]
    upgrade(settings.resolved_database_url)
    engine = make_engine(settings.resolved_database_url)
    for name in ("one", "two"):
        register_sae(engine, make_sae_record(name))
    submit(engine, ComparisonRequest("one", "two"))
    engine.dispose()
    return settings


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_models_are_loaded_as_the_settings_say(tmp_path: Path, engine: str) -> None:
    """Workers share a job's shards by themselves: what engine `compare` uses is nothing to them."""
    settings = Settings(data_dir=tmp_path, device="cpu", rows_per_forward=3, engine=engine)
    database = make_engine(settings.resolved_database_url)
    models = TorchJobSteps(database, settings).models
    assert (models.device, models.rows_per_forward) == (torch.device("cpu"), 3)
    assert models.cache_dir == tmp_path / "models"
    given = ModelShelf(tmp_path)
    assert TorchJobSteps(database, settings, given).models is given
    database.dispose()


def test_the_device_of_a_job_is_that_of_a_command(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    database = make_engine(settings.resolved_database_url)
    found = TorchJobSteps(database, settings).models.device
    assert found == shelf_of(settings).device
    assert found.type == ("cuda" if torch.cuda.is_available() else "cpu")
    database.dispose()


def test_a_device_that_is_not_there_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="device 'cuda:99': PyTorch sees"):
        run_jobs(settings_with_a_job(tmp_path), threading.Event())


def test_the_dtype_of_a_job_is_that_of_the_command(tmp_path: Path) -> None:
    request = ComparisonRequest("one", "two", dtype="bfloat16")
    assert request.dtype == "bfloat16"
    assert request.command[-2:] == ["--dtype", "bfloat16"]


@pytest.mark.slow
def test_what_the_work_reads_is_handed_on_to_the_child(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The child process says what device it was told: none that there is."""
    with job_runner(settings_with_a_job(tmp_path / "here", rows_per_forward=2)):
        said: list[str] = []

        def is_said() -> bool:
            said.append(capfd.readouterr().err)
            return f"device '{NO_SUCH_GPU}'" in "".join(said)

        wait_until(is_said, timeout_s=DEADLINE_S, every_s=0.1)
