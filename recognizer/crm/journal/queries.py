"""Records of the journal's rows, with a fixed number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from recognizer.crm.journal.cards import card_of
from recognizer.crm.journal.conditions import BY_PERSON, IN_FORCE, LAST_CALL_FIRST
from recognizer.crm.journal.filters import Cards, Condition, either, joined
from recognizer.crm.journal.records import (
    AttemptPage,
    AttemptRecord,
    ContactRecord,
    CorrectionRecord,
    DecisionRecord,
)
from recognizer.crm.journal.rulings import decision_of
from recognizer.crm.journal.tables import (
    AttemptRow,
    CallStateRow,
    ContactRow,
    CorrectionRow,
    DecisionRow,
)
from recognizer.model import CallError, CallOutcome

__all__ = [
    "attempt_record",
    "attempt_records",
    "contact_record",
    "contact_records",
    "correction_record",
    "decision_record",
    "read_attempts",
]


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
            digest=row.content_digest or row.digest,
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
    session: Session,
    conditions: Sequence[Condition],
    limit: int,
    before_id: int | None,
    *,
    any_of: Sequence[Sequence[Condition | Cards]] = (),
) -> AttemptPage:
    """Return a page of the attempts that fit, the last recorded first.

    `any_of`: of each of these one must hold, too. They are asked for one by one, so that a
    database that finds one by an index does not look through everything for another's sake.
    """
    key = CallStateRow.attempt_id

    def last_first(*more: Condition) -> sa.Select[Any]:
        query = joined(key).where(*conditions, *more).order_by(key.desc()).limit(limit + 1)
        return query if before_id is None else query.where(key < before_id)

    if any_of:
        *others, branches = any_of
        conditions = [*conditions, *map(either, others)]
        parts = [last_first(_resolved(session, one)).subquery() for one in branches]
        ids = sa.union(*(sa.select(part.c.attempt_id) for part in parts)).subquery()
        found = sa.select(ids.c.attempt_id).order_by(ids.c.attempt_id.desc()).limit(limit + 1)
    else:
        found = last_first()
    wanted = session.scalars(found).all()
    rows = session.scalars(
        sa.select(AttemptRow).where(AttemptRow.id.in_(wanted)).order_by(AttemptRow.id.desc())
    ).all()
    page = rows[:limit]
    return AttemptPage(
        items=tuple(attempt_records(session, page)),
        next_before_id=page[-1].id if len(rows) > limit else None,
    )


_FEW_CARDS = 5000


def _resolved(session: Session, branch: Condition | Cards) -> Condition:
    """Return a branch as a condition; few cards by their ids, which the calls' index knows."""
    if not isinstance(branch, sa.Select):
        return branch
    found = session.scalars(branch.limit(_FEW_CARDS + 1)).all()
    return AttemptRow.contact_id.in_(found if len(found) <= _FEW_CARDS else branch)


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
    place = sa.func.row_number().over(partition_by=AttemptRow.contact_id, order_by=LAST_CALL_FIRST)
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
