"""The queue of calls that wait for a person, filtered and in the order asked for.

All that wait are few beside all calls, so they are read whole, and filtered, grouped and put in
order here: what comes next for a person is one question, whatever they filter by.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from recognizer.crm.journal.database import Database
from recognizer.crm.journal.sampling import draw_sample
from recognizer.crm.journal.waiting import WaitingCall, WaitingCalls, doubt_kinds
from recognizer.model import NextStep
from recognizer.model.classification import Classification
from recognizer.web.pages.queue_filter import DOUBT_NAMES, QueueFilter

__all__ = ["Waiting", "doubts"]

_LONG_S, _KEPT_S = 0.2, 15.0
_UNCHANGED_S = 30.0


def doubts(
    report: Classification, next_step: NextStep | None, *, contradicts: bool = False
) -> tuple[str, ...]:
    """Return why a person should look, in Russian."""
    signalling = report.signalling
    kinds = doubt_kinds(
        report.outcome,
        report.confidence,
        next_step,
        is_unread=report.error is not None and report.outcome is None,
        disagrees=signalling is not None and signalling.agreement == "disagrees",
        contradicts=contradicts,
    )
    return tuple(DOUBT_NAMES[kind] for kind in kinds)


class Waiting:
    """Reads what waits; writes nothing. Shared by threads."""

    def __init__(self, database: Database, zone: dt.tzinfo) -> None:
        self._engine = database.engine
        self._calls = WaitingCalls(database.engine)
        self._zone = zone
        self._lock = threading.Lock()
        self._kept: tuple[WaitingCall, ...] = ()
        self._until = 0.0
        self._seen: tuple[object, float] = (None, 0.0)

    def forget(self) -> None:
        """Read anew at the next question: somebody has decided."""
        self._until = 0.0

    def all(self) -> tuple[WaitingCall, ...]:
        """Return every waiting call of the last 30 days, the oldest first.

        What was read is kept as long as nothing was added to the journal; where reading takes
        long, for some seconds all the same.
        """
        if time.monotonic() < self._until:
            return self._kept
        with self._lock:
            begun = time.monotonic()
            if begun < self._until:
                return self._kept
            newest = self._calls.newest()  # first: what is added meanwhile is read once more
            if newest == self._seen[0] and begun < self._seen[1]:
                return self._kept
            found = self._calls.all()
            took_s = time.monotonic() - begun
            self._kept = found
            self._seen = (newest, begun + _UNCHANGED_S)
            self._until = begun + min(_KEPT_S, 20 * took_s) if took_s > _LONG_S else 0.0
            return found

    def is_waiting(self, attempt_id: int) -> bool:
        """Return whether this call waits for a person now."""
        return self._calls.is_waiting(attempt_id)

    def call(self, attempt_id: int) -> WaitingCall | None:
        """Return a call as the queue knows it, whether it waits or not; None: there is none."""
        return self._calls.call(attempt_id)

    def sizes(self) -> Counter[str]:
        """Return how many waiting calls say the same, by `WaitingCall.wording`."""
        return Counter(call.wording for call in self.all() if call.wording)

    def chosen(self, which: QueueFilter) -> list[WaitingCall]:
        """Return the waiting calls of a filter, in its order."""
        if which.sample is not None:
            return self._calls.unreviewed(self._drawn(*which.sample))
        found = [call for call in self.all() if _fits(call, which)]
        if which.alike is not None:
            like = self.call(which.alike)
            wording = like.wording if like is not None else ""
            found = [c for c in found if c.wording == wording] if wording else []
        found.sort(key=self._place(which))
        return found

    def _drawn(self, first: dt.date, last: dt.date) -> Sequence[int]:
        since = dt.datetime.combine(first, dt.time(), self._zone)
        until = dt.datetime.combine(last + dt.timedelta(days=1), dt.time(), self._zone)
        return draw_sample(self._engine, since, until)

    def after(
        self, attempt_id: int, which: QueueFilter, is_free: Callable[[int], bool]
    ) -> int | None:
        """Return the next call of a filter that is free, from the start again after the last."""
        calls = [c for c in self.chosen(which) if c.id != attempt_id]
        here = self.call(attempt_id)
        if here is not None:
            place = self._place(which)
            at = place(here)
            later = [call for call in calls if place(call) > at]
            calls = later + [call for call in calls if place(call) < at]
        return next((call.id for call in calls if is_free(call.id)), None)

    def before(self, attempt_id: int, which: QueueFilter) -> int | None:
        """Return the call of a filter before this one; None before the first."""
        here = self.call(attempt_id)
        if here is None:
            return None
        place = self._place(which)
        at = place(here)
        earlier = [call.id for call in self.chosen(which) if place(call) < at]
        return earlier[-1] if earlier else None

    def _place(self, which: QueueFilter) -> Callable[[WaitingCall], tuple[Any, ...]]:
        if which.sample is not None:
            place = {call: index for index, call in enumerate(self._drawn(*which.sample))}
            return lambda call: (place.get(call.id, -1), call.id)
        if which.order == "new":
            return lambda call: (-call.id,)
        if which.order == "unsure":
            return lambda call: (-1.0 if call.confidence is None else call.confidence, call.id)
        if which.order == "alike":
            sizes = self.sizes()
            return lambda call: (-sizes[call.wording], call.wording, call.id)
        return lambda call: (call.id,)


def _fits(call: WaitingCall, which: QueueFilter) -> bool:
    return (
        (not which.reason or which.reason in call.doubts)
        and (not which.outcome or call.outcome == which.outcome)
        and (not which.code or call.code == which.code)
        and (not which.is_sure or call.is_sure)
    )
