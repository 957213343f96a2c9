"""The journal: cards, attempts, corrections, decisions, in SQLite or PostgreSQL.

Conventions: attempts, corrections and decisions are only added; a newer decision names the one
it replaces. Attempts of a contact stand in the order of their calls (`called_at`, then digest),
whatever the order they arrive in: a late one makes the later ones count anew. One recording
(digest of its content) is one attempt of a contact. Every public method is one transaction.

A `Journal` may be shared by threads; each process opens its own.
"""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import importlib.metadata
import os
import stat
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.orm import Session

from recognizer.base.errors import ConflictError, JournalError
from recognizer.base.settings import JournalSettings
from recognizer.crm.contacts import CARD_FIELDS, ContactCard, Office, load_office
from recognizer.crm.journal.assignments import Assignments, read_assignments
from recognizer.crm.journal.cards import store_cards
from recognizer.crm.journal.database import Database
from recognizer.crm.journal.identity import (
    attempt_row,
    card_row,
    cards_with_number,
    contact_key,
    contact_row,
    dialled_number,
    same_recording,
    written_number,
)
from recognizer.crm.journal.purge import purge_batch
from recognizer.crm.journal.queries import (
    attempt_filters,
    attempt_record,
    contact_filter,
    contact_record,
    contact_records,
    correction_record,
    decision_record,
    read_attempts,
    read_overview,
)
from recognizer.crm.journal.records import (
    REHEARING,
    AssignmentRecord,
    AttemptFilter,
    AttemptPage,
    AttemptRecord,
    CardChange,
    ContactRecord,
    CorrectionRecord,
    DecisionRecord,
    Overview,
    PurgeCounts,
)
from recognizer.crm.journal.tables import (
    AttemptRow,
    ContactRow,
    CorrectionRow,
    DecisionRow,
)
from recognizer.crm.journal.timeline import BY_PERSON, IN_FORCE, STANDING, Timeline
from recognizer.model import CallOutcome, CallReport, NextStep, PhraseListName, phrase_list_of
from recognizer.regulation.loading import load_regulation
from recognizer.regulation.rules import Regulation

__all__ = ["REHEARING", "Journal", "recording_digest"]

_BATCH = 1000
_SOFTWARE_VERSION = importlib.metadata.version("recognizer")
_ALL = AttemptFilter()


def recording_digest(source: Path | bytes) -> str:
    """Return the SHA-256 of a recording's content, hexadecimal.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    # Neither a pipe nor a device may keep us waiting, nor be read for ever.
    with os.fdopen(os.open(source, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "is no regular file", str(source))
        return hashlib.file_digest(file, "sha256").hexdigest()


class Journal:
    """An open journal; a context manager that closes it.

    Attributes
    ----------
    regulation : Regulation
        The rules every decision is made by.
    office : Office
    database : Database
        For the page's own tables (`database.engine`).
    """

    def __init__(self, database: Database, regulation: Regulation, office: Office) -> None:
        self.database = database
        self.regulation = regulation
        self.office = office

    @classmethod
    def open(
        cls,
        url: str,
        *,
        regulation: Regulation | None = None,
        office: Office | None = None,
    ) -> Self:
        """Open a journal, creating it where there is none.

        Parameters
        ----------
        url : str
            SQLAlchemy URL: ``sqlite:////var/lib/calls/journal.sqlite3``,
            ``postgresql+psycopg://user@host/base``.
        regulation, office : Regulation, Office or None
            None: the shipped ones.

        Raises
        ------
        JournalError
            If it cannot be reached, is no journal, or its schema is older (`recognizer journal
            upgrade`) or newer than this program.
        """
        database = Database(url)
        try:
            database.prepare()
            return cls(database, regulation or load_regulation(), office or load_office())
        except BaseException:
            database.close()
            raise

    @classmethod
    def of_settings(cls, settings: JournalSettings) -> Self:
        """Open the journal the settings name, with the rules and the office they name.

        Raises
        ------
        JournalError
            As `open` does.
        DataFileError
            If the rules or the office's data are wrong.
        """
        return cls.open(
            settings.journal_url,
            regulation=load_regulation(settings.regulation_file, office_file=settings.office_file),
            office=load_office(settings.office_file),
        )

    def close(self) -> None:
        """Close every connection."""
        self.database.close()

    def __enter__(self) -> Self:
        """Return the journal."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close every connection."""
        self.close()

    # --- contacts ---

    def upsert_contact(self, card: ContactCard, *, source: str = "api") -> ContactRecord:
        """Add a card or take over what changed; comments are merged, never lost."""
        for _ in self.import_contacts([card], source=source):
            pass
        return self.contact(card.ref)

    def import_contacts(
        self,
        cards: Iterable[ContactCard],
        *,
        source: str,
        fields: Collection[str] = CARD_FIELDS,
        dry_run: bool = False,
    ) -> Iterator[CardChange]:
        """Add or change cards in batches, yielding each change as it is stored.

        Of cards already there only `fields` are taken over: what a file has no column for stays.
        A dry run stores nothing. Unchanged cards are yielded with empty `changes`.
        """
        for batch in _batches(cards):
            with self.database.writing() as session:
                self.database.lock(session, "recognizer cards")
                changes = store_cards(
                    session, batch, source=source, now=_now(), fields=fields, dry_run=dry_run
                )
            yield from changes

    def contact(self, ref: str) -> ContactRecord:
        """Return a card; ContactError if there is none."""
        with self.database.reading() as session:
            return contact_record(session, contact_row(session, ref))

    def find_contacts(
        self, query: str = "", *, limit: int = 50, offset: int = 0
    ) -> tuple[ContactRecord, ...]:
        """Return cards by a number in any spelling, part of one, or part of any text field.

        The card whose `ref` is the query comes first.
        """
        with self.database.reading() as session:
            statement = (
                sa.select(ContactRow)
                .where(contact_filter(query))
                .order_by(ContactRow.ref != query.strip(), ContactRow.ref)
                .limit(limit)
                .offset(offset)
            )
            return tuple(contact_record(session, row) for row in session.scalars(statement))

    def contacts_with_number(self, number: str) -> tuple[ContactRecord, ...]:
        """Return the cards that have exactly this number, by `ref`; merged ones as what they are.

        Part of a number finds nothing: this says whose a number is, `find_contacts` searches.
        """
        dialled = dialled_number(number)
        if dialled is None:
            return ()
        with self.database.reading() as session:
            statement = (
                sa.select(ContactRow)
                .where(ContactRow.id.in_(cards_with_number(session, dialled, limit=50)))
                .order_by(ContactRow.ref)
            )
            return tuple(contact_records(session, session.scalars(statement).all()))

    def all_contacts(self) -> Iterator[ContactRecord]:
        """Yield every card by `ref`, a batch at a time."""
        after = ""
        while True:
            with self.database.reading() as session:
                statement = (
                    sa.select(ContactRow)
                    .where(ContactRow.ref > after)
                    .order_by(ContactRow.ref)
                    .limit(_BATCH)
                )
                records = contact_records(session, session.scalars(statement).all())
            yield from records
            if len(records) < _BATCH:
                return
            after = records[-1].card.ref

    # --- attempts ---

    def record_attempt(
        self,
        report: CallReport,
        *,
        contact: str | None = None,
        number: str | None = None,
        digest: str | None = None,
        called_at: dt.datetime | None = None,
    ) -> AttemptRecord:
        """Record what was heard, decide it with the card and the count, add the comment line.

        The same digest for the same contact (or, without a card, the same number) is the same
        attempt: the one already there is returned with `is_new` False. If the recording is heard
        as something else now, that is added as a correction made by `REHEARING`, unless a person
        has corrected the attempt: what a person says stands. No attempt that was heard as
        something else becomes one of an invalid number in this way.

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
            Moment of the call, aware; None: now.

        Raises
        ------
        ContactError
            If there is no such card.
        JournalError
            If it cannot be stored.
        """
        with self.database.writing() as session:
            row = self._find_contact(session, contact, number)
            key = contact_key(row, number)
            if row is None:
                self.database.lock(session, key)
            there = same_recording(session, key, digest)
            if there is not None:
                self._hear_again(session, there, row, report)
                return attempt_record(session, there)
            attempt = _row_of(report)
            attempt.contact_id = None if row is None else row.id
            attempt.contact_key = key
            attempt.number = written_number(number)
            attempt.digest = digest
            attempt.called_at = called_at or _now()
            session.add(attempt)
            session.flush()
            self._timeline(session, row).add(attempt)
            session.flush()
            return attempt_record(session, attempt, is_new=True)

    def _hear_again(
        self, session: Session, attempt: AttemptRow, row: ContactRow | None, report: CallReport
    ) -> None:
        """Correct an attempt whose recording is heard as something else than it was."""
        if report.outcome is None:
            return  # it cannot be heard now; what was heard once stands
        corrections = session.scalars(
            sa.select(CorrectionRow)
            .where(CorrectionRow.attempt_id == attempt.id, STANDING)
            .order_by(CorrectionRow.id)
        ).all()
        if any(each.made_by != REHEARING for each in corrections):
            return
        was = corrections[-1].outcome if corrections else attempt.outcome
        heard = report.outcome.kind.value
        # What was heard as something else gets the mark from a person only.
        marks = phrase_list_of(report.outcome.kind) is PhraseListName.INVALID_NUMBER
        if was == heard or (marks and was is not None):
            return
        correction = CorrectionRow(
            attempt_id=attempt.id,
            made_at=_now(),
            made_by=REHEARING,
            outcome=heard,
            note=f"{_SOFTWARE_VERSION}: heard again as {heard}, before as {was}",
        )
        session.add(correction)
        session.flush()
        self._timeline(session, row).correct(attempt, correction)
        session.flush()

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
            If the card does not bear the reason out, or the comment lacks a part.
        """
        _check_person(made_by)
        moment = called_at or _now()
        identity = "\0".join((contact, moment.astimezone(dt.UTC).isoformat(), reason))
        digest = hashlib.sha256(identity.encode()).hexdigest()
        with self.database.writing() as session:
            row = card_row(session, contact, for_update=True)
            key = contact_key(row, None)
            there = same_recording(session, key, digest)
            if there is not None:
                return attempt_record(session, there)
            attempt = AttemptRow(
                contact_id=row.id,
                contact_key=key,
                digest=digest,
                called_at=moment,
                recorded_at=_now(),
                software_version=_SOFTWARE_VERSION,
            )
            session.add(attempt)
            session.flush()
            correction = CorrectionRow(
                attempt_id=attempt.id,
                made_at=_now(),
                made_by=made_by,
                stated=reason,
                name=name,
                words=words,
                note=note,
            )
            session.add(correction)
            session.flush()
            self._timeline(session, row).correct(attempt, correction)
            session.flush()
            return attempt_record(session, attempt, is_new=True)

    def attempt(self, attempt_id: int) -> AttemptRecord:
        """Return an attempt; JournalError if there is none."""
        with self.database.reading() as session:
            return attempt_record(session, attempt_row(session, attempt_id))

    def attempts(
        self,
        which: AttemptFilter = AttemptFilter(),
        *,
        limit: int = 50,
        before_id: int | None = None,
    ) -> AttemptPage:
        """Return attempts, the last recorded first, a page at a time."""
        with self.database.reading() as session:
            return read_attempts(session, attempt_filters(which), limit, before_id)

    def count_attempts(self, which: AttemptFilter = AttemptFilter()) -> int:
        """Return how many attempts fit."""
        with self.database.reading() as session:
            statement = (
                sa.select(sa.func.count())
                .select_from(AttemptRow)
                .outerjoin(DecisionRow, sa.and_(DecisionRow.attempt_id == AttemptRow.id, IN_FORCE))
                .where(*attempt_filters(which))
            )
            return session.scalar(statement) or 0

    def history(self, contact: str) -> tuple[AttemptRecord, ...]:
        """Return every attempt of a card in the order of the calls."""
        with self.database.reading() as session:
            row = contact_row(session, contact)
            statement = (
                sa.select(AttemptRow)
                .where(AttemptRow.contact_id == row.id)
                .order_by(
                    AttemptRow.called_at, sa.func.coalesce(AttemptRow.digest, ""), AttemptRow.id
                )
            )
            return tuple(attempt_record(session, found) for found in session.scalars(statement))

    def review_queue(self, *, limit: int = 50, before_id: int | None = None) -> AttemptPage:
        """Return attempts that wait for an operator, and unreadable recordings."""
        # Found from the few that wait, not by looking through all that do not.
        undecided = sa.select(DecisionRow.attempt_id).where(
            DecisionRow.next == NextStep.OPERATOR.value, IN_FORCE
        )
        heard = sa.exists().where(
            DecisionRow.attempt_id == AttemptRow.id, DecisionRow.outcome.is_not(None), IN_FORCE
        )
        unreadable = sa.select(AttemptRow.id).where(AttemptRow.error_kind.is_not(None), ~heard)
        waits = AttemptRow.id.in_(sa.union_all(undecided, unreadable))
        # What a person has looked at does not wait, whatever they said of it.
        unseen = ~sa.exists().where(CorrectionRow.attempt_id == AttemptRow.id, BY_PERSON)
        with self.database.reading() as session:
            return read_attempts(session, [waits, unseen], limit, before_id)

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
            If the card does not bear the reason out, or the comment lacks a part.
        ConflictError
            If the attempt is no longer at the version `expected`.
        JournalError
            If there is no such attempt, or not exactly one of `outcome` and `stated`.
        """
        _check_person(made_by)
        if (outcome is None) == (stated is None):
            raise JournalError("a correction: expected exactly one of outcome and stated")
        with self.database.writing() as session:
            attempt = attempt_row(session, attempt_id)
            row = self._hold(session, attempt)
            if expected is not None:
                _check_version(session, attempt, expected)
            correction = CorrectionRow(
                attempt_id=attempt.id,
                made_at=_now(),
                made_by=made_by,
                outcome=None if outcome is None else outcome.value,
                stated=stated,
                name=name,
                words=words,
                note=note,
            )
            session.add(correction)
            session.flush()
            self._timeline(session, row).correct(attempt, correction)
            session.flush()
            return attempt_record(session, attempt)

    def assign_contact(
        self, attempt_id: int, contact: str, *, made_by: str = "api"
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
            return self._assignments(session, made_by).assign(attempt_id, contact)

    def move_attempt(
        self,
        attempt_id: int,
        contact: str | None,
        *,
        made_by: str,
        with_same_number: bool = False,
    ) -> AttemptRecord:
        """Give an attempt another card, or none; what stood on the old one is decided anew.

        Parameters
        ----------
        contact : str or None
            `ref` of the right card; None: it is not known whose call it is.
        with_same_number : bool
            Take along the other attempts of the old card to the same number.

        Raises
        ------
        ContactError
            If there is no such card, or it does not bear out what an operator stated.
        JournalError
            If there is no such attempt, or the new card has this recording.
        """
        with self.database.writing() as session:
            return self._assignments(session, made_by).move(
                attempt_id, contact, with_same_number=with_same_number
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
            correction = session.get(CorrectionRow, correction_id)
            if correction is None or correction.withdraws_id is not None:
                raise JournalError(f"correction {correction_id}: there is no such correction")
            attempt = attempt_row(session, correction.attempt_id)
            row = self._hold(session, attempt)
            taken_back = sa.select(CorrectionRow.id).where(
                CorrectionRow.withdraws_id == correction_id
            )
            if session.scalar(taken_back) is not None:
                raise JournalError(f"correction {correction_id} was taken back already")
            session.add(
                CorrectionRow(
                    attempt_id=attempt.id,
                    made_at=_now(),
                    made_by=made_by,
                    withdraws_id=correction_id,
                )
            )
            session.flush()
            self._timeline(session, row).withdraw(attempt)
            session.flush()
            return attempt_record(session, attempt)

    def assignments(self, attempt_id: int) -> tuple[AssignmentRecord, ...]:
        """Return how an attempt came to its card, first to last; nothing if it never changed."""
        with self.database.reading() as session:
            return read_assignments(session, attempt_id)

    def corrections(self, attempt_id: int) -> tuple[CorrectionRecord, ...]:
        """Return the corrections of an attempt, first to last."""
        with self.database.reading() as session:
            statement = (
                sa.select(CorrectionRow)
                .where(CorrectionRow.attempt_id == attempt_id)
                .order_by(CorrectionRow.id)
            )
            rows = session.scalars(statement).all()
            withdrawn = {row.withdraws_id for row in rows}
            return tuple(correction_record(row, is_withdrawn=row.id in withdrawn) for row in rows)

    def decisions(self, attempt_id: int) -> tuple[DecisionRecord, ...]:
        """Return every decision ever made on an attempt, first to last."""
        with self.database.reading() as session:
            statement = (
                sa.select(DecisionRow)
                .where(DecisionRow.attempt_id == attempt_id)
                .order_by(DecisionRow.id)
            )
            return tuple(map(decision_record, session.scalars(statement)))

    # --- counts and retention ---

    def overview(
        self, *, since: dt.datetime | None = None, until: dt.datetime | None = None
    ) -> Overview:
        """Return counts of the calls of a period."""
        with self.database.reading() as session:
            which = AttemptFilter(since=since, until=until)
            return read_overview(session, attempt_filters(which), self.office)

    def purge(self, older_than: dt.datetime) -> PurgeCounts:
        """Empty transcripts, evidence, numbers and recordings' names of older calls.

        Counts, outcomes, rules and decisions stay; cards stay.
        """
        counts = PurgeCounts(0, 0)
        while True:
            with self.database.writing() as session:
                purged = purge_batch(session, older_than, _now(), _BATCH)
            counts = PurgeCounts(
                counts.attempts + purged.attempts, counts.corrections + purged.corrections
            )
            if purged.attempts < _BATCH:
                self.database.compact()
                return counts

    # --- the parts of it ---
    #
    # Whoever adds to a contact holds its row from the start (in SQLite, the whole file), so that
    # counting and comments never rest on what another writer is about to change. Without a card
    # there is no row, and a lock named by the number does the same.

    def _hold(self, session: Session, attempt: AttemptRow) -> ContactRow | None:
        """Hold what decides an attempt: its card's row, or the number it stands under."""
        if attempt.contact_id is not None:
            row: ContactRow | None = session.get(
                ContactRow, attempt.contact_id, with_for_update=True
            )
        else:
            row = None
            self.database.lock(session, attempt.contact_key)
        session.refresh(attempt)
        return row

    def _assignments(self, session: Session, made_by: str) -> Assignments:
        return Assignments(
            session,
            timeline=lambda contact: self._timeline(session, contact),
            lock=lambda name: self.database.lock(session, name),
            made_by=made_by,
            now=_now(),
        )

    def _timeline(self, session: Session, contact: ContactRow | None) -> Timeline:
        return Timeline(session, self.regulation, self.office, contact=contact, now=_now())

    def _find_contact(
        self, session: Session, ref: str | None, number: str | None
    ) -> ContactRow | None:
        """Return the card meant: by its `ref`, else the only one with this number."""
        if ref is not None:
            return card_row(session, ref, for_update=True)
        dialled = dialled_number(number)
        if dialled is None:
            return None
        found = cards_with_number(session, dialled, limit=2)
        if len(found) != 1:
            return None
        return session.get(ContactRow, found[0], with_for_update=True)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _batches(cards: Iterable[ContactCard]) -> Iterator[list[ContactCard]]:
    """Yield cards a batch at a time; no batch holds the same card twice."""
    batch: dict[str, ContactCard] = {}
    for card in cards:
        if card.ref in batch or len(batch) == _BATCH:
            yield list(batch.values())
            batch = {}
        batch[card.ref] = card
    if batch:
        yield list(batch.values())


def _check_person(made_by: str) -> None:
    if made_by == REHEARING:
        raise JournalError(f"{made_by!r} is what the program calls itself: expected a person")


def _check_version(session: Session, attempt: AttemptRow, expected: str) -> None:
    found = attempt_record(session, attempt).version
    if found != expected:
        raise ConflictError(
            f"attempt {attempt.id}: somebody decided it meanwhile (version {found}, "
            f"expected {expected}); read it again"
        )


def _row_of(report: CallReport) -> AttemptRow:
    from recognizer.model.report_json import report_to_dict  # noqa: PLC0415 - brings the audio stages

    written: dict[str, Any] = {**report_to_dict(report), "decision": None}
    transcript = None if report.evidence is None else report.evidence.transcript
    outcome = report.outcome
    return AttemptRow(
        recording=report.recording,
        recorded_at=_now(),
        outcome=None if outcome is None else outcome.kind.value,
        confidence=None if outcome is None else outcome.confidence,
        phrase_id=None if outcome is None or outcome.match is None else outcome.match.phrase.id,
        transcript=None if transcript is None else transcript.text,
        duration_s=None if report.evidence is None else report.evidence.duration_s,
        error_kind=None if report.error is None else report.error.kind,
        error_message=None if report.error is None else report.error.message,
        report=written,
        software_version=_SOFTWARE_VERSION,
        phrases_version=report.phrases_version,
        engine=None if transcript is None else transcript.engine,
        model=None if transcript is None else transcript.model,
    )
