"""The calls that are going on: sound in from any protocol, events out.

The network side only appends bytes, so it never waits for recognition and loses no sound; a worker
takes what has come, one call at a time. A call that is being weighed is not queued again: where
the machine is slow, looks become rarer and no queue grows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from recognizer.base.errors import RecognizerError
from recognizer.live.events import end_event, final_event, provisional_event, start_event
from recognizer.model import CallReport, Samples
from recognizer.pipeline import Recognizer
from recognizer.streaming import LiveChannel, SettleRules

__all__ = ["Emit", "LiveCall", "LiveCalls", "LiveLimits"]

_log = logging.getLogger(__name__)

Emit = Callable[[dict[str, Any]], None]
"""Takes an event; must not block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLimits:
    """What one listener accepts.

    Attributes
    ----------
    max_channels : int
        Calls at once; further connections are closed at once.
    max_frame_bytes : int
        Longer frames or messages end the call.
    idle_s : float
        A connection that sends nothing for so long is closed, seconds.
    max_call_s : float
        Sound heard of one call, seconds (64 kB of memory each); then it ends with what was heard.
    """

    max_channels: int = 100
    max_frame_bytes: int = 65_535
    idle_s: float = 30.0
    max_call_s: float = 180.0


class LiveCalls:
    """All calls of one listener, with the worker that weighs them.

    Parameters
    ----------
    recognizer : Recognizer
        Used by the worker only.
    emit : Emit
        Takes every event of every call, in the event loop's thread.
    limits : LiveLimits
    rules : SettleRules or None
    """

    def __init__(
        self,
        recognizer: Recognizer,
        emit: Emit,
        *,
        limits: LiveLimits | None = None,
        rules: SettleRules | None = None,
    ) -> None:
        self.limits = limits or LiveLimits()
        self.recognizer, self.emit, self.rules = recognizer, emit, rules
        self.worker = ThreadPoolExecutor(1, thread_name_prefix="live")
        self.running: dict[str, LiveCall] = {}
        self.n_connections = 0

    @property
    def is_full(self) -> bool:
        """Whether no further connection is taken."""
        return self.n_connections >= self.limits.max_channels

    def start(self, call: str, emit: Emit | None = None) -> LiveCall:
        """Begin a call; `emit` takes its events too.

        Raises
        ------
        RecognizerError
            If a call of this id is going on.
        """
        if call in self.running:
            raise RecognizerError(f"call {call}: there is one of this id already")
        live = LiveCall(self, call, emit)
        self.running[call] = live
        live.tell(start_event(call))
        return live

    def close(self) -> None:
        """Let the worker finish what it is at."""
        self.worker.shutdown(cancel_futures=True)


class LiveCall:
    """One call: `push` sound, `end` it once. Used in the event loop's thread."""

    def __init__(self, calls: LiveCalls, call: str, emit: Emit | None) -> None:
        self.id = call
        self._calls, self._emit = calls, emit
        self._channel = LiveChannel(calls.recognizer, f"live:{call}", rules=calls.rules)
        self._pending: list[Samples] = []
        self._sample_rate = 0
        self._n_samples = 0
        self._work: asyncio.Future[Any] | None = None
        self._told: object = None
        self._failure: RecognizerError | None = None
        self._is_final_told = False

    @property
    def duration_s(self) -> float:
        """Seconds of sound received."""
        return self._n_samples / self._sample_rate if self._sample_rate else 0.0

    @property
    def is_too_long(self) -> bool:
        """Whether no more is heard of it."""
        return self.duration_s >= self._calls.limits.max_call_s

    def tell(self, event: dict[str, Any]) -> None:
        """Hand on an event of this call."""
        for emit in (self._calls.emit, self._emit):
            if emit is not None:
                emit(event)

    def push(self, samples: Samples, sample_rate: int) -> None:
        """Take sound, float32 in [-1, 1]; the rate must stay the same.

        Raises
        ------
        RecognizerError
            If the rate changed, or recognition has failed.
        """
        if self._sample_rate not in (0, sample_rate):
            raise RecognizerError(
                f"call {self.id}: expected sound at {self._sample_rate} Hz, found {sample_rate} Hz"
            )
        if self._failure is not None:
            raise self._failure
        self._sample_rate = sample_rate
        self._pending.append(samples)
        self._n_samples += len(samples)
        if self._work is None:
            loop = asyncio.get_running_loop()
            self._work = loop.run_in_executor(self._calls.worker, self._weigh)
            self._work.add_done_callback(self._weighed)

    async def end(self, why: str) -> None:
        """End the call: the whole of it is weighed and told."""
        if self._work is not None:
            await asyncio.wait([self._work])
        loop = asyncio.get_running_loop()
        try:
            whole = await loop.run_in_executor(self._calls.worker, self._finish)
            report = self._channel.final or whole
            if not self._is_final_told:
                self.tell(final_event(self.id, self.duration_s, report))
            self.tell(end_event(self.id, self.duration_s, report, whole, why=why))
        except RecognizerError as problem:
            _log.warning("call %s: %s", self.id, problem)
            error = {"kind": problem.kind, "message": str(problem)}
            at_s = round(self.duration_s, 3)
            self.tell({"event": "end", "call": self.id, "at_s": at_s, "why": why, "error": error})
        finally:
            self._calls.running.pop(self.id, None)

    def _drain(self) -> Samples:
        taken, self._pending = self._pending, []
        return np.concatenate(taken) if taken else np.zeros(0, np.float32)

    def _weigh(self) -> tuple[float, CallReport | None, CallReport | None]:
        """In the worker: take what has come."""
        report = self._channel.push(self._drain(), self._sample_rate)
        return self._channel.duration_s, report, self._channel.final

    def _finish(self) -> CallReport:
        if self._pending:
            self._channel.push(self._drain(), self._sample_rate)
        return self._channel.finish()

    def _weighed(self, work: asyncio.Future[Any]) -> None:
        self._work = None
        if work.cancelled():
            return
        problem = work.exception()
        if problem is not None:
            self._failure = (
                problem if isinstance(problem, RecognizerError) else RecognizerError(repr(problem))
            )
            return
        at_s, report, final = work.result()
        if final is not None and not self._is_final_told:
            self._is_final_told = True
            self.tell(final_event(self.id, at_s, final))
            return
        kind = None if report is None or report.outcome is None else report.outcome.kind
        if report is not None and not self._is_final_told and kind not in (None, self._told):
            self._told = kind
            self.tell(provisional_event(self.id, at_s, report))
