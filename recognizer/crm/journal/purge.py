"""Retention: emptying what personal data old attempts carry, keeping what is counted."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from recognizer.crm.journal.records import PurgeCounts
from recognizer.crm.journal.tables import AttemptRow, CorrectionRow, DecisionRow

__all__ = ["purge_batch"]


def purge_batch(
    session: Session, older_than: dt.datetime, now: dt.datetime, n_at_most: int
) -> PurgeCounts:
    """Empty at most so many attempts called before a moment."""
    ids = session.scalars(
        sa.select(AttemptRow.id)
        .where(AttemptRow.called_at < older_than, AttemptRow.purged_at.is_(None))
        .order_by(AttemptRow.called_at)
        .limit(n_at_most)
    ).all()
    if not ids:
        return PurgeCounts(0, 0)
    session.execute(
        sa.update(AttemptRow)
        .where(AttemptRow.id.in_(ids))
        .values(
            recording=None,
            number=None,
            call_id=None,
            transcript=None,
            error_message=None,
            report=sa.null(),
            purged_at=now,
        )
    )
    # A key made of a number is a number; the attempt then stands for itself alone.
    session.execute(
        sa.update(AttemptRow)
        .where(AttemptRow.id.in_(ids), AttemptRow.contact_id.is_(None))
        .values(contact_key=sa.literal("purged:") + sa.cast(AttemptRow.id, sa.String))
    )
    of_these = CorrectionRow.attempt_id.in_(ids)
    n_corrections = session.scalar(
        sa.select(sa.func.count()).select_from(CorrectionRow).where(of_these)
    )
    session.execute(sa.update(CorrectionRow).where(of_these).values(name="", words="", note=""))
    # What was heard and said is in these texts too.
    session.execute(
        sa.update(DecisionRow)
        .where(DecisionRow.attempt_id.in_(ids))
        .values(comment=None, explanation=[])
    )
    return PurgeCounts(attempts=len(ids), corrections=n_corrections or 0)
