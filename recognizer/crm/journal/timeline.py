"""Deciding the attempts of one contact in the order of their calls.

The number of an attempt depends on those before it only, so an attempt that comes late, or is
corrected, changes later decisions until one is found whose number stays the same.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from recognizer.crm.card_facts import card_facts
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.call_order import (
    Placed,
    card_decision,
    current_decision,
    decided_after,
    decided_before,
    marked_as_heard,
    number_after,
)
from recognizer.crm.journal.card_comments import CardComments
from recognizer.crm.journal.cards import card_of
from recognizer.crm.journal.conditions import STANDING
from recognizer.crm.journal.numbers_called import why_number_stays
from recognizer.crm.journal.records import REHEARING
from recognizer.crm.journal.rulings import (
    NOT_DECIDED,
    WITHDRAWN,
    are_same,
    decision_of,
    is_left_to_a_person,
    left_to_a_person,
)
from recognizer.crm.journal.standing import (
    call_standing_id,
    point_at_standing,
    standing_decision,
    what_stands,
)
from recognizer.crm.journal.tables import AttemptRow, ContactRow, CorrectionRow, DecisionRow
from recognizer.crm.office import Office
from recognizer.model import CallOutcome
from recognizer.regulation.explanation import explain
from recognizer.regulation.rules import Regulation, Ruling, Statement

__all__ = ["REPLACED", "Timeline"]

REPLACED = "replaced"
"""Source of a decision that takes another back, because the recording of the call is another."""


class Timeline:
    """The attempts of one contact, or of one number without a card, under the journal's lock."""

    def __init__(
        self,
        session: Session,
        regulation: Regulation,
        office: Office,
        *,
        contact: ContactRow | None,
        now: dt.datetime,
    ) -> None:
        self._session = session
        self._regulation = regulation
        self._office = office
        self._contact = contact
        self._card = None if contact is None else card_of(contact)
        self._now = now
        self._comments = CardComments(contact, regulation, office, now)

    @property
    def zone(self) -> dt.tzinfo:
        """The office's: its days are those of the calls."""
        return self._office.timezone

    def add(self, attempt: AttemptRow) -> None:
        """Decide an attempt just added, and those after it whose number it changes."""
        if attempt.outcome is None:
            return
        decision = self._decide_as_heard(attempt, None, source="call")
        self._comments.add(decision.comment)
        self._recount_after(attempt, decision)
        self._say_what_stands(decision)

    def join(self, attempt: AttemptRow) -> None:
        """Decide anew an attempt that has just got another card or none, and those after it."""
        old = current_decision(self._session, attempt)
        if old is None:
            return
        if old.correction_id is not None:
            self.correct(attempt, self._session.get_one(CorrectionRow, old.correction_id))
            return
        if attempt.outcome is None:
            return
        decision = self._decide_as_heard(attempt, old)
        self._comments.add(decision.comment)
        self._recount_after(attempt, decision)

    @contextlib.contextmanager
    def leaving(self, attempt: AttemptRow) -> Iterator[None]:
        """Let an attempt go inside of this; what stays is numbered and decided as if without it."""
        old = current_decision(self._session, attempt)
        previous = decided_before(self._session, attempt)
        later = decided_after(self._session, attempt)
        yield
        self._renumber(later, previous)
        if old is not None and old.comment is not None:
            self._comments.withdraw(self._office.day_of(attempt.called_at))
        self._end_marks_that_rested_on(old, None)
        self.point_at_deciding()

    def give_way(self, attempt: AttemptRow) -> None:
        """Let an attempt decide and count nothing: its recording is no longer that of its call."""
        old = current_decision(self._session, attempt)
        if old is None or old.source == REPLACED:
            return
        decision = self._decide_nothing(attempt, WITHDRAWN, source=REPLACED, supersedes=old)
        self._comments.correct(old, decision, self._office.day_of(attempt.called_at))
        self._end_marks_that_rested_on(old, decision)
        self._recount_after(attempt, decision)

    def come_back(self, attempt: AttemptRow) -> None:
        """Decide an attempt anew that had given way: its recording is that of its call again."""
        old = current_decision(self._session, attempt)
        if old is None or old.source != REPLACED or attempt.outcome is None:
            return
        standing = self._last_correction(attempt)
        if standing is not None:
            self.correct(attempt, standing)
            return
        decision = self._decide_as_heard(attempt, old, has_given_way=False)
        self._comments.correct(old, decision, self._office.day_of(attempt.called_at))
        self._recount_after(attempt, decision)

    def withdraw(self, attempt: AttemptRow) -> None:
        """Decide an attempt anew after a correction was taken back: by the one before, if any."""
        standing = self._last_correction(attempt)
        old = current_decision(self._session, attempt)
        if standing is not None:
            if old is None or old.correction_id != standing.id:
                self.correct(attempt, standing)
            return
        if attempt.outcome is None:
            decision = self._decide_nothing(attempt, NOT_DECIDED, source="operator", supersedes=old)
        else:
            decision = self._decide_as_heard(attempt, old)
        self._comments.correct(old, decision, self._office.day_of(attempt.called_at))
        self._end_marks_that_rested_on(old, decision)
        self._recount_after(attempt, decision)

    def correct(self, attempt: AttemptRow, correction: CorrectionRow) -> None:
        """Decide an attempt as a person says it was, and those after it whose number changes."""
        day = self._office.day_of(attempt.called_at)

        def rule(number: int) -> Ruling:
            if correction.outcome is not None:
                outcome = CallOutcome(correction.outcome)
                return self._regulation.rule_on_call(
                    outcome, attempt=number, on=day, facts=self._facts()
                )
            return self._regulation.rule_on_statement(
                self._statement(correction),
                facts=self._facts(answered_by=correction.name),
                attempt=number,
                on=day,
            )

        ruling = self._numbered(attempt, rule)
        old = current_decision(self._session, attempt)
        decision = self._decide(
            attempt,
            ruling,
            source="operator",
            outcome=correction.outcome,
            correction=correction,
            supersedes=old,
        )
        self._comments.correct(old, decision, day)
        self._end_marks_that_rested_on(old, decision)
        self._recount_after(attempt, decision)

    def decide_card(self, on: dt.date) -> DecisionRow | None:
        """Decide the card without a call.

        Where no rule on a card fits, that is the decision that stands over it, if one does: what
        is final stays so. None: call.
        """
        assert self._contact is not None
        ruling = self._regulation.rule_on_card(self._facts(), on=on)
        old = card_decision(self._session, self._contact)
        if ruling is None:
            if old is not None and old.rule_id is not None:
                self._decide(None, WITHDRAWN, source="card", supersedes=old)
                self._point_at_deciding()
            return standing_decision(self._session, self._contact)
        if old is not None and are_same(decision_of(old), ruling.decision):
            if self._contact.deciding_id is None:
                self._contact.deciding_id = call_standing_id(self._session, self._contact) or old.id
            return old
        row = self._decide(None, ruling, source="card", supersedes=old)
        self._comments.add(row.comment)
        self._contact.deciding_id = call_standing_id(self._session, self._contact) or row.id
        return row

    def decide_card_today(self) -> DecisionRow | None:
        """Decide the card without a call, on the office's day of now."""
        return self.decide_card(self._office.day_of(self._now))

    def withdraw_card(self) -> None:
        """Take back what was decided on the card itself, if anything was."""
        assert self._contact is not None
        old = card_decision(self._session, self._contact)
        if old is not None and old.rule_id is not None:
            self._decide(None, WITHDRAWN, source="card", supersedes=old)

    def check_marks(self) -> None:
        """Leave to a person what marks the card by a call, where the card as it is keeps it from.

        Another number of the card may be right that nobody told to be wrong, or not any more.
        """
        assert self._contact is not None
        for attempt, old in marked_as_heard(self._session, self._contact):
            if self._why_not_marked(attempt):
                decision = self._decide_as_heard(attempt, old)
                self._comments.correct(old, decision, self._office.day_of(attempt.called_at))

    def point_at_deciding(self) -> None:
        """Find the decision whose status stands over the card; nothing to find without one."""
        if self._contact is not None:
            self._point_at_deciding()

    # --- the parts of it ---

    def _decide_as_heard(
        self,
        attempt: AttemptRow,
        old: DecisionRow | None,
        *,
        source: str = "recount",
        has_given_way: bool | None = None,
    ) -> DecisionRow:
        """Decide an attempt by what the program heard, in place of an earlier decision if any."""
        if has_given_way is None:
            has_given_way = old is not None and self._has_given_way(attempt)
        if has_given_way:
            return self._decide_nothing(attempt, WITHDRAWN, source=REPLACED, supersedes=old)
        ruling = self._numbered(
            attempt,
            lambda number: self._regulation.rule_on_call(
                CallOutcome(attempt.outcome or ""),
                attempt=number,
                on=self._office.day_of(attempt.called_at),
                facts=self._facts(),
            ),
        )
        why = "" if not ruling.decision.incorrect_contact else self._why_not_marked(attempt)
        if why:
            ruling = left_to_a_person(ruling)
        return self._decide(
            attempt,
            ruling,
            source=source,
            outcome=attempt.outcome,
            supersedes=old,
            more=(why,) if why else (),
        )

    def _why_not_marked(self, attempt: AttemptRow) -> str:
        """Return why what was heard does not mark the card, in Russian; empty: it does."""
        if self._contact is None or self._card is None:
            return ""

        return why_number_stays(
            self._session, self._contact, self._card, attempt, self._is_of_wrong_number
        )

    def _is_of_wrong_number(self, outcome: str) -> bool:
        ruling = self._regulation.rule_on_call(CallOutcome(outcome), facts=self._facts())
        return ruling.decision.incorrect_contact is True

    def _end_marks_that_rested_on(self, old: DecisionRow | None, new: DecisionRow | None) -> None:
        """Check the card's marks once one of its numbers is no longer told to be wrong by a call.

        A card of several numbers is marked when the last of them is told so.
        """
        if self._contact is None or old is None or old.outcome is None:
            return
        heard = None if new is None else new.outcome
        is_still_wrong = heard is not None and self._is_of_wrong_number(heard)
        if self._is_of_wrong_number(old.outcome) and not is_still_wrong:
            self.check_marks()

    def _decide_nothing(
        self, attempt: AttemptRow, ruling: Ruling, *, source: str, supersedes: DecisionRow | None
    ) -> DecisionRow:
        """Add a decision that gives no status and counts nothing; those before it count on."""
        numbered = self._numbered(
            attempt,
            lambda number: dataclasses.replace(
                ruling, decision=dataclasses.replace(ruling.decision, attempt=number)
            ),
        )
        return self._decide(attempt, numbered, source=source, supersedes=supersedes)

    def _last_correction(self, attempt: AttemptRow) -> CorrectionRow | None:
        return self._session.scalar(
            sa.select(CorrectionRow)
            .where(CorrectionRow.attempt_id == attempt.id, STANDING)
            .order_by(CorrectionRow.id.desc())
            .limit(1)
        )

    def _has_given_way(self, attempt: AttemptRow) -> bool:
        """Tell whether the last decision that rests on no correction says so."""
        source = self._session.scalar(
            sa.select(DecisionRow.source)
            .where(DecisionRow.attempt_id == attempt.id, DecisionRow.correction_id.is_(None))
            .order_by(DecisionRow.id.desc())
            .limit(1)
        )
        return source == REPLACED

    def _facts(self, *, answered_by: str | None = None) -> frozenset[str]:
        if self._card is None:
            return frozenset()
        return card_facts(self._card, self._office, answered_by=answered_by)

    def _statement(self, correction: CorrectionRow) -> Statement:
        card = self._card or ContactCard(ref="")
        return Statement(
            reason=correction.stated or "",
            name=correction.name,
            words=correction.words,
            plate=card.plate,
            make=card.make,
        )

    def _recount_after(self, attempt: AttemptRow, decision: DecisionRow) -> None:
        """Renumber the later attempts, up to the first whose number stays."""
        later = decided_after(self._session, attempt)
        self._renumber(later, (attempt, decision))
        if self._contact is None:
            return
        if later or decision.supersedes_id is not None or decision.final or decision.resets:
            self._point_at_deciding()

    def _numbered(self, attempt: AttemptRow, rule: Callable[[int], Ruling]) -> Ruling:
        """Return the ruling on an attempt by its number among those before it."""
        previous, zone = decided_before(self._session, attempt), self._office.timezone
        ruling = rule(number_after(previous, attempt, zone, counts=False))
        number = number_after(previous, attempt, zone, counts=ruling.counts)
        return ruling if number == ruling.decision.attempt else rule(number)

    def _renumber(self, later: list[Placed], previous: Placed | None) -> None:
        """Give attempts in a row their numbers anew, up to the first whose number stays."""
        for attempt, old in later:
            number = number_after(previous, attempt, self._office.timezone, counts=old.counts)
            if old.attempt == number:
                return
            if is_left_to_a_person(old):
                previous = attempt, self._decide_as_heard(attempt, old)
                continue
            ruling = Ruling(
                self._regulation.renumber(decision_of(old), number), old.counts, old.resets
            )
            correction = (
                None
                if old.correction_id is None
                else self._session.get(CorrectionRow, old.correction_id)
            )
            row = self._decide(
                attempt,
                ruling,
                source=REPLACED if old.source == REPLACED else "recount",
                outcome=old.outcome,
                correction=correction,
                supersedes=old,
            )
            previous = attempt, row

    def _point_at_deciding(self) -> None:
        assert self._contact is not None
        point_at_standing(self._session, self._contact, self._still_fits)

    def _still_fits(self, rule_id: str | None) -> bool:
        ruling = self._regulation.rule_on_card(self._facts())
        return ruling is not None and ruling.decision.rule_id == rule_id

    def _say_what_stands(self, decision: DecisionRow) -> None:
        """Let a call that changes nothing of a card's status say so, and who may."""
        if self._contact is None:
            return
        standing = standing_decision(self._session, self._contact)
        if standing is not None and standing.id != decision.id:
            decision.explanation = [*decision.explanation, what_stands(standing)]

    def _decide(
        self,
        attempt: AttemptRow | None,
        ruling: Ruling,
        *,
        source: str,
        outcome: str | None = None,
        correction: CorrectionRow | None = None,
        supersedes: DecisionRow | None = None,
        more: tuple[str, ...] = (),
    ) -> DecisionRow:
        """Add a decision; `more`: sentences, Russian, that its explanation ends with."""
        decision = ruling.decision
        sentences = explain(
            ruling,
            self._regulation,
            report=None if attempt is None or source == "card" else attempt.report,
            outcome=None if outcome is None else CallOutcome(outcome),
            statement=None
            if correction is None or correction.stated is None
            else self._statement(correction),
            corrected_by=None if correction is None else _named(correction.made_by),
        )
        row = DecisionRow(
            attempt_id=None if attempt is None else attempt.id,
            contact_id=None if self._contact is None else self._contact.id,
            correction_id=None if correction is None else correction.id,
            supersedes_id=None if supersedes is None else supersedes.id,
            made_at=self._now,
            source=source,
            outcome=outcome,
            stated=None if correction is None else correction.stated,
            rule_id=decision.rule_id,
            status=decision.status,
            incorrect_contact=decision.incorrect_contact,
            by_analogy=decision.by_analogy,
            attempt=decision.attempt,
            after_attempt=decision.after_attempt,
            final=decision.final,
            next=decision.next.value,
            comment=decision.comment,
            explanation=[*sentences, *more],
            counts=ruling.counts,
            resets=ruling.resets,
            counted_after=ruling.counted_after(decision.attempt - 1),
            regulation_version=self._regulation.version,
        )
        self._session.add(row)
        self._session.flush()
        return row


def _named(made_by: str) -> str:
    return "программа, услышав запись заново" if made_by == REHEARING else made_by
