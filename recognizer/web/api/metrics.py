"""What Prometheus is told: calls by outcome, seconds, queue."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from recognizer.model import CallOutcome, CallReport

__all__ = ["METRICS_TYPE", "Metrics"]

METRICS_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120)
_LENGTHS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 900)


class Metrics:
    """The numbers of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._calls = Counter(
            "recognizer_calls",
            "Recordings classified, by outcome.",
            ["outcome"],
            registry=self._registry,
        )
        for outcome in CallOutcome:  # a series that begins at zero can be compared with later
            self._calls.labels(outcome.value)
        self._errors = Counter(
            "recognizer_errors",
            "Recordings without an outcome, by kind of error.",
            ["kind"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "recognizer_recognition_seconds",
            "Time one recording took, without waiting.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._lengths = Histogram(
            "recognizer_audio_seconds",
            "Length of the recordings.",
            buckets=_LENGTHS,
            registry=self._registry,
        )
        self._refused = Counter(
            "recognizer_refused",
            "Requests refused, by reason.",
            ["reason"],
            registry=self._registry,
        )
        self._queue = Gauge(
            "recognizer_jobs",
            "Recordings that wait or are being recognised.",
            ["state"],
            registry=self._registry,
        )

        self._debts = Gauge(
            "recognizer_journal_debts",
            "Finished recordings the journal is owed, or will never get: their sound is gone.",
            ["state"],
            registry=self._registry,
        )

    def count_report(self, report: CallReport) -> None:
        """Count one finished recording."""
        if report.outcome is not None:
            self._calls.labels(report.outcome.kind.value).inc()
        elif report.error is not None:
            self._errors.labels(report.error.kind).inc()
        self._seconds.observe(report.elapsed_s)
        if report.evidence is not None:
            self._lengths.observe(report.evidence.duration_s)

    def count_refusal(self, reason: str) -> None:
        """Count one request that was not taken."""
        self._refused.labels(reason).inc()

    def text(self, *, n_queued: int, n_running: int, n_owed: int, n_lost: int) -> bytes:
        """Return the numbers in Prometheus' text format."""
        self._queue.labels("queued").set(n_queued)
        self._queue.labels("running").set(n_running)
        self._debts.labels("owed").set(n_owed)
        self._debts.labels("lost").set(n_lost)
        return generate_latest(self._registry)
