"""Calls that wait for a person: which, why, and what calls that say the same have in common."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from recognizer.crm.journal.states import CONFIDENT
from recognizer.crm.journal.tables import AttemptRow, CallStateRow, CorrectionRow, DecisionRow
from recognizer.model import CallOutcome, NextStep
from recognizer.phrases.normalization import normalize

__all__ = ["WaitingCall", "WaitingCalls", "doubt_kinds"]

_QUEUE_AGE = dt.timedelta(days=30)
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
    """Return why a person should look, empty where none need: as `CallStateRow.is_doubtful`.

    Of `contradiction`, `unread`, `unknown`, `unsure`, `no-rule` and `network`.
    """
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


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """What is known of one call without opening it.

    Attributes
    ----------
    doubts : tuple of str
        As `doubt_kinds`.
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


class WaitingCalls:
    """Reads what waits; writes nothing. Shared by threads."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def newest(self) -> tuple[int | None, ...]:
        """Return what is another whenever something was added to the journal."""
        with self._engine.connect() as connection:
            return tuple(connection.execute(_NEWEST).one())

    def all(self) -> tuple[WaitingCall, ...]:
        """Return every waiting call of the last 30 days, the oldest first."""
        query = _select().where(*_conditions()).order_by(AttemptRow.id)
        with self._engine.connect() as connection:
            return tuple(_call(row) for row in connection.execute(query))

    def is_waiting(self, attempt_id: int) -> bool:
        """Return whether this call waits for a person now."""
        query = _select().where(*_conditions(), AttemptRow.id == attempt_id)
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def call(self, attempt_id: int) -> WaitingCall | None:
        """Return a call, whether it waits or not; None: there is none."""
        with self._engine.connect() as connection:
            row = connection.execute(_select().where(AttemptRow.id == attempt_id)).first()
        return None if row is None else _call(row)

    def unreviewed(self, ids: Sequence[int]) -> list[WaitingCall]:
        """Return those of some calls that nobody has reviewed, in the order given."""
        query = _select().where(AttemptRow.id.in_(ids), ~CallStateRow.is_reviewed)
        with self._engine.connect() as connection:
            found = {row.id: _call(row) for row in connection.execute(query)}
        return [found[one] for one in ids if one in found]


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
