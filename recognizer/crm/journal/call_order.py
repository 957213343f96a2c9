"""The calls of one contact in their order: what counts before one, what is decided after it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from recognizer.crm.journal.conditions import CALL_ORDER, IN_FORCE, LAST_CALL_FIRST
from recognizer.crm.journal.tables import AttemptRow, ContactRow, DecisionRow

__all__ = ["card_decision", "counted_before", "current_decision", "decided_after"]


def counted_before(session: Session, attempt: AttemptRow) -> int:
    """Return how many attempts count before this one."""
    if not attempt.contact_key:
        return 0
    order = sa.tuple_(*CALL_ORDER)
    statement = (
        sa.select(DecisionRow.counted_after)
        .join(AttemptRow, DecisionRow.attempt_id == AttemptRow.id)
        .where(
            AttemptRow.contact_key == attempt.contact_key,
            AttemptRow.called_at <= attempt.called_at,
            order < sa.tuple_(*_place(attempt)),
            IN_FORCE,
        )
        .order_by(*LAST_CALL_FIRST)
        .limit(1)
    )
    return session.scalar(statement) or 0


def decided_after(session: Session, attempt: AttemptRow) -> list[tuple[AttemptRow, DecisionRow]]:
    """Return the later attempts with their decisions, in order."""
    if not attempt.contact_key:
        return []
    order = sa.tuple_(*CALL_ORDER)
    statement = (
        sa.select(AttemptRow, DecisionRow)
        .join(DecisionRow, DecisionRow.attempt_id == AttemptRow.id)
        .where(
            AttemptRow.contact_key == attempt.contact_key,
            AttemptRow.called_at >= attempt.called_at,
            order > sa.tuple_(*_place(attempt)),
            IN_FORCE,
        )
        .order_by(*CALL_ORDER)
    )
    return [(row[0], row[1]) for row in session.execute(statement)]


def current_decision(session: Session, attempt: AttemptRow) -> DecisionRow | None:
    """Return the decision in force on an attempt."""
    return session.scalar(
        sa.select(DecisionRow).where(DecisionRow.attempt_id == attempt.id, IN_FORCE)
    )


def card_decision(session: Session, contact: ContactRow) -> DecisionRow | None:
    """Return the decision in force on a card itself, before any call."""
    return session.scalar(
        sa.select(DecisionRow).where(
            DecisionRow.contact_id == contact.id,
            DecisionRow.attempt_id.is_(None),
            IN_FORCE,
        )
    )


def _place(attempt: AttemptRow) -> tuple[Any, ...]:
    return (
        sa.literal(attempt.called_at, AttemptRow.called_at.type),
        attempt.digest or "",
        attempt.id,
    )
