"""Reading the journal's tables: filters, records, counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from recognizer.crm.contacts import Office, read_numbers
from recognizer.crm.journal.cards import card_of
from recognizer.crm.journal.records import (
    AttemptFilter,
    AttemptPage,
    AttemptRecord,
    ContactRecord,
    CorrectionRecord,
    DecisionRecord,
    Overview,
)
from recognizer.crm.journal.tables import (
    AttemptRow,
    ContactPhoneRow,
    ContactRow,
    CorrectionRow,
    DecisionRow,
)
from recognizer.crm.journal.timeline import BY_PERSON, IN_FORCE, decision_of
from recognizer.model import CallError, CallOutcome, NextStep

__all__ = [
    "attempt_filters",
    "attempt_record",
    "contact_filter",
    "contact_record",
    "contact_records",
    "correction_record",
    "decision_record",
    "read_attempts",
    "read_overview",
]

Condition = sa.ColumnElement[bool]

# --- filters -------------------------------------------------------------------------------


def attempt_filters(which: AttemptFilter) -> list[Condition]:
    """Return the conditions of a filter, over attempts joined with their decisions in force."""
    conditions = [column == value for column, value in _equal(which) if value is not None]
    conditions += [
        condition if wanted else ~condition
        for condition, wanted in (
            (AttemptRow.error_kind.is_not(None), which.has_error),
            (_is_corrected(), which.is_corrected),
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


def _is_corrected() -> Condition:
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
        (AttemptRow.digest, which.digest),
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


# --- records -------------------------------------------------------------------------------


def decision_record(row: DecisionRow) -> DecisionRecord:
    """Return the record of a decision."""
    return DecisionRecord(
        id=row.id,
        attempt_id=row.attempt_id,
        contact_id=row.contact_id,
        correction_id=row.correction_id,
        supersedes_id=row.supersedes_id,
        made_at=row.made_at,
        source=row.source,
        outcome=None if row.outcome is None else CallOutcome(row.outcome),
        stated=row.stated,
        decision=decision_of(row),
        counts=row.counts,
        resets=row.resets,
        counted_after=row.counted_after,
        regulation_version=row.regulation_version,
    )


def correction_record(row: CorrectionRow, *, is_withdrawn: bool = False) -> CorrectionRecord:
    """Return the record of a correction."""
    return CorrectionRecord(
        id=row.id,
        attempt_id=row.attempt_id,
        made_at=row.made_at,
        made_by=row.made_by,
        outcome=None if row.outcome is None else CallOutcome(row.outcome),
        stated=row.stated,
        name=row.name,
        words=row.words,
        note=row.note,
        withdraws_id=row.withdraws_id,
        is_withdrawn=is_withdrawn,
    )


def attempt_record(session: Session, row: AttemptRow, *, is_new: bool = False) -> AttemptRecord:
    """Return the record of one attempt."""
    return attempt_records(session, [row], is_new=is_new)[0]


def attempt_records(
    session: Session, rows: Sequence[AttemptRow], *, is_new: bool = False
) -> list[AttemptRecord]:
    """Return the records of attempts, with a fixed number of queries."""
    ids = [row.id for row in rows]
    decisions = {
        row.attempt_id: row
        for row in session.scalars(
            sa.select(DecisionRow).where(DecisionRow.attempt_id.in_(ids), IN_FORCE)
        )
    }
    refs = _by_id(
        session,
        sa.select(ContactRow.id, ContactRow.ref).where(
            ContactRow.id.in_({row.contact_id for row in rows if row.contact_id is not None})
        ),
    )
    corrections = _by_id(
        session,
        sa.select(CorrectionRow.attempt_id, sa.func.count())
        .where(CorrectionRow.attempt_id.in_(ids), BY_PERSON)
        .group_by(CorrectionRow.attempt_id),
    )
    return [
        AttemptRecord(
            id=row.id,
            contact_id=row.contact_id,
            contact_ref=refs.get(row.contact_id),
            number=row.number,
            recording=row.recording,
            digest=row.digest,
            called_at=row.called_at,
            recorded_at=row.recorded_at,
            outcome=None if row.outcome is None else CallOutcome(row.outcome),
            confidence=row.confidence,
            phrase_id=row.phrase_id,
            transcript=row.transcript,
            duration_s=row.duration_s,
            error=None
            if row.error_kind is None
            else CallError(row.error_kind, row.error_message or ""),
            report=row.report,
            software_version=row.software_version,
            phrases_version=row.phrases_version,
            engine=row.engine,
            model=row.model,
            purged_at=row.purged_at,
            decision=decision_record(decisions[row.id]) if row.id in decisions else None,
            n_corrections=corrections.get(row.id, 0),
            is_new=is_new,
        )
        for row in rows
    ]


def _by_id(session: Session, statement: sa.Executable) -> dict[Any, Any]:
    return {row[0]: row[1] for row in session.execute(statement)}


def read_attempts(
    session: Session, conditions: Sequence[Condition], limit: int, before_id: int | None
) -> AttemptPage:
    """Return a page of the attempts that fit, the last recorded first."""
    statement = (
        sa.select(AttemptRow)
        .outerjoin(DecisionRow, sa.and_(DecisionRow.attempt_id == AttemptRow.id, IN_FORCE))
        .where(*conditions)
        .order_by(AttemptRow.id.desc())
        .limit(limit + 1)
    )
    if before_id is not None:
        statement = statement.where(AttemptRow.id < before_id)
    rows = session.scalars(statement).all()
    page = rows[:limit]
    return AttemptPage(
        items=tuple(attempt_records(session, page)),
        next_before_id=page[-1].id if len(rows) > limit else None,
    )


def contact_record(session: Session, row: ContactRow) -> ContactRecord:
    """Return the record of one card."""
    return contact_records(session, [row])[0]


def contact_records(session: Session, rows: Sequence[ContactRow]) -> list[ContactRecord]:
    """Return the records of cards, with a fixed number of queries."""
    deciding = {
        row.id: row
        for row in session.scalars(
            sa.select(DecisionRow).where(
                DecisionRow.id.in_({row.deciding_id for row in rows if row.deciding_id is not None})
            )
        )
    }
    counted = _counted(session, [row.id for row in rows])
    merged = {row.merged_into_id for row in rows if row.merged_into_id is not None}
    refs = (
        _by_id(session, sa.select(ContactRow.id, ContactRow.ref).where(ContactRow.id.in_(merged)))
        if merged
        else {}
    )
    records = []
    for row in rows:
        decision = deciding.get(row.deciding_id or -1)
        records.append(
            ContactRecord(
                id=row.id,
                card=card_of(row),
                status=row.result if decision is None else decision.status or "",
                incorrect_contact=row.incorrect_contact
                if decision is None
                else bool(decision.incorrect_contact),
                deciding=None if decision is None else decision_record(decision),
                n_counted=counted.get(row.id, 0),
                updated_at=row.updated_at,
                merged_into=refs.get(row.merged_into_id),
            )
        )
    return records


def _counted(session: Session, contact_ids: Sequence[int]) -> dict[int, int]:
    """Return how many attempts of each contact count now: what its last decision says."""
    place = sa.func.row_number().over(
        partition_by=AttemptRow.contact_id,
        order_by=(
            AttemptRow.called_at.desc(),
            sa.func.coalesce(AttemptRow.digest, "").desc(),
            AttemptRow.id.desc(),
        ),
    )
    ranked = (
        sa.select(AttemptRow.contact_id, DecisionRow.counted_after, place.label("place"))
        .join(DecisionRow, DecisionRow.attempt_id == AttemptRow.id)
        .where(AttemptRow.contact_id.in_(contact_ids), IN_FORCE)
        .subquery()
    )
    return _by_id(
        session,
        sa.select(ranked.c.contact_id, ranked.c.counted_after).where(ranked.c.place == 1),
    )


def read_overview(session: Session, conditions: Sequence[Condition], office: Office) -> Overview:
    """Return counts of the attempts that fit: one pass, grouped by the database."""
    columns = (
        DecisionRow.outcome,
        DecisionRow.rule_id,
        DecisionRow.next,
        DecisionRow.final,
        DecisionRow.incorrect_contact,
        AttemptRow.error_kind.is_not(None),
        AttemptRow.engine,
        AttemptRow.model,
        _is_corrected(),
    )
    joined = sa.and_(DecisionRow.attempt_id == AttemptRow.id, IN_FORCE)
    grouped = (
        sa.select(*columns, sa.func.count())
        .select_from(AttemptRow)
        .outerjoin(DecisionRow, joined)
        .where(*conditions)
        .group_by(*columns)
    )
    totals: Counter[str] = Counter()
    by_outcome: Counter[str] = Counter()
    by_rule: Counter[str] = Counter()
    by_next: Counter[str] = Counter()
    by_model: Counter[str] = Counter()
    for (
        outcome,
        rule,
        following,
        final,
        mark,
        error,
        engine,
        model,
        corrected,
        n,
    ) in session.execute(grouped):
        totals["attempts"] += n
        totals["errors"] += n * bool(error)
        totals["corrected"] += n * bool(corrected)
        totals["final"] += n * bool(final)
        totals["marked"] += n * bool(final and mark)
        totals["waiting"] += n * (not corrected and bool(error or following == NextStep.OPERATOR))
        for counter, name in (
            (by_outcome, outcome),
            (by_rule, rule),
            (by_next, following),
            (by_model, model and f"{engine}/{model}"),
        ):
            if name is not None:
                counter[name] += n
    return Overview(
        n_attempts=totals["attempts"],
        n_errors=totals["errors"],
        n_corrected=totals["corrected"],
        n_final=totals["final"],
        n_marked=totals["marked"],
        n_waiting=totals["waiting"],
        by_outcome=dict(by_outcome.most_common()),
        by_rule=dict(by_rule.most_common()),
        by_next=dict(by_next.most_common()),
        by_day=_by_day(session, conditions, office),
        by_model=dict(by_model.most_common()),
    )


def _by_day(session: Session, conditions: Sequence[Condition], office: Office) -> dict[str, int]:
    """Return attempts a day of the office, whose zone the database need not know."""
    statement = (
        sa.select(AttemptRow.called_at)
        .outerjoin(DecisionRow, sa.and_(DecisionRow.attempt_id == AttemptRow.id, IN_FORCE))
        .where(*conditions)
        .execution_options(yield_per=10_000)
    )
    days = Counter(office.day_of(moment) for moment in session.scalars(statement))
    return {day.isoformat(): days[day] for day in sorted(days)}
