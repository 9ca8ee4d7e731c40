"""What the worker measures in addition to its requests: prompts, batches and memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import torch
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.inference.wire import Capabilities

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
PROMPTS: Final = (1, 2, 4, 8, 16, 32, 64, 128)


class BatchMetrics:
    """Metrics of prompts that are read together.

    Args:
        registry: to register them with.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._prompts = Histogram("hedgescope_batch_prompts", "Prompts in a batch.", buckets=PROMPTS, registry=registry)
        self._seconds = Histogram(
            "hedgescope_batch_duration_seconds",
            "Time that the model and the SAEs took for a batch.",
            buckets=SECONDS,
            registry=registry,
        )
        self._tokens = Counter(
            "hedgescope_prompt_tokens",
            "Tokens of prompts that were read; its rate is tokens a second.",
            registry=registry,
        )
        self._waited = Histogram(
            "hedgescope_prompt_wait_seconds",
            "Time that a prompt waited before its batch began.",
            buckets=SECONDS,
            registry=registry,
        )

    def observe(self, tokens: int, seconds: float, waited: list[float]) -> None:
        """A batch has been done.

        Args:
            tokens: of all its prompts.
            seconds: it took.
            waited: seconds, of each prompt.
        """
        self._prompts.observe(len(waited))
        self._seconds.observe(seconds)
        self._tokens.inc(tokens)
        for one in waited:
            self._waited.observe(one)


class StateMetrics(Collector):
    """What is waiting and what is held at the moment of collection.

    Args:
        capabilities: reports both.
    """

    def __init__(self, capabilities: Callable[[], Capabilities]) -> None:
        self._capabilities = capabilities

    def describe(self) -> Iterator[Metric]:
        """Nothing: names would need capabilities of a worker that is not there yet."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """The current values."""
        now = self._capabilities()
        yield GaugeMetricFamily("hedgescope_prompts_waiting", "Prompts that wait for a batch.", now.waiting_prompts)
        yield GaugeMetricFamily("hedgescope_prompt_tokens_waiting", "Their tokens.", now.waiting_tokens)
        held = GaugeMetricFamily(
            "hedgescope_held_bytes", "Memory of models and SAEs that are held, by kind.", labels=["kind"]
        )
        count = GaugeMetricFamily("hedgescope_held", "Models and SAEs that are held, by kind.", labels=["kind"])
        for kind in ("model", "sae"):
            sizes = [one.n_bytes for one in now.held if one.kind == kind]
            held.add_metric([kind], sum(sizes))
            count.add_metric([kind], len(sizes))
        yield from (held, count)
        yield GaugeMetricFamily("hedgescope_held_bytes_max", "Memory they may have.", now.memory_budget_bytes)
        yield _gpu_memory()


def _gpu_memory() -> Metric:
    """Of the CUDA device in use, `total`, `used` by anyone and `reserved` by this process; no samples without one."""
    family = GaugeMetricFamily(
        "hedgescope_gpu_memory_bytes",
        "Memory of the GPU, by kind: total, used (by anyone), reserved (by this process). None without a GPU.",
        labels=["kind"],
    )
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        free, total = torch.cuda.mem_get_info()
        for kind, value in (("total", total), ("used", total - free), ("reserved", torch.cuda.memory_reserved())):
            family.add_metric([kind], value)
    return family
