"""The calls of one contact in their order: what is decided before one, and after it."""

from __future__ import annotations

import datetime as dt
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session

from recognizer.crm.journal.conditions import CALL_ORDER, IN_FORCE, LAST_CALL_FIRST, ON_CARD
from recognizer.crm.journal.identity import is_one_call
from recognizer.crm.journal.tables import AttemptRow, ContactRow, DecisionRow

__all__ = [
    "Placed",
    "card_decision",
    "current_decision",
    "decided_after",
    "decided_before",
    "marked_as_heard",
    "number_after",
]


Placed: TypeAlias = tuple[AttemptRow, DecisionRow]
"""An attempt with the decision in force on it."""


def decided_before(session: Session, attempt: AttemptRow) -> Placed | None:
    """Return the attempt before this one with its decision, None if there is none."""
    if not attempt.contact_key:
        return None
    statement = _decided_of_contact(attempt).where(
        AttemptRow.called_at <= attempt.called_at,
        sa.tuple_(*CALL_ORDER) < sa.tuple_(*_place(attempt)),
    )
    found = session.execute(statement.order_by(*LAST_CALL_FIRST).limit(1)).first()
    return None if found is None else (found[0], found[1])


def number_after(
    previous: Placed | None, attempt: AttemptRow, zone: dt.tzinfo, *, counts: bool
) -> int:
    """Return the number of an attempt, from 1, that follows another one.

    Two recordings of one call, where both count, have one number between them.
    """
    if previous is None:
        return 1
    before, decision = previous
    is_counted = counts and decision.counts and is_one_call(before, attempt, zone)
    return decision.counted_after + 1 - is_counted


def decided_after(session: Session, attempt: AttemptRow) -> list[Placed]:
    """Return the later attempts with their decisions, in order."""
    if not attempt.contact_key:
        return []
    statement = _decided_of_contact(attempt).where(
        AttemptRow.called_at >= attempt.called_at,
        sa.tuple_(*CALL_ORDER) > sa.tuple_(*_place(attempt)),
    )
    return [(row[0], row[1]) for row in session.execute(statement.order_by(*CALL_ORDER))]


def _decided_of_contact(attempt: AttemptRow) -> sa.Select[AttemptRow, DecisionRow]:
    return (
        sa.select(AttemptRow, DecisionRow)
        .join(DecisionRow, DecisionRow.attempt_id == AttemptRow.id)
        .where(AttemptRow.contact_key == attempt.contact_key, IN_FORCE)
    )


def current_decision(session: Session, attempt: AttemptRow) -> DecisionRow | None:
    """Return the decision in force on an attempt."""
    return session.scalar(
        sa.select(DecisionRow).where(DecisionRow.attempt_id == attempt.id, IN_FORCE)
    )


def marked_as_heard(session: Session, contact: ContactRow) -> list[Placed]:
    """Return the calls that mark a card by what the program heard on them, in order."""
    statement = (
        sa.select(AttemptRow, DecisionRow)
        .join(DecisionRow, DecisionRow.attempt_id == AttemptRow.id)
        .where(
            AttemptRow.contact_id == contact.id,
            DecisionRow.incorrect_contact.is_(True),
            DecisionRow.correction_id.is_(None),
            IN_FORCE,
        )
        .order_by(*CALL_ORDER)
    )
    return [(row[0], row[1]) for row in session.execute(statement)]


def card_decision(session: Session, contact: ContactRow) -> DecisionRow | None:
    """Return the decision in force on a card itself, before any call."""
    return session.scalar(
        sa.select(DecisionRow).where(DecisionRow.contact_id == contact.id, ON_CARD)
    )


def _place(attempt: AttemptRow) -> tuple[Any, ...]:
    return (
        sa.literal(attempt.called_at, AttemptRow.called_at.type),
        attempt.digest or "",
        attempt.id,
    )
