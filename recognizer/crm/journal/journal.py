"""The journal: cards, attempts, corrections, decisions, in SQLite or PostgreSQL.

Conventions: attempts, corrections and decisions are only added; a newer decision names the one
it replaces. Attempts of a contact stand in the order of their calls (`called_at`, then digest),
whatever the order they arrive in: a late one makes the later ones count anew. One recording
(digest of its content) is one attempt of a contact. Every public method is one transaction.

A `Journal` may be shared by threads; each process opens its own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from sqlalchemy.orm import Session

from recognizer.base.errors import JournalError
from recognizer.crm.journal.assignments import Assignments
from recognizer.crm.journal.card_keeping import CardKeeper, CardWords
from recognizer.crm.journal.entries import Entries
from recognizer.crm.journal.identity import contact_row, recording_digest
from recognizer.crm.journal.purge import purge_batch
from recognizer.crm.journal.queries import decision_record
from recognizer.crm.journal.records import (
    REHEARING,
    AttemptRecord,
    ContactRecord,
    DecisionRecord,
    PurgeCounts,
)
from recognizer.crm.journal.tables import CorrectionRow
from recognizer.crm.journal.writing import Writing
from recognizer.model import CallOutcome, CallReport

__all__ = ["REHEARING", "Journal", "recording_digest"]

_CALLS_A_TRANSACTION = 1000


class Journal(CardKeeper):
    """An open journal: what a `JournalReader` answers, its cards, and what is added to it.

    Attributes
    ----------
    regulation : Regulation
        The rules every decision is made by.
    office : Office
    database : Database
        For the page's own tables (`database.engine`).
    """

    # --- attempts ---

    def record_attempt(
        self,
        report: CallReport,
        *,
        contact: str | None = None,
        number: str | None = None,
        digest: str | None = None,
        called_at: dt.datetime | None = None,
        call_id: str | None = None,
        received_at: dt.datetime | None = None,
    ) -> AttemptRecord:
        """Record what was heard, decide it with the card and the count, add the comment line.

        The same digest for the same contact (or, without a card, the same number) is the same
        attempt, unless ids or moments say that it was another call: the one already there is
        returned with `is_new` False. If the recording is heard as something else now, that is
        added as a correction made by `REHEARING`, unless a person has corrected the attempt: what
        a person says stands. No attempt that was heard as something else becomes one of an
        invalid number in this way.

        One call is one attempt: another content under the same file name, of a call of the same
        moment, takes the place of what was recorded of it before, unless a person corrected that.
        What was emptied says nothing and takes nobody's place.

        Parameters
        ----------
        report : CallReport
            Its own decision is ignored: this one knows the card and the earlier attempts. A
            report with an error is kept and waits for an operator; it counts for nothing.
        contact : str or None
            `ref` of a card.
        number : str or None
            Number called, any spelling; finds the card where exactly one has it.
        digest : str or None
            `recording_digest` of the very bytes that were heard; None: never the same as another.
        called_at : datetime or None
            Moment of the call, aware; None: not known, and taken for `received_at`.
        call_id : str or None
            The telephone system's own id of the call.
        received_at : datetime or None
            When the recording was handed in to be recorded, aware; None: now.

        Raises
        ------
        ContactError
            If there is no such card.
        JournalError
            If it cannot be stored.
        """
        with self.database.writing() as session:
            return self._entries(session).hear(
                report,
                contact=contact,
                number=number,
                digest=digest,
                called_at=called_at,
                call_id=call_id,
                received_at=received_at,
            )

    def record_statement(
        self,
        contact: str,
        reason: str,
        *,
        made_by: str,
        name: str = "",
        words: str = "",
        note: str = "",
        called_at: dt.datetime | None = None,
    ) -> AttemptRecord:
        """Record a call known only from what an operator states; twice the same is once.

        Raises
        ------
        ContactError
            If the card does not fulfil the reason's conditions, or the comment lacks a part.
        """
        statement = _correction(made_by, stated=reason, name=name, words=words, note=note)
        with self.database.writing() as session:
            return self._entries(session).state(contact, statement, called_at=called_at)

    # --- decisions ---

    def decide_card(self, ref: str, *, on: dt.date | None = None) -> DecisionRecord | None:
        """Decide a card before any call; None: call. Deciding twice the same is once."""
        with self.database.writing() as session:
            row = contact_row(session, ref, for_update=True)
            day = on or self.office.day_of(_now())
            decided = self._timeline(session, row).decide_card(day)
            return None if decided is None else decision_record(decided)

    def correct(
        self,
        attempt_id: int,
        *,
        made_by: str,
        outcome: CallOutcome | None = None,
        stated: str | None = None,
        name: str = "",
        words: str = "",
        note: str = "",
        expected: str | None = None,
    ) -> AttemptRecord:
        """Say what an attempt really was: an outcome, or a reason of the regulation.

        Adds a correction and the decisions that follow from it, also for later attempts whose
        number changes; removes nothing. `expected` is the `AttemptRecord.version` the person
        saw: where somebody else has decided since, nothing is overwritten.

        Raises
        ------
        ContactError
            If the card does not fulfil the reason's conditions, or the comment lacks a part.
        ConflictError
            If the attempt is no longer at the version `expected`.
        JournalError
            If there is no such attempt, or not exactly one of `outcome` and `stated`.
        """
        correction = _correction(
            made_by,
            outcome=None if outcome is None else outcome.value,
            stated=stated,
            name=name,
            words=words,
            note=note,
        )
        if (outcome is None) == (stated is None):
            raise JournalError("a correction: expected exactly one of outcome and stated")
        with self.database.writing() as session:
            return self._entries(session).correct(attempt_id, correction, expected=expected)

    def correct_many(
        self,
        expected: Mapping[int, str],
        outcome: CallOutcome | None,
        *,
        made_by: str,
        note: str = "",
    ) -> tuple[AttemptRecord, ...]:
        """Say of many attempts what they were, each by a correction of its own; all or nothing.

        Parameters
        ----------
        expected : mapping of int to str
            Attempts with the versions the person saw. Of those that somebody has decided since,
            nothing is overwritten.
        outcome : CallOutcome or None
            None: each is what the program heard.

        Returns
        -------
        tuple of AttemptRecord
            Those that were corrected.
        """
        _check_person(made_by)
        with self.database.writing() as session:
            entries = self._entries(session)
            return entries.correct_many(expected, outcome, made_by=made_by, note=note)

    def assign_contact(
        self,
        attempt_id: int,
        contact: str,
        *,
        made_by: str = "api",
        words: CardWords | None = None,
    ) -> AttemptRecord:
        """Give an attempt without a card its card, and with it the others of its number.

        Each is decided anew in the order of the calls: the card brings facts and earlier
        attempts. An attempt that has this card already stays as it is.

        Raises
        ------
        ContactError
            If there is no such card.
        JournalError
            If there is no such attempt, it has another card (`move_attempt` changes that), or
            the card has this recording.
        """
        with self.database.writing() as session:
            self._take_words(session, words)
            return self._assignments(session, made_by).assign(attempt_id, contact)

    def move_attempt(
        self,
        attempt_id: int,
        contact: str | None,
        *,
        made_by: str,
        with_same_number: bool = False,
        seen: str | None = None,
        words: CardWords | None = None,
    ) -> AttemptRecord:
        """Give an attempt another card, or none; what stood on the old one is decided anew.

        Parameters
        ----------
        contact : str or None
            `ref` of the right card; None: it is not known whose call it is.
        with_same_number : bool
            Take along the other attempts of the old card to the same number.
        seen : str or None
            `ref` of the card the person saw it to be of.
        words : CardWords or None
            What is said of the new card, stored with this or not at all.

        Raises
        ------
        ConflictError
            If it is no longer of the card `seen`.
        ContactError
            If there is no such card, or it does not fulfil the conditions of
            what an operator stated.
        JournalError
            If there is no such attempt, or the new card has this recording.
        """
        with self.database.writing() as session:
            self._take_words(session, words)
            return self._assignments(session, made_by).move(
                attempt_id, contact, with_same_number=with_same_number, seen=seen
            )

    def merge_contacts(self, ref: str, into: str, *, made_by: str) -> ContactRecord:
        """Say that two cards are one client: calls and comments of `ref` go over to `into`.

        The emptied card stays, names the other, and every later call of it goes there.

        Raises
        ------
        ContactError
            If there is no such card, or both are the same.
        """
        with self.database.writing() as session:
            self.database.lock(session, "recognizer cards")
            return self._assignments(session, made_by).merge(ref, into)

    def withdraw_correction(self, correction_id: int, *, made_by: str) -> AttemptRecord:
        """Take a correction back: a new row; the attempt is decided as it was before.

        Raises
        ------
        JournalError
            If there is none, or it was taken back already.
        """
        _check_person(made_by)
        with self.database.writing() as session:
            return self._entries(session).withdraw(correction_id, made_by=made_by)

    # --- counts and retention ---

    def purge(self, older_than: dt.datetime) -> PurgeCounts:
        """Empty transcripts, evidence, numbers and recordings' names of older calls.

        Counts, outcomes, rules and decisions stay; cards stay.
        """
        counts = PurgeCounts(0, 0)
        while True:
            with self.database.writing() as session:
                purged = purge_batch(session, older_than, _now(), _CALLS_A_TRANSACTION)
            counts = PurgeCounts(
                counts.attempts + purged.attempts, counts.corrections + purged.corrections
            )
            if purged.attempts < _CALLS_A_TRANSACTION:
                self.database.compact()
                return counts

    # --- the parts of it ---

    def _assignments(self, session: Session, made_by: str) -> Assignments:
        return Assignments(self._written(session), made_by)

    def _entries(self, session: Session) -> Entries:
        return Entries(self._written(session))

    def _written(self, session: Session) -> Writing:
        return Writing(
            session=session,
            timeline=lambda contact: self._timeline(session, contact),
            lock=lambda name: self.database.lock(session, name),
            now=_now(),
        )


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _check_person(made_by: str) -> None:
    if made_by == REHEARING:
        raise JournalError(f"{made_by!r} is what the program calls itself: expected a person")


def _correction(made_by: str, **said: str | None) -> CorrectionRow:
    """Return what a person says of an attempt, not yet of which."""
    _check_person(made_by)
    return CorrectionRow(made_by=made_by, **said)
