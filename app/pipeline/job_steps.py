"""The steps of jobs, with torch: planning, shards and scores of a comparison, or a registration."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine

from app.activations.batch import ActivationBatch
from app.activations.device import choose_device
from app.activations.language_model import ModelShelf
from app.activations.stream import ActivationStream
from app.errors import ShardError
from app.executor.device import Device
from app.jobs.lease_keeper import LeaseKeeper
from app.jobs.messages import Places
from app.jobs.queue import intervention_result
from app.jobs.records import Claim, Plan, ShardPlan
from app.jobs.runner import JobRunner, Store, new_owner
from app.pipeline.allowed import allowed, found_files
from app.pipeline.inputs import ComparisonInputs, open_inputs
from app.pipeline.intervene import intervene
from app.pipeline.open import OpenFiles, resources_of, shelf_of
from app.pipeline.register import add_sae
from app.pipeline.run import ENCODING, find, score_and_store
from app.pipeline.source import BUNDLED_TEXT
from app.records import ComparisonRequest, InterventionRequest, SaeRequest
from app.settings import Settings
from app.sparse.files import remove_leftovers
from app.sparse.memory import memory_explained
from app.sparse.shards import Shard
from app.sparse.work import missing_saes
from app.store.read import get_comparison, resolve_slug
from app.store.session import make_engine, writing

TIDY_S = 60
"""Seconds between searches for partial files that killed writers left behind."""

log = logging.getLogger(__name__)


def run_jobs(
    settings: Settings,
    stop: threading.Event,
    models: ModelShelf | None = None,
    is_over: Callable[[], bool] = lambda: False,
) -> None:
    """Work on jobs until `stop` is set: the one function that a job runner process has to call.

    Args:
        settings: of this process: database, data and input folder, device, length of a lease.
        stop: set from another thread or a signal handler.
        models: language models of this process, where some are loaded already.
        is_over: called when there is nothing to do; True ends the work.

    Raises:
        SettingsError: the device is not there.
    """
    engine = make_engine(settings.resolved_database_url)
    places, lease_s = Places.of(settings), settings.job_lease_s
    try:
        every = JobRunner(engine, TorchJobSteps(engine, settings, models), lease_s, new_owner(), places=places)
        # With models of its own: what one lane has loaded is not for two threads.
        short_steps = TorchJobSteps(engine, settings)
        short = JobRunner(engine, short_steps, lease_s, new_owner(), places=places, behind=every)
        with _in_parallel(short):
            every.run(stop, is_over)
    finally:
        engine.dispose()


@contextmanager
def _in_parallel(lane: JobRunner) -> Iterator[None]:
    """A lane that works on a thread of its own; when the block ends, it hands its step back."""
    stop = threading.Event()
    thread = threading.Thread(target=lane.run, args=(stop,), name="short jobs")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class TorchJobSteps:
    """Runs the steps of jobs; what the last job needed stays loaded for its next step.

    Args:
        settings: all job runners of a database share the data folder of shards and converted models; jobs may read
            from the input folder only; the device is what models and SAEs compute on. Job runners run a job's shards
            themselves, never a cluster.
        models: language models of this process, where some are loaded already.

    Raises:
        SettingsError: the device is not there.
    """

    def __init__(self, engine: Engine, settings: Settings, models: ModelShelf | None = None) -> None:
        # Absolute, so that errors recognise the folder and name its setting instead.
        here = settings.model_copy(update={"engine": "local", "data_dir": settings.data_dir.resolve()})
        self._engine, self._data_dir, self._input_dir = engine, here.data_dir, here.resolved_input_dir
        self._resources = resources_of(here)
        self._torch_device = choose_device(settings.device)
        self._device = Device.of(self._torch_device)
        self.models = models or shelf_of(here)
        self._ready: tuple[int, ComparisonInputs] | None = None
        self._tidied = 0.0

    def plan(self, claim: Claim, keeper: LeaseKeeper) -> Plan:
        """Read what the comparison names, and see which of its shards are on disk."""
        self._ready = None
        inputs = self._inputs(claim, keeper)
        self._tidy()
        inputs.store.describe(inputs.source.stream.description)
        return Plan(
            content_hash=inputs.content_hash,
            stage=ENCODING,
            shards=tuple(_planned(inputs, shard) for shard in inputs.shards),
            is_stored=find(self._engine, inputs.slug) is not None,
        )

    def shard(self, claim: Claim, keeper: LeaseKeeper) -> None:
        """Compute a shard that is not on disk yet."""
        inputs = self._inputs(claim, keeper)
        shard = Shard(claim.start, claim.stop, claim.n_tokens)
        with memory_explained(f"encoding rows {shard.start} to {shard.stop - 1}"):
            self._device.run_shard(CheckedStream(inputs.source.stream, keeper), tuple(inputs.saes), inputs.store, shard)

    def finish(self, claim: Claim, keeper: LeaseKeeper, done: Store) -> None:
        """Score and store a comparison from its shards, check and register an SAE, or run an intervention."""
        if isinstance(claim.job.request, SaeRequest):
            self._register(claim.job.request, claim, keeper, done)
            return
        if isinstance(claim.job.request, InterventionRequest):
            self._intervene(claim.job.request, keeper, done)
            return
        inputs = self._inputs(claim, keeper)
        if find(self._engine, inputs.slug) is None:
            score_and_store(self._engine, inputs, keeper, within=lambda connection: done(connection, inputs.slug))
        else:
            with writing(self._engine) as connection:
                done(connection, inputs.slug)
        self._ready = None

    def idle(self) -> None:
        """Tidy up, and release what the last job needed."""
        self._ready = None
        if time.monotonic() - self._tidied > TIDY_S:
            self._tidy()

    def _tidy(self) -> None:
        self._tidied = time.monotonic()
        for path in remove_leftovers(self._data_dir / "shards"):
            log.info("removed %s, which a killed writer had left", path.name)

    def _inputs(self, claim: Claim, keeper: LeaseKeeper) -> ComparisonInputs:
        """What the comparison needs, loaded once for all its steps."""
        if self._ready is not None and self._ready[0] == claim.job.id:
            ready = self._ready[1]
            if ready.content_hash == claim.content_hash:
                return ready
        request = claim.job.request
        assert isinstance(request, ComparisonRequest)
        if claim.phase == "plan":
            keeper("loading model and SAEs", 1, "comparisons")
        inputs = open_inputs(OpenFiles(self._engine, self.models, self._find), self._data_dir, request, self._resources)
        keeper.check()
        if claim.content_hash is not None and inputs.content_hash != claim.content_hash:
            raise ShardError(
                f"this job runner finds another text, model or SAE than the one that planned the job "
                f"({inputs.content_hash[:12]}, not {claim.content_hash[:12]}): all job runners need the same data "
                "folder, input folder and versions; then resume the job"
            )
        self._ready = claim.job.id, inputs
        return inputs

    def _register(self, request: SaeRequest, claim: Claim, keeper: LeaseKeeper, done: Store) -> None:
        advance = keeper("checking the SAE", 1, "SAEs")
        record = add_sae(self._engine, found_files(request, self._find), models=self.models, find_model=self._find)
        advance(1)
        with writing(self._engine) as connection:
            done(connection, record.name)

    def _intervene(self, request: InterventionRequest, keeper: LeaseKeeper, done: Store) -> None:
        """Trainings that are finished when the job is cancelled or its runner dies are used again."""
        slug = resolve_slug(self._engine, request.comparison)
        activations, text = request.activations, request.text
        if activations is None and text is None:
            # As the comparison names it; jobs read no other files than those of the input folder.
            source = get_comparison(self._engine, slug).text_source
            text = None if source == BUNDLED_TEXT else source
        found = replace(
            request,
            comparison=slug,
            activations=None if activations is None else self._find(activations),
            text=None if text is None else self._find(text),
        )
        intervene(
            self._engine,
            self._data_dir,
            found,
            self.models,
            keeper,
            device=str(self._torch_device),
            within=lambda connection, number: done(connection, intervention_result(number, slug)),
        )

    def _find(self, name: str) -> str:
        return allowed(name, self._input_dir)


def _planned(inputs: ComparisonInputs, shard: Shard) -> ShardPlan:
    is_done = not missing_saes(inputs.store, shard, tuple(inputs.saes))
    return ShardPlan(shard.start, shard.stop, shard.n_tokens, is_done)


@dataclass(frozen=True)
class CheckedStream:
    """A stream that checks before each batch whether the work is still wanted."""

    inner: ActivationStream
    keeper: LeaseKeeper

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def batches(self, start: int, stop: int) -> Iterator[ActivationBatch]:
        """As the inner stream; raises as `LeaseKeeper.check` in between."""
        for batch in self.inner.batches(start, stop):
            self.keeper.check()
            yield batch
