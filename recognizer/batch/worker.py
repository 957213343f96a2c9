"""A recogniser in a process of its own, so that a decoder that crashes or hangs costs one file.

A `Worker` is one child process that loaded the models once and is given recordings over a pipe, one
or a few together; the children share nothing. Whoever calls `Worker.run` always gets a `CallReport`
back: where the process died or took too long it is replaced, and the report says why. What was
given together and lost with its process is done again one by one.

What this does not guard against: a machine that is out of disk or memory for everybody.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Generator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, Literal, Self

from recognizer.audio.sources import display_name
from recognizer.base.errors import EngineError, RecognizerError
from recognizer.base.settings import Settings
from recognizer.batch.jobs import Finished, Job, RecognizerLike, failed_report, internal_error
from recognizer.batch.processes import end
from recognizer.batch.time_limits import TimeLimits
from recognizer.batch.worker_process import serve_jobs

__all__ = ["Worker", "WorkerClosedError", "load_recognizer"]


_LONGEST_WAIT_S = 1.0  # then it is seen whether the worker was closed


def load_recognizer(settings: Settings, engine: str | None = None) -> RecognizerLike:
    """Return the real recogniser; `functools.partial` of this is what a pool is given."""
    from recognizer.pipeline import Recognizer  # noqa: PLC0415  loads the speech libraries

    return Recognizer.load(settings, engine=engine)


class _LostError(Exception):
    """The process died or hung."""

    def __init__(self, kind: Literal["worker_crashed", "time_limit"], reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


class _UnopenedError(_LostError):
    """The process hung while it opened a recording, the one at `place` of those it was given."""

    def __init__(self, place: int, lost: _LostError) -> None:
        super().__init__("time_limit", str(lost))
        self.place = place


class WorkerClosedError(RecognizerError):
    """The worker was closed while it recognised something."""

    kind = "interrupted"


class Worker:
    """One child process with a loaded recogniser; started when first needed.

    Parameters
    ----------
    load : callable
        Returns the recogniser; must be picklable (`functools.partial` of a module's function).
    limits : TimeLimits
    """

    def __init__(
        self, load: Callable[[], RecognizerLike], *, limits: TimeLimits | None = None
    ) -> None:
        self._load = load
        self._limits = limits or TimeLimits()
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None
        self.is_loaded = False
        self._closed = False
        self._lock = threading.Lock()  # guards the change of process and `_closed`
        self._running = threading.RLock()  # held while something waits for the process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Process id, None while there is no process."""
        process = self._process
        return None if process is None else process.pid

    def start(self) -> None:
        """Start the process and wait until its models are loaded.

        Raises
        ------
        EngineError
            If the recogniser cannot be loaded, with its own words.
        """
        with self._running:
            for n_tries_left in (2, 1, 0):
                if not self._spawn():
                    return
                try:
                    kind, value = self._receive(time.monotonic() + self._limits.start_s)
                except _LostError as lost:
                    self._discard()
                    # Killed while it loaded, by chance or for memory: that may pass.
                    if lost.kind == "time_limit" or n_tries_left == 0:
                        message = f"a recognition worker did not start: it {lost}"
                        raise EngineError(message) from lost
                    continue
                if kind == "failed":
                    self._discard()
                    raise EngineError(str(value))
                self.is_loaded = True
                return

    def run(self, job: Job) -> Finished:
        """Recognise one recording; a worker that dies of it is replaced and asked once more.

        A recording that runs into its time limit is not asked again: it would hang again.

        Raises
        ------
        EngineError
            If no worker can be started at all.
        WorkerClosedError
            If `close` was called meanwhile.
        """
        with self._running:
            began = time.monotonic()
            for repeated in (False, True):
                self.start()
                try:
                    (finished,) = self._ask([job])
                except _LostError as lost:
                    self._discard()
                    if repeated or lost.kind == "time_limit":
                        return self._give_up(job, lost, time.monotonic() - began)
                except RecognizerError:
                    raise
                except Exception as problem:  # noqa: BLE001  this file's answer, whatever it is
                    self._discard()
                    return Finished(internal_error(job, problem, time.monotonic() - began))
                else:
                    return finished
            raise AssertionError("unreachable")

    def run_together(self, jobs: Sequence[Job]) -> Generator[Finished, None, None]:
        """Recognise recordings together; yield the result of each, in their order.

        Those that a dying or hanging process leaves unfinished are asked again one by one.

        Raises
        ------
        EngineError
            If no worker can be started at all.
        WorkerClosedError
            If `close` was called meanwhile.
        """
        n_done = 0
        unopened: _UnopenedError | None = None
        with self._running:
            if len(jobs) > 1:
                self.start()
                try:
                    with contextlib.closing(self._ask(jobs)) as answers:
                        for finished in answers:
                            n_done += 1
                            yield finished
                except RecognizerError:
                    raise
                except Exception as problem:  # noqa: BLE001  lost, or no answer to read: ask singly
                    unopened = problem if isinstance(problem, _UnopenedError) else None
                    self._discard()
            for place, job in enumerate(jobs[n_done:], n_done):
                if unopened is not None and place == unopened.place:
                    yield self._give_up(job, unopened, self._limits.of(0.0))
                else:
                    yield self.run(job)

    def kill(self) -> None:
        """Kill the process, whatever it does, for good; safe to call from another thread."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()

    def close(self) -> None:
        """Kill the process and wait for its end; safe to call from another thread."""
        self.kill()
        with self._running:
            self._drop()

    def _spawn(self) -> bool:
        """Start a process unless there is one; True if it was started."""
        with self._lock:
            if self._closed:
                raise WorkerClosedError("the worker is closed")
            if self._process is not None:
                return False
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(
                target=serve_jobs,
                args=(theirs, self._load, self._limits.max_duration_s),
                daemon=True,
                name="recognizer-worker",
            )
            self._process.start()
            theirs.close()
            return True

    def _give_up(self, job: Job, lost: _LostError, elapsed_s: float) -> Finished:
        twice = "" if lost.kind == "time_limit" else ", twice"
        message = (
            f"{display_name(job.name)}: the process that recognised it {lost}{twice}; left out"
        )
        return Finished(failed_report(job.name, lost.kind, message, elapsed_s))

    def _ask(self, jobs: Sequence[Job]) -> Generator[Finished, None, None]:
        assert self._pipe is not None
        duration_s, n_declared, n_left = 0.0, 0, len(jobs)
        n_opened = 0
        try:
            self._pipe.send(tuple(jobs))
        except OSError:
            raise self._death() from None
        last_heard = time.monotonic()
        try:
            while n_left:
                limit_s = self._limits.of(0.0)
                if n_opened >= len(jobs):
                    # Of those given together the first is done when all were listened to.
                    limit_s = self._limits.of(duration_s, n_undeclared=len(jobs) - n_declared)
                try:
                    kind, value = self._receive(last_heard + limit_s)
                except _LostError as lost:
                    if lost.kind == "time_limit" and n_opened < len(jobs):
                        raise _UnopenedError(n_opened, lost) from None
                    raise
                if kind == "done":
                    n_left -= 1
                    last_heard = time.monotonic()
                    finished: Finished = value
                    yield finished
                else:
                    n_opened += 1
                    last_heard = time.monotonic()
                    if value is not None:
                        duration_s += value if math.isfinite(value) else 0.0
                        n_declared += 1
        finally:
            if n_left:  # answers that nobody waits for would be taken for those of the next job
                self._drop()

    def _receive(self, deadline: float) -> tuple[str, Any]:
        pipe, process = self._pipe, self._process
        assert pipe is not None
        assert process is not None
        while True:
            left_s = min(max(0.0, deadline - time.monotonic()), _LONGEST_WAIT_S)
            ready = wait([pipe, process.sentinel], left_s)
            if pipe in ready:
                try:
                    message: tuple[str, Any] = pipe.recv()
                except (EOFError, OSError):
                    raise self._death() from None
                return message
            if ready:
                raise self._death()
            if self._closed:  # killed, but it waits for a disk and cannot die
                raise _LostError("worker_crashed", "was closed")
            if time.monotonic() >= deadline:
                raise _LostError("time_limit", "did not answer within its time limit")

    def _death(self) -> _LostError:
        process = self._process
        assert process is not None
        process.join(5)
        code = process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            hint = " (out of memory?)" if name == "SIGKILL" else ""
            return _LostError("worker_crashed", f"was killed by {name}{hint}")
        return _LostError("worker_crashed", f"ended with status {code}")

    def _discard(self) -> None:
        """Forget a process that died or failed; WorkerClosedError if that was our doing."""
        self._drop()
        if self._closed:
            raise WorkerClosedError("the worker was closed")

    def _drop(self) -> None:
        with self._lock:
            process, pipe = self._process, self._pipe
            self._process = self._pipe = None
            self.is_loaded = False
        if process is not None:
            end(process)
        if pipe is not None:
            pipe.close()
