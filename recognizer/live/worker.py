"""One thread that weighs all calls of a listener, the speech of several decoded together.

A call that waits alone is served at once. Where several wait, the machine is behind; then what
their utterances say is worked out for some of them in one go, which is cheaper where the engine
gains from it (`Engine.transcribe_together`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from recognizer.engines.base import Engine, Utterance, transcribe_ahead

__all__ = ["N_TOGETHER", "SharedWorker", "Steps"]

_T = TypeVar("_T")
Steps: TypeAlias = Generator[Utterance, None, _T]
"""What yields each utterance before its words are needed, and returns a result."""

N_TOGETHER = 4
"""Calls whose speech is decoded in one go; the first of them waits for all."""


@dataclass(eq=False, slots=True)
class _Task:
    steps: Steps[Any]
    future: asyncio.Future[Any]
    utterance: Utterance | None = None


class SharedWorker:
    """Runs steps of calls in a thread of its own; asked in the event loop's thread.

    Parameters
    ----------
    engine : Engine
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="live")
        self._waiting: deque[_Task] = deque()
        self._is_busy = self._is_closed = False

    def submit(self, steps: Steps[_T], *, is_urgent: bool = False) -> asyncio.Future[_T]:
        """Take steps to their end when their turn comes; the future has what they return.

        What is urgent comes before all that waits, such as a call that has ended: somebody waits
        for what it came to.
        """
        task = _Task(steps, asyncio.get_running_loop().create_future())
        if is_urgent:
            self._waiting.appendleft(task)
        else:
            self._waiting.append(task)
        self._go_on()
        return task.future

    def run(self, function: Callable[[], _T]) -> asyncio.Future[_T]:
        """Call a function between the steps of calls."""
        return self.submit(_as_steps(function))

    def close(self) -> None:
        """Let the thread finish what it is at, and take nothing more; from any thread."""
        self._is_closed = True
        self._thread.shutdown()

    def _go_on(self) -> None:
        if self._is_closed:
            while self._waiting:
                self._waiting.popleft().future.cancel()
        if self._is_busy or not self._waiting:
            return
        n_tasks = min(N_TOGETHER, len(self._waiting))
        taken = [self._waiting.popleft() for _ in range(n_tasks)]
        loop = asyncio.get_running_loop()
        self._is_busy = True
        self._thread.submit(self._work_through, taken, loop)

    def _work_through(self, tasks: list[_Task], loop: asyncio.AbstractEventLoop) -> None:
        """In the thread: bring all tasks to their ends; each is told as soon as it is there."""
        try:
            while tasks:
                tasks = [task for task in tasks if _advance(task, loop)]
                waiting = [task.utterance for task in tasks if task.utterance is not None]
                transcribe_ahead(self._engine, waiting)
        finally:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._done)

    def _done(self) -> None:
        self._is_busy = False
        self._go_on()


def _advance(task: _Task, loop: asyncio.AbstractEventLoop) -> bool:
    """Go on to the next utterance; tell the result and return False where there is none."""
    try:
        task.utterance = next(task.steps)
    except StopIteration as done:
        _tell(loop, task.future, done.value, None)
        return False
    except Exception as problem:  # noqa: BLE001 - the future raises it to whoever waits
        _tell(loop, task.future, None, problem)
        return False
    return True


def _tell(
    loop: asyncio.AbstractEventLoop,
    future: asyncio.Future[Any],
    result: object,
    problem: Exception | None,
) -> None:
    def tell() -> None:
        if future.done():
            return
        if problem is None:
            future.set_result(result)
        else:
            future.set_exception(problem)

    with suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(tell)


def _as_steps(function: Callable[[], _T]) -> Steps[_T]:
    """Return steps that ask for no utterance."""
    yield from ()
    return function()
