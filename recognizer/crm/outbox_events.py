"""What other programs are told of a decision."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from recognizer.crm.journal.conditions import IN_FORCE
from recognizer.crm.journal.records import REHEARING
from recognizer.crm.journal.standing import standing_decision
from recognizer.crm.journal.tables import (
    AttemptRow,
    CallStateRow,
    ContactRow,
    CorrectionRow,
    DecisionRow,
)

__all__ = ["event_of"]


def event_of(session: Session, row: DecisionRow) -> dict[str, Any]:
    """Return the decision, its call and its card as they are now, and whether the mark stands."""
    attempt = None if row.attempt_id is None else session.get(AttemptRow, row.attempt_id)
    state = None if attempt is None else session.get(CallStateRow, attempt.id)
    contact = None if row.contact_id is None else session.get(ContactRow, row.contact_id)
    said = None if row.correction_id is None else session.get(CorrectionRow, row.correction_id)
    old = None if row.supersedes_id is None else session.get(DecisionRow, row.supersedes_id)
    is_reheard = said is not None and said.made_by == REHEARING
    marks = bool(row.final and row.incorrect_contact)
    is_in_force = session.scalar(
        sa.select(DecisionRow.id).where(DecisionRow.id == row.id, IN_FORCE)
    )
    card_marked = None if contact is None else _is_marked(session, contact)
    # A call that went to another card took its mark from the one it left, too.
    moved = old is not None and old.contact_id != row.contact_id
    took_back = old is not None and bool(old.final and old.incorrect_contact)
    left = session.get(ContactRow, old.contact_id) if old and moved and old.contact_id else None
    if took_back and (not marks or moved):
        kind = "mark_withdrawn"
    elif row.source == "operator" and not is_reheard:
        kind = "correction"
    else:
        kind = "decision" if old is None else "recount"
    return {
        "event": kind,
        "decision": row.id,
        "replaces": row.supersedes_id,
        "call": row.attempt_id,
        "card": None if contact is None else contact.ref,
        "left_card": None if left is None else left.ref,
        "number": None if attempt is None else attempt.number,
        "called_at": None if attempt is None else attempt.called_at.isoformat(),
        "duration_s": None if attempt is None else attempt.duration_s,
        "decided_at": row.made_at.isoformat(),
        "decided_by": None if said is None or is_reheard else said.made_by,
        "outcome": row.outcome,
        "status": row.status,
        # What is told late, or again, does not bring back a mark that was taken away meanwhile.
        "incorrect_contact": marks and is_in_force is not None and card_marked is not False,
        "in_force": is_in_force is not None,
        "card_marked": card_marked,
        "contradicts_mark": bool(state is not None and state.contradicts),
        "final": row.final,
        "next": row.next,
        "attempt": row.attempt,
        "comment": row.comment,
    }


def _is_marked(session: Session, contact: ContactRow) -> bool:
    """Return whether the mark stands on a card now, whichever call put it there."""
    standing = standing_decision(session, contact)
    return bool(contact.incorrect_contact if standing is None else standing.incorrect_contact)
