"""Conditions and orders that queries share: what is in force, what stands, who came first."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from recognizer.crm.journal.records import REHEARING
from recognizer.crm.journal.tables import AssignmentRow, AttemptRow, CorrectionRow, DecisionRow

__all__ = [
    "BY_PERSON",
    "CALL_ORDER",
    "IN_FORCE",
    "LAST_CALL_FIRST",
    "ON_CARD",
    "STANDING",
    "came_after",
    "has_content",
]

_newer = aliased(DecisionRow)
IN_FORCE = ~sa.exists().where(_newer.supersedes_id == DecisionRow.id)
"""The condition that no newer decision names this one. Built once: building it costs more than
the database needs to answer."""

ON_CARD = sa.and_(DecisionRow.attempt_id.is_(None), IN_FORCE)
"""The condition that a decision in force is on a card itself, before any call."""

_withdrawal = aliased(CorrectionRow)
STANDING = sa.and_(
    CorrectionRow.withdraws_id.is_(None),
    ~sa.exists().where(_withdrawal.withdraws_id == CorrectionRow.id),
)
"""The condition that a correction says something and nobody took it back."""

BY_PERSON = sa.and_(STANDING, CorrectionRow.made_by != REHEARING)
"""The condition that a standing correction is a person's word: the program hearing a recording
again reviews nothing."""

# Calls of the same moment stand in the order of their digests, however they arrived.
CALL_ORDER = (AttemptRow.called_at, sa.func.coalesce(AttemptRow.digest, ""), AttemptRow.id)
"""The order of calls."""

LAST_CALL_FIRST = tuple(column.desc() for column in CALL_ORDER)
"""The same, from the last."""


def has_content(digest: str) -> sa.ColumnElement[bool]:
    """Return the condition that the recording of an attempt has this content."""
    is_alone = sa.and_(AttemptRow.content_digest.is_(None), AttemptRow.digest == digest)
    return sa.or_(AttemptRow.content_digest == digest, is_alone)


def came_after(
    moment: Any,
    contact_id: Any,
    attempt: Any = AttemptRow,
    correction: Any = CorrectionRow,
) -> sa.ColumnElement[bool]:
    """Return the condition that a call came to a card after a moment, or a person's word of it."""
    given = sa.exists().where(
        AssignmentRow.attempt_id == attempt.id,
        AssignmentRow.contact_id == contact_id,
        AssignmentRow.made_at > moment,
    )
    said = sa.and_(correction.made_at > moment, correction.made_by != REHEARING)
    return sa.or_(attempt.recorded_at > moment, said, given)
