"""Figures of a service for Prometheus. The only module to know prometheus-client."""

from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from voxport.serving.scheduler import BatchReport, Scheduler

CONTENT_TYPE = CONTENT_TYPE_LATEST

_LATENCIES_S = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128)
_FILLS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1)
_FACTORS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2)


class Metrics:
    """Counters and histograms of one service."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        own: dict[str, Any] = {"registry": self._registry}
        self._requests = Counter(
            "voxport_requests", "Requests by route and status.", ["route", "status"], **own
        )
        self._latency = Histogram(
            "voxport_request_seconds",
            "Seconds from a request's header to its answer.",
            ["route"],
            buckets=_LATENCIES_S,
            **own,
        )
        self._audio = Counter("voxport_audio_seconds", "Seconds of audio run.", **own)
        self._failed = Counter("voxport_failed_batches", "Batches that failed as one.", **own)
        self._rows = Histogram("voxport_batch_rows", "Clips of a batch.", buckets=_ROWS, **own)
        self._fill = Histogram(
            "voxport_batch_fill", "Share of a batch that is audio.", buckets=_FILLS, **own
        )
        self._factor = Histogram(
            "voxport_real_time_factor",
            "Seconds of a batch's run for each second of its audio.",
            buckets=_FACTORS,
            **own,
        )
        self._queued = Gauge("voxport_queued_audio_seconds", "Seconds of audio that wait.", **own)
        self._running = Gauge("voxport_running_audio_seconds", "Seconds of audio that run.", **own)

    def watch(self, scheduler: Scheduler) -> None:
        """Show a scheduler's queue."""
        self._queued.set_function(lambda: scheduler.queued_seconds)
        self._running.set_function(lambda: scheduler.running_seconds)

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self._requests.labels(route, str(status)).inc()
        self._latency.labels(route).observe(seconds)

    def count_batch(self, report: BatchReport) -> None:
        """Count a batch that ran."""
        self._audio.inc(report.audio_seconds)
        self._rows.observe(report.rows)
        self._fill.observe(report.fill)
        if report.is_failed:
            self._failed.inc()
        if report.audio_seconds > 0:
            self._factor.observe(report.run_seconds / report.audio_seconds)

    def render(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self._registry)
