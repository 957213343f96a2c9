"""Filters over attempts and cards as conditions of a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from recognizer.crm.contacts import read_numbers
from recognizer.crm.journal.conditions import has_content
from recognizer.crm.journal.records import AttemptFilter
from recognizer.crm.journal.tables import (
    AttemptRow,
    CallStateRow,
    ContactPhoneRow,
    ContactRow,
    DecisionRow,
)

__all__ = [
    "Cards",
    "Condition",
    "any_of",
    "attempt_filters",
    "contact_filter",
    "either",
    "is_corrected",
    "joined",
]

Condition = sa.ColumnElement[bool]
Cards = sa.Select[Any]
"""A query of the ids of cards: calls of theirs are meant."""


def attempt_filters(which: AttemptFilter) -> list[Condition]:
    """Return the conditions of a filter but those of `any_of`, over the rows of `joined`."""
    conditions = [column == value for column, value in _equal(which) if value is not None]
    conditions += [
        condition if wanted else ~condition
        for condition, wanted in (
            (CallStateRow.has_error, which.has_error),
            (is_corrected(), which.is_corrected),
        )
        if wanted is not None
    ]
    if which.contact is not None:
        by_ref = sa.select(ContactRow.id).where(ContactRow.ref == which.contact)
        conditions.append(AttemptRow.contact_id.in_(by_ref))
    if which.digest is not None:
        conditions.append(has_content(which.digest))
    if which.outcomes:
        conditions.append(CallStateRow.outcome.in_([outcome.value for outcome in which.outcomes]))
    if which.since is not None:
        conditions.append(CallStateRow.called_at >= which.since)
    if which.until is not None:
        conditions.append(CallStateRow.called_at < which.until)
    return conditions


def joined(*columns: Any) -> sa.Select[Any]:
    """Return a query over attempts with what stands for them, and the decisions in force."""
    query: sa.Select[Any] = sa.select(*columns)
    return (
        query.select_from(AttemptRow)
        .join(CallStateRow, CallStateRow.attempt_id == AttemptRow.id)
        .outerjoin(DecisionRow, DecisionRow.id == CallStateRow.decision_id)
    )


def any_of(which: AttemptFilter) -> list[list[Condition | Cards]]:
    """Return what a filter says of numbers and words: of each list one condition must hold.

    Apart from each other, for a database finds each by its own index.
    """
    return [found for found in (_has_number(which.number), _has_text(which.text)) if found]


def _has_number(number: str | None) -> list[Condition | Cards]:
    if number is None:
        return []
    numbers = [found.e164 for found in read_numbers(number) if found.e164]
    cards = sa.select(ContactPhoneRow.contact_id).where(ContactPhoneRow.number.in_(numbers))
    return [AttemptRow.number.in_(numbers or [number]), cards]


def _has_text(text: str | None) -> list[Condition | Cards]:
    """Return conditions, any of which says that a call or its card has these words or digits.

    To look through, not to say whose a call is: four last digits are many people's.
    """
    if not text:
        return []
    folded = text.casefold()
    found: list[Condition | Cards] = [
        AttemptRow.recording.contains(text, autoescape=True),
        AttemptRow.transcript.contains(text, autoescape=True),
        AttemptRow.transcript.contains(folded, autoescape=True),
        sa.select(ContactRow.id).where(ContactRow.search_text.contains(folded, autoescape=True)),
    ]
    digits = "".join(char for char in text if char.isdigit())
    if len(digits) >= 4 and not any(char.isalpha() for char in text):
        ends = ContactPhoneRow.number.endswith(digits, autoescape=True)
        found.append(AttemptRow.number.endswith(digits, autoescape=True))
        found.append(sa.select(ContactPhoneRow.contact_id).where(ends))
    return found


def either(branches: Sequence[Condition | Cards]) -> Condition:
    """Return the condition that one of these holds."""
    return sa.or_(
        *(AttemptRow.contact_id.in_(b) if isinstance(b, sa.Select) else b for b in branches)
    )


def is_corrected() -> Condition:
    """Return the condition that a person corrected what the program heard."""
    return sa.and_(
        CallStateRow.is_reviewed, sa.or_(CallStateRow.heard.is_not(None), CallStateRow.has_error)
    )


def _equal(which: AttemptFilter) -> tuple[tuple[Any, Any], ...]:
    """Return the columns a filter compares for equality, with their values."""
    return (
        (DecisionRow.rule_id, which.rule_id),
        (DecisionRow.status, which.status),
        (CallStateRow.next, None if which.next is None else which.next.value),
        (CallStateRow.final, which.final),
        (CallStateRow.incorrect_contact, which.incorrect_contact),
    )


def contact_filter(query: str) -> Condition:
    """Return the condition that a card has this number, part of a number, or text."""
    text = query.strip()
    if not text:
        return sa.true()
    digits = "".join(char for char in text if char.isdigit())
    whole = [found.e164 for found in read_numbers(text) if found.e164]
    number = ContactPhoneRow.number
    if whole:
        with_number = sa.select(ContactPhoneRow.contact_id).where(number.in_(whole))
        return sa.or_(ContactRow.id.in_(with_number), ContactRow.ref == text)
    by_text = ContactRow.search_text.contains(text.casefold(), autoescape=True)
    if len(digits) < 4 or any(char.isalpha() for char in text):
        return by_text
    with_part = sa.select(ContactPhoneRow.contact_id).where(number.contains(digits))
    return sa.or_(ContactRow.id.in_(with_part), by_text)
