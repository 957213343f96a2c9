"""Where recordings of the queue are recognised: worker processes, or this process in tests."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from recognizer.batch.jobs import Finished, Job, RecognizerLike, run_jobs
from recognizer.regulation.signalling import load_signalling

__all__ = ["InProcessRunner", "Runner"]


class Runner(Protocol):
    """Where recordings are recognised: a `WorkerPool`, or this process in tests."""

    def submit(self, job: Job, on_start: Callable[[], object] = lambda: None) -> Future[Finished]:
        """Queue one recording."""

    def close(self) -> None:
        """Stop at once."""


class InProcessRunner:
    """Recognises in a thread of this process: for tests and for embedding."""

    def __init__(self, recognizer: RecognizerLike) -> None:
        self._recognizer = recognizer
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recognizer-in-process")

    def submit(self, job: Job, on_start: Callable[[], object] = lambda: None) -> Future[Finished]:
        """Queue one recording."""
        return self._thread.submit(self._run, job, on_start)

    def close(self) -> None:
        """Forget what is queued."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _run(self, job: Job, on_start: Callable[[], object]) -> Finished:
        on_start()
        (finished,) = run_jobs(self._recognizer, [job], load_signalling())
        return finished
