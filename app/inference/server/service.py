"""What the worker does for a live prompt, from text to answer."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from app import __version__
from app.activations.batch import TokenRows
from app.activations.show_tokens import TokenShower
from app.activations.stream import longest_row
from app.activations.tokenize import tokenize_prompt
from app.errors import HedgescopeError, PromptError
from app.inference.server.answers import side_answer
from app.inference.server.batcher import Batcher, Limits
from app.inference.server.compute import Prompt, Read, read_batch
from app.inference.server.loaded import LoadedModels
from app.inference.server.metrics import BatchMetrics, StateMetrics
from app.inference.server.vectors import read_vectors
from app.inference.wire import (
    Capabilities,
    Held,
    JobAnswer,
    PromptAnswer,
    PromptRequest,
    VectorsAnswer,
    VectorsRequest,
    too_long,
)
from app.records import ComparisonSummary, Preflight, RowRules
from app.records.request import JobRequest
from app.records.sides import SIDES
from app.serving.metrics import RequestMetrics
from app.settings import Settings

FIRST_TEXT = "a"
"""Read when the worker starts."""

KNOWN_COMPARISONS = 64
"""Comparisons whose summary is kept; they never change."""

log = logging.getLogger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Reader:
    """What a model's texts are cut into tokens with, kept when the model itself has made room for another."""

    tokenizer: Any
    shower: TokenShower
    longest: int


class Service:
    """Answers prompts. Everything that touches the model or an SAE runs in one thread, tokenizing in another.

    Args:
        settings: limits of prompts and batches.
        models: models and SAEs.
        find: the comparison of a slug; raises NotFoundError.
        look: what is known of a job before it runs.
        newest: the comparison that a first prompt is most likely about, None where there is none; what it needs is
            loaded as soon as the service runs. Nothing is, if None.

    Attributes:
        metrics: what `/metrics` shows.
    """

    def __init__(
        self,
        settings: Settings,
        models: LoadedModels,
        find: Callable[[str], ComparisonSummary],
        look: Callable[[JobRequest], Preflight],
        newest: Callable[[], ComparisonSummary | None] | None = None,
    ) -> None:
        self._newest = newest
        self.settings = settings
        self.models = models
        self._find = find
        self._look = look
        self._known: OrderedDict[str, ComparisonSummary] = OrderedDict()
        self._readers: dict[str, Reader] = {}
        self._computing = ThreadPoolExecutor(1, thread_name_prefix="compute")
        self._preparing = ThreadPoolExecutor(1, thread_name_prefix="prepare")
        limits = Limits(
            tokens=settings.batch_tokens,
            jobs=settings.batch_prompts,
            wait_s=settings.batch_wait_ms / 1000,
            waiting_tokens=settings.prompt_queue_tokens,
        )
        self.metrics = RequestMetrics("worker")
        self.metrics.registry.register(StateMetrics(self.capabilities))
        on_batch = BatchMetrics(self.metrics.registry).observe
        self.batcher: Batcher[Prompt, Read] = Batcher(partial(read_batch, models), self._computing, limits, on_batch)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Batches are run while inside."""
        tasks = [asyncio.create_task(self.batcher.serve()), asyncio.create_task(self.warm_up())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._computing.shutdown(wait=True, cancel_futures=True)
            self._preparing.shutdown(wait=True, cancel_futures=True)

    async def warm_up(self) -> None:
        """Load what the first prompt will need, which takes up to half a minute; one that comes meanwhile joins in."""
        if self._newest is None:
            return
        try:
            summary = await self._prepare(self._newest)
            if summary is not None:
                await self.prompt(PromptRequest(slug=summary.slug, text=FIRST_TEXT))
                log.info("ready for prompts on %s", summary.slug)
        except HedgescopeError as error:
            log.warning("nothing is loaded before the first prompt: %s", error)

    async def prompt(self, request: PromptRequest) -> PromptAnswer:
        """Read a text.

        Raises:
            PromptError: the text is empty or too long, or the comparison has no model.
            NotFoundError: no such comparison.
            WorkerBusyError: too much is waiting.
            ModelError, SaeError, WorkerError: the model or an SAE can't be used.
        """
        check_text(request.text)
        summary = await self._comparison(request.slug)
        model_name, hook_name = _model_of(summary)
        reader = await self._reader(model_name)
        row = await self._prepare(partial(tokenize_prompt, request.text, reader.tokenizer, summary.rows or RowRules()))
        n_tokens = int(row.ids.shape[1])
        most = min(self.settings.prompt_tokens_max, reader.longest)
        if n_tokens > most:
            raise PromptError(
                f"the text has {n_tokens} tokens, the one that starts it included; at most {most} are read"
            )
        saes = (summary.narrow.sae, summary.reference.sae)
        prompt = Prompt(row, model_name, hook_name, saes)
        read = await self.batcher.submit(prompt, n_tokens)
        return await self._prepare(partial(self._answer, request, row, reader, read))

    async def vectors(self, request: VectorsRequest) -> VectorsAnswer:
        """Weights of some latents.

        Raises:
            NotFoundError: no such comparison.
            PromptError: the SAE has no such latents.
            SaeError, WorkerError: the SAE can't be used.
        """
        summary = await self._comparison(request.slug)
        record = (summary.narrow if request.sae == "narrow" else summary.reference).sae
        if request.start + request.n > record.d_sae:
            raise PromptError(f"the SAE has latents 0 to {record.d_sae - 1}", parameter="index")
        return await self.compute(partial(read_vectors, self.models, record, request.start, request.n))

    async def preflight(self, request: JobRequest) -> JobAnswer:
        """Look at a job without running it; what is wrong with it is in the answer."""
        return JobAnswer(preflight=await self.compute(partial(self._look, request)))

    def capabilities(self) -> Capabilities:
        """What this worker can do, and what it is doing."""
        waiting_prompts, waiting_tokens = self.batcher.waiting
        return Capabilities(
            version=__version__,
            device=self._device,
            dtype=self._dtype,
            prompt_tokens_max=self.settings.prompt_tokens_max,
            batch_tokens=self.settings.batch_tokens,
            batch_prompts=self.settings.batch_prompts,
            memory_budget_bytes=self.models.memory.budget,
            held=tuple(
                Held(kind=key.kind, name=key.name, n_bytes=n_bytes, last_used_s=age)
                for key, n_bytes, age in self.models.memory.held()
            ),
            waiting_prompts=waiting_prompts,
            waiting_tokens=waiting_tokens,
        )

    async def compute(self, work: Callable[[], Result]) -> Result:
        """Do something with models and SAEs in the thread that may."""
        return await asyncio.get_running_loop().run_in_executor(self._computing, work)

    @property
    def _device(self) -> str:
        return str(self.models.device)

    @property
    def _dtype(self) -> str:
        return str(self.models.dtype).removeprefix("torch.")

    async def _prepare(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._preparing, work)

    async def _comparison(self, slug: str) -> ComparisonSummary:
        if slug not in self._known:
            self._known[slug] = await self._prepare(partial(self._find, slug))
            while len(self._known) > KNOWN_COMPARISONS:
                self._known.popitem(last=False)
        return self._known[slug]

    async def _reader(self, model_name: str) -> Reader:
        if model_name not in self._readers:
            loaded = await self.compute(partial(self.models.model, model_name))
            longest = longest_row(loaded) or self.settings.prompt_tokens_max
            self._readers[model_name] = Reader(loaded.tokenizer, TokenShower(loaded.tokenizer), longest)
        return self._readers[model_name]

    def _answer(self, request: PromptRequest, row: TokenRows, reader: Reader, read: Read) -> PromptAnswer:
        n_tokens = int(row.ids.shape[1])
        narrow, reference = (
            side_answer(active, n_tokens, request.top, {ref.index for ref in request.latents if ref.sae == side})
            for active, side in zip(read.sides, SIDES, strict=True)
        )
        return PromptAnswer.model_construct(
            tokens=reader.shower.row(row.ids[0]),
            scored=tuple(row.keep[0].tolist()),
            narrow=narrow,
            reference=reference,
            device=self._device,
            dtype=self._dtype,
        )


def check_text(text: str) -> None:
    """Refuse a text that is empty or certainly too long, before it is cut into tokens. Raises PromptError."""
    if not text:
        raise PromptError("the text is empty; expected at least one character")
    if reason := too_long(text):
        raise PromptError(reason)


def _model_of(summary: ComparisonSummary) -> tuple[str, str]:
    """(model, hook) of a comparison. Raises PromptError where it has none."""
    if summary.model_name is None or summary.hook_name is None:
        raise PromptError(
            "this comparison was made from stored activations, so there is no model to read a text with",
            parameter="slug",
        )
    return summary.model_name, summary.hook_name
