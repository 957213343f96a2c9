"""Filters over attempts and cards as conditions of a query."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from recognizer.crm.contacts import read_numbers
from recognizer.crm.journal.conditions import BY_PERSON
from recognizer.crm.journal.records import AttemptFilter
from recognizer.crm.journal.tables import (
    AttemptRow,
    ContactPhoneRow,
    ContactRow,
    CorrectionRow,
    DecisionRow,
)

__all__ = ["Condition", "attempt_filters", "contact_filter", "is_corrected"]

Condition = sa.ColumnElement[bool]


def attempt_filters(which: AttemptFilter) -> list[Condition]:
    """Return the conditions of a filter, over attempts joined with their decisions in force."""
    conditions = [column == value for column, value in _equal(which) if value is not None]
    conditions += [
        condition if wanted else ~condition
        for condition, wanted in (
            (AttemptRow.error_kind.is_not(None), which.has_error),
            (is_corrected(), which.is_corrected),
        )
        if wanted is not None
    ]
    if which.contact is not None:
        by_ref = sa.select(ContactRow.id).where(ContactRow.ref == which.contact)
        conditions.append(AttemptRow.contact_id.in_(by_ref))
    if which.number is not None:
        numbers = [found.e164 for found in read_numbers(which.number) if found.e164]
        cards = sa.select(ContactPhoneRow.contact_id).where(ContactPhoneRow.number.in_(numbers))
        conditions.append(
            sa.or_(
                AttemptRow.number.in_(numbers or [which.number]), AttemptRow.contact_id.in_(cards)
            )
        )
    if which.outcomes:
        conditions.append(DecisionRow.outcome.in_([outcome.value for outcome in which.outcomes]))
    if which.since is not None:
        conditions.append(AttemptRow.called_at >= which.since)
    if which.until is not None:
        conditions.append(AttemptRow.called_at < which.until)
    if which.text:
        conditions.append(_has_text(which.text))
    return conditions


def _has_text(text: str) -> Condition:
    """Return the condition that a call, or its card, has these words or digits somewhere.

    To look through, not to say whose a call is: four last digits are many people's.
    """
    folded = text.casefold()
    found = [
        AttemptRow.recording.contains(text, autoescape=True),
        AttemptRow.transcript.contains(text, autoescape=True),
        AttemptRow.transcript.contains(folded, autoescape=True),
        AttemptRow.contact_id.in_(
            sa.select(ContactRow.id).where(ContactRow.search_text.contains(folded, autoescape=True))
        ),
    ]
    digits = "".join(char for char in text if char.isdigit())
    if len(digits) >= 4 and not any(char.isalpha() for char in text):
        ends = ContactPhoneRow.number.endswith(digits, autoescape=True)
        found.append(AttemptRow.number.endswith(digits, autoescape=True))
        found.append(AttemptRow.contact_id.in_(sa.select(ContactPhoneRow.contact_id).where(ends)))
    return sa.or_(*found)


def is_corrected() -> Condition:
    """Return the condition that a person corrected what the program heard."""
    return sa.and_(
        sa.or_(AttemptRow.outcome.is_not(None), AttemptRow.error_kind.is_not(None)),
        sa.exists().where(CorrectionRow.attempt_id == AttemptRow.id, BY_PERSON),
    )


def _equal(which: AttemptFilter) -> tuple[tuple[Any, Any], ...]:
    """Return the columns a filter compares for equality, with their values."""
    return (
        (DecisionRow.rule_id, which.rule_id),
        (DecisionRow.status, which.status),
        (DecisionRow.next, None if which.next is None else which.next.value),
        (DecisionRow.final, which.final),
        (DecisionRow.incorrect_contact, which.incorrect_contact),
        (sa.func.coalesce(AttemptRow.content_digest, AttemptRow.digest), which.digest),
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
