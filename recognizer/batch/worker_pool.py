"""Several workers behind one queue: used by `batch`, `watch` and the HTTP API."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from recognizer.batch.jobs import Finished, Job, RecognizerLike
from recognizer.batch.time_limits import TimeLimits
from recognizer.batch.worker import Worker

__all__ = ["WorkerPool"]


class WorkerPool:
    """Several workers behind one `submit`; each is driven by a thread of the parent."""

    def __init__(
        self,
        load: Callable[[], RecognizerLike],
        n_workers: int,
        *,
        limits: TimeLimits | None = None,
    ) -> None:
        if n_workers < 1:
            raise ValueError(f"expected at least one worker, got {n_workers}")
        self.n_workers = n_workers
        self._workers = [Worker(load, limits=limits) for _ in range(n_workers)]
        self._idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(n_workers, thread_name_prefix="recognizer-worker")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers that run."""
        return tuple(pid for worker in self._workers if (pid := worker.pid) is not None)

    def start(self) -> None:
        """Load one worker now, so that a missing model is said before any recording is taken."""
        self._workers[0].start()

    def start_in_background(self) -> None:
        """Load every worker in its thread; what is submitted meanwhile waits for one."""
        for worker in self._workers:
            self._threads.submit(worker.start)

    @property
    def is_loaded(self) -> bool:
        """True while a worker has its models loaded."""
        return any(worker.is_loaded for worker in self._workers)

    def submit(self, job: Job, on_start: Callable[[], object] = lambda: None) -> Future[Finished]:
        """Queue a job; the future raises only what `Worker.run` raises.

        `on_start` is called, in another thread, when a worker takes the job.
        """
        return self._threads.submit(self._run, job, on_start)

    def submit_together(
        self, jobs: Sequence[Job], on_done: Callable[[Future[Finished]], object] = lambda _: None
    ) -> list[Future[Finished]]:
        """Queue jobs for one worker; each future raises only what `Worker.run_together` raises.

        `on_done` is called with each future, in another thread. Who may be interrupted by Ctrl-C
        should rather be told so than wait for many futures at once: interrupted while it takes
        their locks, `concurrent.futures.wait` keeps some for ever, and the worker's thread with
        them.
        """
        futures: list[Future[Finished]] = [Future() for _ in jobs]
        for future in futures:
            future.add_done_callback(on_done)

        def forget(running: Future[None]) -> None:
            if running.cancelled():
                for future in futures:
                    future.cancel()

        self._threads.submit(self._run_together, jobs, futures).add_done_callback(forget)
        return futures

    def close(self) -> None:
        """Kill the workers and forget what is queued; what is finished stays finished."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers:  # all first: each may wait for its disk before it dies
            worker.kill()
        for worker in self._workers:
            worker.close()
        self._threads.shutdown(wait=True)

    def _run(self, job: Job, on_start: Callable[[], object]) -> Finished:
        worker = self._idle.get()
        try:
            on_start()
            return worker.run(job)
        finally:
            self._idle.put(worker)

    def _run_together(self, jobs: Sequence[Job], futures: Sequence[Future[Finished]]) -> None:
        wanted = [future.set_running_or_notify_cancel() for future in futures]
        worker = self._idle.get()
        try:
            answers = zip(futures, wanted, worker.run_together(jobs), strict=True)
            for future, is_wanted, finished in answers:
                if is_wanted:
                    future.set_result(finished)
        except BaseException as problem:  # noqa: BLE001  whoever waits must learn of it
            for future in futures:
                if not future.done():
                    future.set_exception(problem)
        finally:
            self._idle.put(worker)
