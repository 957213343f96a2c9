"""The calls that are going on: sound in from any protocol, events out.

The network side only appends bytes, so it never waits for recognition and loses no sound; a worker
takes what has come, one call or a few at a time. A call that is being weighed is not queued again:
where the machine is slow, looks become rarer and no queue grows. A call that had to wait is late,
and hears nothing twice until it no longer is.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from recognizer.base.errors import RecognizerError
from recognizer.live.events import (
    Ending,
    end_event,
    final_event,
    provisional_event,
    start_event,
)
from recognizer.live.live_facts import LiveFacts
from recognizer.live.worker import SharedWorker, Steps
from recognizer.model import Audio, CallError, CallReport, Samples
from recognizer.pipeline import Recognizer
from recognizer.regulation.signalling import SignallingTable, load_signalling
from recognizer.streaming import LiveChannel, SettleRules

__all__ = ["LATE_S", "Emit", "Keeper", "LiveCall", "LiveCalls", "LiveLimits"]

_log = logging.getLogger(__name__)
_N_REMEMBERED = 1000  # calls that have ended and can still be asked for
_REJOIN_S = 30.0
LATE_S = 0.25
"""A call that waited so long for the worker is late, seconds."""

Emit = Callable[[dict[str, Any]], None]
"""Takes an event; must not block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLimits:
    """What one listener accepts.

    Attributes
    ----------
    max_channels : int
        Connections at once, over all protocols; further ones are closed at once.
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


class Keeper(Protocol):
    """Who writes calls down; called in the keeper's own thread."""

    def begin(self, call: str, started_at: dt.datetime) -> None:
        """Write down that a call began."""

    def keep(
        self, call: str, started_at: dt.datetime, facts: LiveFacts, report: CallReport
    ) -> dict[str, Any]:
        """Write down what it came to; return `journal` and `decision` for its last event."""


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
    keeper : Keeper or None
        None: calls are told, not written down.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        emit: Emit,
        *,
        limits: LiveLimits | None = None,
        rules: SettleRules | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        self.limits = limits or LiveLimits()
        self.recognizer, self.emit, self.rules = recognizer, emit, rules
        self.signalling: SignallingTable = load_signalling()
        self.keeper = keeper
        self.worker = SharedWorker(recognizer.engine)
        self.writer = ThreadPoolExecutor(1, thread_name_prefix="live-keeper")
        self.running: dict[str, LiveCall] = {}
        self.ended: OrderedDict[str, _Ended] = OrderedDict()
        self.n_connections = 0

    @property
    def is_full(self) -> bool:
        """Whether no further connection is taken."""
        return self.n_connections >= self.limits.max_channels

    def start(self, facts: LiveFacts, call: str, emit: Emit | None = None) -> LiveCall:
        """Begin a call; `emit` takes its events too.

        A call of this id may still be ending: who was cut off and comes back at once is heard.

        Raises
        ------
        RecognizerError
            If a call of this id is going on.
        """
        before = self.running.get(call)
        if before is not None and before.ending is None:
            raise RecognizerError(f"call {call}: there is one of this id already")
        live = LiveCall(self, call, facts, emit, started_at=self._started_at(call))
        self.running[call] = live
        live.begin()
        return live

    def _started_at(self, call: str) -> dt.datetime:
        """Return when a call began: one that was cut off a moment ago goes on, as one attempt."""
        ending = self.running.get(call)
        if ending is not None and ending.ending == "cut_off":
            return ending.started_at
        before = self.ended.get(call)
        now = dt.datetime.now(dt.UTC)
        if before is None or not before.is_cut_off or time.monotonic() - before.at_s > _REJOIN_S:
            return now
        return before.started_at

    def last_event(self, call: str) -> dict[str, Any] | None:
        """Return the latest event of a call that goes on or has ended, None if it is not known."""
        live = self.running.get(call)
        if live is not None:
            return live.last_event
        ended = self.ended.get(call)
        return None if ended is None else ended.event

    def forget(self, live: LiveCall, why: str) -> None:
        """Move a call to those that have ended."""
        if self.running.get(live.id) is live:
            del self.running[live.id]
        self.ended[live.id] = _Ended(
            live.last_event, live.started_at, why == "cut_off", time.monotonic()
        )
        self.ended.move_to_end(live.id)
        while len(self.ended) > _N_REMEMBERED:
            self.ended.popitem(last=False)

    def close(self) -> None:
        """Let the threads finish what they are at."""
        self.worker.close()
        self.writer.shutdown()


@dataclass(frozen=True, slots=True)
class _Ended:
    event: dict[str, Any]
    started_at: dt.datetime
    is_cut_off: bool
    at_s: float


class LiveCall:
    """One call: `push` sound, `end` it once. Used in the event loop's thread."""

    def __init__(
        self,
        calls: LiveCalls,
        call: str,
        facts: LiveFacts,
        emit: Emit | None,
        *,
        started_at: dt.datetime,
    ) -> None:
        self.id, self.facts, self.started_at = call, facts, started_at
        self.digits = ""
        self.ending: str | None = None  # why it ends, while that is still being heard
        self.last_event: dict[str, Any] = {}
        self._calls, self._emit = calls, emit
        self._channel = LiveChannel(calls.recognizer, f"live:{call}", rules=calls.rules)
        self._pending: list[Samples] = []
        self._sample_rate = 0
        self._n_samples = 0
        self._work: asyncio.Future[Any] | None = None
        self._begun: asyncio.Future[Any] | None = None
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

    @property
    def transcript(self) -> str:
        """What has been understood so far."""
        report = self._channel.report
        evidence = None if report is None else report.evidence
        transcript = None if evidence is None else evidence.transcript
        return "" if transcript is None else transcript.text

    async def sound(self) -> Audio:
        """Return what has been heard so far, 16 kHz mono."""
        return await self._calls.worker.run(self._channel.sound)

    def begin(self) -> None:
        """Tell that the call has begun, and write it down where somebody keeps calls."""
        self.tell(start_event(self.id, self.facts))
        if self._calls.keeper is not None:
            self._begun = asyncio.get_running_loop().run_in_executor(
                self._calls.writer, self._calls.keeper.begin, self.id, self.started_at
            )

    def tell(self, event: dict[str, Any]) -> None:
        """Hand on an event of this call."""
        self.last_event = event
        for emit in (self._calls.emit, self._emit):
            if emit is not None:
                emit(event)

    def learn(self, facts: LiveFacts) -> None:
        """Take what became known of the call."""
        self.facts = self.facts.joined(facts)

    def press(self, digit: str) -> None:
        """Take a key pressed at the far end."""
        if len(self.digits) < 32 and digit.isprintable():
            self.digits += digit

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
            self._queue_work()

    def _queue_work(self) -> None:
        self._work = self._calls.worker.submit(self._weigh(time.monotonic()))
        self._work.add_done_callback(self._weighed)

    async def end(self, why: str) -> None:
        """End the call: the whole of it is weighed, written down and told, also while we stop."""
        self.ending = why
        work = asyncio.ensure_future(self._end(why))
        while not work.done():
            # A listener that stops cancels its connections; what is ending then still ends.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(work)
        work.result()

    async def _end(self, why: str) -> None:
        if self._work is not None:
            await asyncio.wait([self._work])
        try:
            whole = await self._calls.worker.submit(self._finish(), is_urgent=True)
        except Exception as problem:  # noqa: BLE001 - whatever it is, the call ends, and says so
            is_foreseen = isinstance(problem, RecognizerError)
            _log.warning("call %s: %s", self.id, problem, exc_info=not is_foreseen)
            whole = _failed(self.id, problem)
        try:
            # Written down is what the whole call came to, as a recording of it would.
            whole = self._joined(whole)
            kept = await self._kept(whole)
            verdict = whole if self._channel.final is None else self._joined(self._channel.final)
            if not self._is_final_told and verdict.outcome is not None:
                self.tell(final_event(self.id, self.duration_s, verdict))
            ended = Ending(why=why, digits=self.digits, kept=kept)
            self.tell(end_event(self.id, self.duration_s, verdict, whole, ended))
        finally:
            self._calls.forget(self, why)

    def _joined(self, report: CallReport) -> CallReport:
        """Return the report with the network's codes weighed in."""
        return self._calls.signalling.join(
            report,
            self.facts.codes,
            self._calls.recognizer.regulation,
            attempt=self.facts.attempt or 1,
        )

    async def _kept(self, report: CallReport) -> dict[str, Any]:
        keeper = self._calls.keeper
        if keeper is None:
            return {}
        if self._begun is not None:
            await asyncio.wait([self._begun])
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._calls.writer, keeper.keep, self.id, self.started_at, self.facts, report
            )
        except Exception as problem:  # noqa: BLE001 - whatever it is, the verdict is told
            _log.exception("call %s: is not in the journal", self.id)
            return {"journal": {"attempt_id": None, "error": str(problem), "is_owed": True}}

    def _drain(self) -> Samples:
        taken, self._pending = self._pending, []
        return np.concatenate(taken) if taken else np.zeros(0, np.float32)

    def _weigh(self, queued_s: float) -> Steps[tuple[float, CallReport | None, CallReport | None]]:
        """In the worker: take what has come."""
        is_late = time.monotonic() - queued_s > LATE_S
        self._channel.attempt = self.facts.attempt or 1
        report = yield from self._channel.push_steps(
            self._drain(), self._sample_rate, is_late=is_late
        )
        return self._channel.duration_s, report, self._channel.final

    def _finish(self) -> Steps[CallReport]:
        self._channel.attempt = self.facts.attempt or 1
        if self._pending:
            yield from self._channel.push_steps(self._drain(), self._sample_rate, is_late=True)
        return (yield from self._channel.finish_steps())

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
        if self._pending and self.ending is None:
            self._queue_work()  # what came meanwhile, though nothing may come after it
        at_s, report, final = work.result()
        if final is not None and not self._is_final_told:
            self._is_final_told = True
            self.tell(final_event(self.id, at_s, self._joined(final)))
            return
        kind = None if report is None or report.outcome is None else report.outcome.kind
        if report is not None and not self._is_final_told and kind not in (None, self._told):
            self._told = kind
            self.tell(provisional_event(self.id, at_s, report))


def _failed(call: str, problem: Exception) -> CallReport:
    foreseen = problem if isinstance(problem, RecognizerError) else RecognizerError(repr(problem))
    error = CallError(foreseen.kind, str(foreseen))
    return CallReport(f"live:{call}", None, None, None, 0.0, error)
