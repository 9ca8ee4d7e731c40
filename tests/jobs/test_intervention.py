"""Interventions as jobs: progress, cancelling between trainings, resuming with what is finished."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.activations.language_model import ModelShelf
from app.jobs.queue import cancel, get_job, resume, submit
from app.jobs.records import Job
from app.lab.trained import save_perfect
from app.pipeline.intervention_files import ArmFiles, Finished
from app.pipeline.job_steps import run_jobs
from app.pipeline.run import run
from app.progress import silent
from app.records import ComparisonRequest, InterventionRequest
from app.settings import Settings
from app.store.interventions import get_intervention, interventions_of
from app.store.session import make_engine, upgrade
from tests.training.worlds import BATCH_SIZE, features_of, sample_world, save_narrow, write_acts
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

REQUEST = InterventionRequest(
    "tiny", runs=2, tokens=20 * BATCH_SIZE, batch_size=BATCH_SIZE, lr=3e-3, activations="acts.safetensors"
)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Settings, Engine, str]]:
    """Settings, engine, and the slug of a comparison of SAEs that can be intervened on."""
    settings = Settings(data_dir=tmp_path / "data", device="cpu")
    upgrade(settings.resolved_database_url)
    engine = make_engine(settings.resolved_database_url)
    acts = sample_world((0.4, 0.4, 0.06, 0.06), (0.0, 0.0, 0.06, 0.06), n_tokens=8192)
    file = write_acts(settings.resolved_input_dir / "acts.safetensors", acts)
    narrow = save_narrow(tmp_path / "narrow", (0.5, 0.5, 0.0, 0.0))
    save_perfect(features_of().numpy(), acts, tmp_path / "reference")
    request = ComparisonRequest(str(narrow), str(tmp_path / "reference"), activations=str(file), name="tiny")
    summary = run(engine, settings.data_dir, request, silent, models=ModelShelf(tmp_path / "models"))
    yield settings, engine, summary.slug
    engine.dispose()


def work(settings: Settings) -> None:
    """Run jobs until there is nothing to do."""
    run_jobs(settings, threading.Event(), is_over=lambda: True)


def arms(settings: Settings) -> set[str]:
    return {path.name for path in settings.data_dir.glob("interventions/*/*.safetensors")}


def test_a_job_stores_an_intervention(site: tuple[Settings, Engine, str]) -> None:
    settings, engine, slug = site
    job = submit(engine, REQUEST)
    work(settings)
    done = get_job(engine, job.id)
    assert (done.state, done.error, done.slug) == ("done", None, slug)
    assert done.intervention is not None
    assert get_intervention(engine, done.intervention).settings.n_runs == 2
    assert (done.unit, done.done, done.total) == ("tokens", 5 * REQUEST.tokens, 5 * REQUEST.tokens)
    again = submit(engine, REQUEST)
    work(settings)
    assert get_job(engine, again.id).intervention == done.intervention


def test_a_job_that_fails_keeps_its_progress(site: tuple[Settings, Engine, str]) -> None:
    settings, engine, _ = site
    job = submit(engine, replace(REQUEST, lr=1e30))
    work(settings)
    failed = get_job(engine, job.id)
    assert failed.error is not None
    assert "training diverged" in failed.error
    assert (failed.stage, failed.unit, failed.total) == ("5 trainings", "tokens", 5 * REQUEST.tokens)
    assert 0 < failed.done < REQUEST.tokens


def test_cancelled_and_resumed_it_trains_the_rest(
    site: tuple[Settings, Engine, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, engine, slug = site
    job = submit(engine, REQUEST)
    write, trained = ArmFiles.write, list[str]()

    def written(files: ArmFiles, name: str, finished: Finished) -> None:
        write(files, name, finished)
        trained.append(name)
        if len(trained) == 2:
            cancel(engine, job.id)
            wait_until(lambda: f"lease of job {job.id}" not in [thread.name for thread in threading.enumerate()])

    monkeypatch.setattr(ArmFiles, "write", written)
    work(settings)
    assert get_job(engine, job.id).state == "cancelled"
    assert interventions_of(engine, slug) == []
    assert trained == ["control-000", "run-000"]
    resume(engine, job.id)
    assert arms(settings) == {"control-000.safetensors", "run-000.safetensors"}
    work(settings)
    assert get_job(engine, job.id).state == "done"
    assert trained == ["control-000", "run-000", "run-001", "all-000", "other-budget"]
    assert len(interventions_of(engine, slug)) == 1
    assert arms(settings) == set()


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (replace(REQUEST, activations="nothing.safetensors"), "nothing.safetensors: no cached activations there"),
        (replace(REQUEST, activations=None), "was made from a file of activations, without a model"),
        (replace(REQUEST, add=40), "expected at least 80"),
    ],
)
def test_what_is_wrong_is_said_on_the_job(
    request_: InterventionRequest, error: str, site: tuple[Settings, Engine, str]
) -> None:
    settings, engine, slug = site
    job = submit(engine, request_)
    work(settings)
    failed: Job = get_job(engine, job.id)
    assert failed.state == "failed"
    assert failed.error is not None
    assert error in failed.error
    assert str(settings.data_dir) not in failed.error
    assert interventions_of(engine, slug) == []
