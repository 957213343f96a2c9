"""Which calls wait for a person, in what order, and which of them say the same.

All that wait are few beside all calls, so they are read whole, and filtered, grouped and put in
order here: what comes next for a person is one question, whatever they filter by.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from recognizer.crm.journal.states import CONFIDENT
from recognizer.crm.journal.tables import AttemptRow, CallStateRow, CorrectionRow, DecisionRow
from recognizer.model import CallOutcome, NextStep
from recognizer.model.classification import Classification
from recognizer.phrases.normalization import normalize
from recognizer.web.pages.queue_filter import DOUBT_NAMES, QueueFilter
from recognizer.web.pages.sampling import draw_sample

__all__ = [
    "Waiting",
    "WaitingCall",
    "doubts",
]

_QUEUE_AGE = dt.timedelta(days=30)
_LONG_S, _KEPT_S = 0.2, 15.0
_UNCHANGED_S = 30.0
_MIN_WORDS = 2


def doubt_kinds(
    outcome: CallOutcome | None,
    confidence: float | None,
    next_step: NextStep | None,
    *,
    is_unread: bool,
    disagrees: bool,
    contradicts: bool,
) -> tuple[str, ...]:
    """Return the keys of `DOUBT_NAMES` that hold: as `CallStateRow.is_doubtful`."""
    found = ["contradiction"] if contradicts else []
    if is_unread:
        found.append("unread")
    elif outcome is CallOutcome.UNDETERMINED:
        found.append("unknown")
    elif confidence is not None and confidence < CONFIDENT:
        found.append("unsure")
    elif next_step is NextStep.OPERATOR and outcome is not CallOutcome.LIVE_PERSON:
        found.append("no-rule")
    if disagrees:
        found.append("network")
    return tuple(found)


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


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """What the queue knows of one call.

    Attributes
    ----------
    doubts : tuple of str
        Keys of `DOUBT_NAMES`.
    code : str
        The three digits behind +7; empty where there is no such number.
    wording : str
        What calls that say the same have in common: outcome and normalized transcript; empty
        where too little was said to tell.
    version : str
        As `AttemptRecord.version`.
    """

    id: int
    outcome: CallOutcome | None
    confidence: float | None
    doubts: tuple[str, ...]
    code: str
    wording: str
    version: str

    @property
    def is_sure(self) -> bool:
        """Whether the machine is sure of what it heard, and nothing speaks against it."""
        return (
            self.outcome is not None
            and self.confidence is not None
            and self.confidence >= CONFIDENT
            and self.doubts == ("no-rule",)
        )


class Waiting:
    """Reads what waits; writes nothing. Shared by threads."""

    def __init__(self, engine: sa.Engine, zone: dt.tzinfo) -> None:
        self._engine = engine
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
            query = _select().where(*_conditions()).order_by(AttemptRow.id)
            with self._engine.connect() as connection:
                newest = tuple(connection.execute(_NEWEST).one())
                if newest == self._seen[0] and begun < self._seen[1]:
                    return self._kept
                found = tuple(_call(row) for row in connection.execute(query))
            took_s = time.monotonic() - begun
            self._kept = found
            self._seen = (newest, begun + _UNCHANGED_S)
            self._until = begun + min(_KEPT_S, 20 * took_s) if took_s > _LONG_S else 0.0
            return found

    def is_waiting(self, attempt_id: int) -> bool:
        """Return whether this call waits for a person now."""
        query = _select().where(*_conditions(), AttemptRow.id == attempt_id)
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def call(self, attempt_id: int) -> WaitingCall | None:
        """Return a call as the queue knows it, whether it waits or not; None: there is none."""
        with self._engine.connect() as connection:
            row = connection.execute(_select().where(AttemptRow.id == attempt_id)).first()
        return None if row is None else _call(row)

    def sizes(self) -> Counter[str]:
        """Return how many waiting calls say the same, by `WaitingCall.wording`."""
        return Counter(call.wording for call in self.all() if call.wording)

    def chosen(self, which: QueueFilter) -> list[WaitingCall]:
        """Return the waiting calls of a filter, in its order."""
        if which.sample is not None:
            return self._unchecked(self._drawn(*which.sample))
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

    def _unchecked(self, drawn: Sequence[int]) -> list[WaitingCall]:
        query = _select().where(AttemptRow.id.in_(drawn), ~CallStateRow.is_reviewed)
        with self._engine.connect() as connection:
            found = {row.id: _call(row) for row in connection.execute(query)}
        return [found[one] for one in drawn if one in found]

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


_NEWEST = sa.select(
    *(
        sa.select(sa.func.max(column)).scalar_subquery()
        for column in (CallStateRow.attempt_id, DecisionRow.id, CorrectionRow.id)
    )
)
"""What changes whenever something is added to the journal."""


def _select() -> sa.Select[Any]:
    columns: tuple[Any, ...] = (
        AttemptRow.id,
        CallStateRow.heard,
        CallStateRow.confidence,
        AttemptRow.number,
        AttemptRow.transcript,
        CallStateRow.has_error,
        AttemptRow.contact_id,
        CallStateRow.decision_id,
        CallStateRow.outcome,
        CallStateRow.next,
        CallStateRow.network,
        CallStateRow.contradicts,
    )
    selected: sa.Select[Any] = sa.select(*columns)
    return selected.join(CallStateRow, CallStateRow.attempt_id == AttemptRow.id)


def _conditions() -> tuple[Any, ...]:
    return (
        CallStateRow.is_doubtful,
        ~CallStateRow.is_reviewed,
        CallStateRow.called_at > dt.datetime.now(dt.UTC) - _QUEUE_AGE,
        AttemptRow.purged_at.is_(None),
    )


def _call(row: sa.Row[Any]) -> WaitingCall:
    outcome = None if row.heard is None else CallOutcome(row.heard)
    number = row.number or ""
    return WaitingCall(
        id=row.id,
        outcome=outcome,
        confidence=row.confidence,
        doubts=doubt_kinds(
            outcome,
            row.confidence,
            None if row.next is None else NextStep(row.next),
            is_unread=row.has_error and row.outcome is None,
            disagrees=row.network == "disagrees",
            contradicts=row.contradicts,
        ),
        code=number[2:5] if number.startswith("+7") and len(number) == 12 else "",
        wording=_wording(row.heard or "", row.transcript or ""),
        version=f"{row.decision_id or 0}-{row.contact_id or 0}",
    )


@lru_cache(maxsize=50_000)
def _wording(outcome: str, transcript: str) -> str:
    words = normalize(transcript)
    return f"{outcome}: {words}" if len(words.split()) >= _MIN_WORDS else ""
