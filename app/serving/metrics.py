"""Metrics of a server for Prometheus. One registry an application, so that two in a process do not mix."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from starlette.responses import Response

from app import __version__
from app.serving.headers import NEVER_KEPT

LATENCY_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class RequestMetrics:
    """The metrics of every server.

    Attributes:
        registry: what `/metrics` shows; parts of an application add their own metrics to it.
        seconds: from a request's arrival to its answer's end; of an event stream, to its beginning.
        in_progress: requests being answered, event streams included.
        streams: open event streams.
        refused: requests refused before a route saw them, by reason.
    """

    def __init__(self, service: str) -> None:
        disable_created_metrics()  # otherwise each gets a second series, of when it was first seen
        self.registry = registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        Info("hedgescope_build", "Which program this is.", registry=registry).info(
            {"version": __version__, "service": service}
        )
        self.seconds = Histogram(
            "hedgescope_http_request_duration_seconds",
            "Time from a request's arrival to the end of its answer (of an event stream: to its beginning), by method, "
            "route and status.",
            ("method", "route", "status"),
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.in_progress = Gauge(
            "hedgescope_http_requests_in_progress",
            "Requests being answered, open event streams included.",
            registry=registry,
        )
        self.streams = Gauge("hedgescope_event_streams", "Open event streams.", registry=registry)
        self.refused = Counter(
            "hedgescope_http_requests_refused",
            "Requests refused before any route saw them, by reason: too-large, too-slow, host, cross-origin.",
            ("reason",),
            registry=registry,
        )


def exposition(registry: CollectorRegistry, accept: str) -> Response:
    """All metrics of a registry, in the format that the scraper accepts."""
    encode, media_type = choose_encoder(accept)
    return Response(encode(registry), headers={**NEVER_KEPT, "Content-Type": media_type})
