"""Saying whose a call is: assigning, moving, detaching, merging; each leaves rows of its own.

Decisions follow the call: the card it leaves is counted anew, and so is the one it comes to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from recognizer.base.errors import ConflictError, ContactError, JournalError
from recognizer.crm.comments import merge_comments
from recognizer.crm.contacts import PHONE_FIELDS, read_numbers
from recognizer.crm.journal.call_order import card_decision
from recognizer.crm.journal.cards import set_fields
from recognizer.crm.journal.conditions import CALL_ORDER
from recognizer.crm.journal.identity import (
    attempt_row,
    card_row,
    contact_key,
    contact_row,
    same_recording,
    tell_apart,
)
from recognizer.crm.journal.queries import attempt_record, contact_record
from recognizer.crm.journal.records import AssignmentRecord, AttemptRecord, ContactRecord
from recognizer.crm.journal.tables import AssignmentRow, AttemptRow, ContactChangeRow, ContactRow
from recognizer.crm.journal.writing import Writing

__all__ = ["Assignments", "read_assignments"]


class Assignments:
    """Moves attempts between cards, in one transaction of the journal.

    Parameters
    ----------
    writing : Writing
        The transaction.
    made_by : str
    """

    def __init__(self, writing: Writing, made_by: str) -> None:
        self._session = writing.session
        self._timeline = writing.timeline
        self._lock = writing.lock
        self._now = writing.now
        self._made_by = made_by

    def assign(self, attempt_id: int, ref: str) -> AttemptRecord:
        """Give an attempt without a card its card, and with it the others of its number."""
        attempt = attempt_row(self._session, attempt_id)
        card = card_row(self._session, ref, for_update=True)
        self._lock_keys(attempt.contact_key, contact_key(card, None))
        self._session.refresh(attempt)
        if attempt.contact_id not in {None, card.id}:
            raise JournalError(f"attempt {attempt_id} belongs to another card already")
        if attempt.contact_id is None:
            self._refuse_twice(attempt, card)
            for each in self._of_same_number(attempt):
                if same_recording(self._session, contact_key(card, None), each) is None:
                    self._transfer(each, None, card, kind="assign")
        self._session.flush()
        return attempt_record(self._session, attempt)

    def attach(self, attempts: Sequence[AttemptRow], card: ContactRow) -> None:
        """Give attempts without a card this one, as it is held; each that it has already, nothing.

        Such a one was added twice before: what stands on the card is the call.
        """
        for attempt in attempts:
            if same_recording(self._session, contact_key(card, None), attempt) is None:
                self._transfer(attempt, None, card, kind="assign")
            else:
                self._timeline(None).give_way(attempt)

    def move(
        self, attempt_id: int, ref: str | None, *, with_same_number: bool, seen: str | None
    ) -> AttemptRecord:
        """Give an attempt another card, or none."""
        attempt = attempt_row(self._session, attempt_id)
        old, card = self._cards(attempt, ref)
        if seen is not None and (old is None or old.ref != seen):
            raise ConflictError(
                f"attempt {attempt_id}: somebody gave it another card meanwhile (expected "
                f"{seen!r}); read it again"
            )
        if (None if old is None else old.id) == (None if card is None else card.id):
            return attempt_record(self._session, attempt)
        self._refuse_twice(attempt, card)
        moved = self._of_same_number(attempt) if with_same_number else [attempt]
        kind = "detach" if card is None else "assign" if old is None else "change"
        for each in moved:
            there = same_recording(self._session, self._key(each, card), each)
            if there is None or each.id == attempt.id:
                self._transfer(each, old, card, kind=kind)
        self._session.flush()
        return attempt_record(self._session, attempt)

    def merge(self, ref: str, into: str) -> ContactRecord:
        """Let every call and comment of one card go over to another."""
        pair = sorted({ref, into})
        rows = {name: contact_row(self._session, name, for_update=True) for name in pair}
        old, card = rows[ref], card_row(self._session, into, for_update=True)
        if old.id == card.id:
            raise ContactError(f"contact {ref!r}: cannot be merged into itself")
        if old.merged_into_id is not None:
            raise ContactError(f"contact {ref!r}: was merged into another card already")
        self._merge_comments(old, card)
        self._merge_numbers(old, card)
        for attempt in self._of_card(old):
            # The same recording on both cards is one call: it stays where it is and counts once.
            if same_recording(self._session, contact_key(card, None), attempt) is None:
                self._transfer(attempt, old, card, kind="merge", is_silent=True)
        old.merged_into_id = card.id
        old.deciding_id = None
        self._session.flush()
        return contact_record(self._session, card)

    # --- the parts of it ---

    def _cards(
        self, attempt: AttemptRow, ref: str | None
    ) -> tuple[ContactRow | None, ContactRow | None]:
        """Return the attempt's card and the one meant, both held, always in the same order."""
        target = None if ref is None else card_row(self._session, ref)
        ids = {attempt.contact_id, None if target is None else target.id} - {None}
        held = {
            row_id: self._session.get_one(ContactRow, row_id, with_for_update=True)
            for row_id in sorted(found for found in ids if found is not None)
        }
        self._lock_keys(attempt.contact_key, self._key(attempt, target))
        before = attempt.contact_id
        self._session.refresh(attempt)
        if attempt.contact_id != before:
            raise JournalError(f"attempt {attempt.id} was given another card meanwhile; try again")
        old = None if attempt.contact_id is None else held[attempt.contact_id]
        return old, None if target is None else held[target.id]

    def _lock_keys(self, *names: str) -> None:
        for name in sorted(set(names)):
            self._lock(name)

    @staticmethod
    def _key(attempt: AttemptRow, card: ContactRow | None) -> str:
        return contact_key(card, attempt.number)

    def _refuse_twice(self, attempt: AttemptRow, card: ContactRow | None) -> None:
        there = same_recording(self._session, self._key(attempt, card), attempt)
        if there is not None and there.id != attempt.id:
            whose = "this number" if card is None else f"card {card.ref!r}"
            raise JournalError(f"{whose} has this recording already")

    def _transfer(
        self,
        attempt: AttemptRow,
        old: ContactRow | None,
        card: ContactRow | None,
        *,
        kind: str,
        is_silent: bool = False,
    ) -> None:
        """Move one attempt, decide it and both cards anew, and keep that it was moved.

        `is_silent`: the comments went over already.
        """
        comments = {row.id: row.comments for row in (old, card) if row is not None}
        with self._timeline(old).leaving(attempt):
            attempt.contact_id = None if card is None else card.id
            key = self._key(attempt, card)
            tell_apart(self._session, key, attempt)
            attempt.contact_key = key
            self._session.add(
                AssignmentRow(
                    attempt_id=attempt.id,
                    from_contact_id=None if old is None else old.id,
                    contact_id=attempt.contact_id,
                    kind=kind,
                    made_at=self._now,
                    made_by=self._made_by,
                )
            )
            self._session.flush()
        self._timeline(card).join(attempt)
        if is_silent:
            for row in (old, card):
                if row is not None:
                    row.comments = comments[row.id]
        self._session.flush()

    def _of_same_number(self, attempt: AttemptRow) -> list[AttemptRow]:
        """Return the attempts of the same card, or of none, to the same number, in order."""
        if attempt.contact_id is None and not attempt.contact_key:
            return [attempt]
        if attempt.number is None:
            return [attempt]
        statement = sa.select(AttemptRow).where(
            AttemptRow.contact_key == attempt.contact_key, AttemptRow.number == attempt.number
        )
        return list(self._session.scalars(statement.order_by(*CALL_ORDER)))

    def _of_card(self, card: ContactRow) -> list[AttemptRow]:
        statement = sa.select(AttemptRow).where(AttemptRow.contact_id == card.id)
        return list(self._session.scalars(statement.order_by(*CALL_ORDER)))

    def _merge_comments(self, old: ContactRow, card: ContactRow) -> None:
        merged = merge_comments(card.comments, old.comments)
        if merged != card.comments:
            changes = {"comments": [card.comments, merged]}
            source = f"merge of {old.ref} by {self._made_by}"
            self._session.add(
                ContactChangeRow(
                    contact_id=card.id, made_at=self._now, source=source, changes=changes
                )
            )
            card.comments = merged
            card.updated_at = self._now

    def _merge_numbers(self, old: ContactRow, card: ContactRow) -> None:
        """Give a card the numbers of the other beside its own: both are the client's.

        What was decided on the card for its number alone is decided anew.
        """
        values: dict[str, Any] = {
            name: _both(getattr(card, name), getattr(old, name)) for name in PHONE_FIELDS
        }
        values["number_unknown"] = card.number_unknown or old.number_unknown
        taken = {
            name: [getattr(card, name), value]
            for name, value in values.items()
            if value != getattr(card, name)
        }
        if not taken:
            return
        self._session.add(
            ContactChangeRow(
                contact_id=card.id,
                made_at=self._now,
                source=f"merge of {old.ref} by {self._made_by}",
                changes=taken,
                deciding_id=card.deciding_id,
            )
        )
        set_fields(self._session, card, values, now=self._now)
        self._session.flush()
        timeline = self._timeline(card)
        decided = card_decision(self._session, card)
        if decided is not None and decided.rule_id is not None:
            timeline.decide_card_today()
        timeline.check_marks()
        timeline.point_at_deciding()


def _both(own: str, other: str) -> str:
    """Return a field that holds what two hold, each once."""
    known = {number.e164 for number in read_numbers(own)}
    new = {number.e164 for number in read_numbers(other)} - known
    if not new or own.strip() == other.strip():
        return own
    return f"{own}\n{other}" if own.strip() else other


def read_assignments(session: Session, attempt_id: int) -> tuple[AssignmentRecord, ...]:
    """Return how an attempt came to its card, first to last."""
    left, right = aliased(ContactRow), aliased(ContactRow)
    statement = (
        sa.select(AssignmentRow, left.ref, right.ref)
        .outerjoin(left, left.id == AssignmentRow.from_contact_id)
        .outerjoin(right, right.id == AssignmentRow.contact_id)
        .where(AssignmentRow.attempt_id == attempt_id)
        .order_by(AssignmentRow.id)
    )
    return tuple(
        AssignmentRecord(row.id, row.attempt_id, from_ref, ref, row.kind, row.made_at, row.made_by)
        for row, from_ref, ref in session.execute(statement)
    )
