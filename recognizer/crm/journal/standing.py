"""Which decision stands over a card: nothing final is undone without a person.

A later recording takes neither status nor mark away, whatever is heard on it. A person's word
does: the last final one stands, and a conversation a person stated ends all before it. So does
the CRM's own word, and a number that is another one.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from recognizer.crm.journal.call_order import card_decision
from recognizer.crm.journal.conditions import IN_FORCE, LAST_CALL_FIRST, came_after
from recognizer.crm.journal.records import REHEARING
from recognizer.crm.journal.tables import (
    AttemptRow,
    ContactRow,
    CorrectionRow,
    DecisionRow,
)

__all__ = ["call_standing_id", "point_at_standing", "standing_decision", "what_stands"]


def standing_decision(session: Session, contact: ContactRow) -> DecisionRow | None:
    """Return the decision whose status stands over a card now."""
    return None if contact.deciding_id is None else session.get(DecisionRow, contact.deciding_id)


def point_at_standing(
    session: Session, contact: ContactRow, still_fits: Callable[[str | None], bool]
) -> None:
    """Find the decision that stands: on a call, else on the card itself.

    Parameters
    ----------
    still_fits : callable
        Tells whether a rule on the card alone still holds for it as it is now.
    """
    on_call = call_standing_id(session, contact)
    contact.deciding_id = _on_card(session, contact, still_fits) if on_call is None else on_call


def call_standing_id(session: Session, contact: ContactRow) -> int | None:
    """Return the decision on a call whose status stands over a card; None: none does."""
    last_final = None
    for row in session.execute(_final_or_reset(contact)):
        is_persons = row.made_by is not None and row.made_by != REHEARING
        if row.resets and is_persons:
            break
        if row.final and (is_persons or row.incorrect_contact):
            return int(row.id)
        if row.final and last_final is None:
            last_final = int(row.id)
    return last_final


def _final_or_reset(contact: ContactRow) -> sa.Executable:
    """Return the decisions that may set or end a status, of the last call first."""
    conditions = [
        AttemptRow.contact_id == contact.id,
        IN_FORCE,
        sa.or_(DecisionRow.final, DecisionRow.resets),
    ]
    if contact.cleared_at is not None:
        conditions.append(came_after(contact.cleared_at, contact.id))
    return (
        sa.select(
            DecisionRow.id,
            DecisionRow.final,
            DecisionRow.resets,
            DecisionRow.incorrect_contact,
            CorrectionRow.made_by,
        )
        .join(AttemptRow, DecisionRow.attempt_id == AttemptRow.id)
        .outerjoin(CorrectionRow, DecisionRow.correction_id == CorrectionRow.id)
        .where(*conditions)
        .order_by(*LAST_CALL_FIRST)
    )


def _on_card(
    session: Session, contact: ContactRow, still_fits: Callable[[str | None], bool]
) -> int | None:
    row = card_decision(session, contact)
    if row is None or not row.final or not still_fits(row.rule_id):
        return None
    is_older = contact.cleared_at is not None and row.made_at <= contact.cleared_at
    return None if is_older else row.id


def what_stands(row: DecisionRow) -> str:
    """Return the sentence, Russian, that a status stands whatever a later call was."""
    mark = " с отметкой" if row.incorrect_contact else ""
    return (
        f"По карточке уже установлено: «{row.status}»{mark} (правило {row.rule_id}). Этот звонок "
        "ничего в этом не меняет; изменить может только человек."
    )
