"""Where a recording stands already: cards are imported, numbers change hands, people move calls.

One recording is one attempt wherever it stands. A later hearing brings it to the card that it is
known to be of by then, unless a person said whose it is, or it is a card's already: cards get and
lose numbers, the call was made to whoever had it.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from recognizer.crm.journal.conditions import has_content
from recognizer.crm.journal.identity import (
    contact_key,
    content_of,
    dialled_number,
    is_another_call,
    is_recording_of,
)
from recognizer.crm.journal.records import REHEARING
from recognizer.crm.journal.tables import AssignmentRow, AttemptRow, ContactPhoneRow, ContactRow

__all__ = ["attempt_that_stays", "attempts_without_card", "number_keys"]


def attempt_that_stays(
    session: Session, attempt: AttemptRow, card: ContactRow | None, zone: dt.tzinfo, *, named: bool
) -> AttemptRow | None:
    """Return the attempt, not of `card`, that has the recording and keeps its place; None: none.

    Parameters
    ----------
    attempt : AttemptRow
        What was heard now, not added.
    card : ContactRow or None
        Whose it seems to be.
    named : bool
        Whether that card was named, and not only found by the number called.
    """
    key = contact_key(card, attempt.number)
    if card is None and not key:
        return None
    for found in _of_recording(session, attempt, _with_number_or_from(attempt, card), zone):
        if any(there.contact_key == key for there in found):
            return None  # what was left on a card that was merged into this one is here, too
        for there in found:
            moves = _moved_by_people(session, there)
            is_elsewhere = there.contact_id is not None or bool(moves)
            if (card is not None and card.id in moves) or (is_elsewhere and not named):
                return there
    return None


def attempts_without_card(
    session: Session, attempt: AttemptRow, keys: list[str], zone: dt.tzinfo
) -> list[AttemptRow]:
    """Return the attempts under keys of numbers that have the recording of a call to a card."""
    same, replaced = _of_recording(session, attempt, AttemptRow.contact_key.in_(keys), zone)
    return [there for there in same + replaced if not _moved_by_people(session, there)]


def number_keys(session: Session, number: str | None, card: ContactRow) -> list[str]:
    """Return what attempts without a card stand under that may be calls to this card's numbers."""
    statement = sa.select(ContactPhoneRow.number).where(ContactPhoneRow.contact_id == card.id)
    numbers = {number} if dialled_number(number) else set(session.scalars(statement))
    return sorted(key for key in (contact_key(None, each) for each in numbers) if key)


def _with_number_or_from(attempt: AttemptRow, card: ContactRow | None) -> sa.ColumnElement[bool]:
    """Return the condition on a call: to the number; where none is known, taken from the card."""
    if dialled_number(attempt.number):
        return AttemptRow.number == attempt.number
    taken = sa.select(AssignmentRow.attempt_id)
    return AttemptRow.id.in_(taken.where(AssignmentRow.from_contact_id == (card and card.id)))


def _of_recording(
    session: Session, attempt: AttemptRow, where: sa.ColumnElement[bool], zone: dt.tzinfo
) -> tuple[list[AttemptRow], list[AttemptRow]]:
    """Return the attempts of the very recording: with its content, and those that it replaces."""
    content = content_of(attempt)
    if content is None:
        return [], []
    is_its_call = sa.or_(
        AttemptRow.called_at == attempt.called_at,
        sa.and_(AttemptRow.call_id.is_not(None), AttemptRow.call_id == attempt.call_id),
    )
    statement = sa.select(AttemptRow).where(where, sa.or_(has_content(content), is_its_call))
    # Asked again once its place is held, for others may have moved it meanwhile.
    statement = statement.order_by(AttemptRow.id).execution_options(populate_existing=True)
    found = session.scalars(statement).all()
    same = [
        there
        for there in found
        if content_of(there) == content and not is_another_call(there, attempt)
    ]
    replaced = [
        there
        for there in found
        if content_of(there) != content and is_recording_of(there, attempt, zone)
    ]
    return same, replaced


def _moved_by_people(session: Session, attempt: AttemptRow) -> set[int | None]:
    """Return the cards (None: none) that people took an attempt from; empty: nobody moved it."""
    statement = sa.select(AssignmentRow.from_contact_id).where(
        AssignmentRow.attempt_id == attempt.id, AssignmentRow.made_by != REHEARING
    )
    return set(session.scalars(statement))
