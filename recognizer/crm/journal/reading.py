"""What a journal answers: cards, attempts, what is said and decided of them, counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Self

import sqlalchemy as sa

from recognizer.base.settings import JournalSettings
from recognizer.crm.journal.assignments import read_assignments
from recognizer.crm.journal.conditions import CALL_ORDER, STANDING
from recognizer.crm.journal.database import Database
from recognizer.crm.journal.filters import any_of, attempt_filters, contact_filter, either, joined
from recognizer.crm.journal.identity import (
    attempt_row,
    cards_with_number,
    contact_row,
    dialled_number,
)
from recognizer.crm.journal.imports import ImportRecord, read_imports
from recognizer.crm.journal.overview import read_overview
from recognizer.crm.journal.queries import (
    attempt_record,
    attempt_records,
    contact_record,
    contact_records,
    correction_record,
    decision_record,
    read_attempts,
)
from recognizer.crm.journal.records import (
    AssignmentRecord,
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
    CallStateRow,
    ContactRow,
    CorrectionRow,
    DecisionRow,
)
from recognizer.crm.office import Office, load_office
from recognizer.model import NextStep
from recognizer.regulation.loading import load_regulation
from recognizer.regulation.rules import Regulation

__all__ = ["JournalReader"]

_CARDS_A_READ = 1000


class JournalReader:
    """An open journal that is asked, a context manager that closes it; a question is a transaction.

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
        create: bool = True,
        wait_s: float = 0.0,
    ) -> Self:
        """Open a journal, creating it where there is none.

        Parameters
        ----------
        url : str
            SQLAlchemy URL: ``sqlite:////var/lib/calls/journal.sqlite3``,
            ``postgresql+psycopg://user@host/base``.
        regulation, office : Regulation, Office or None
            None: the shipped ones.
        create : bool
            False: where there is none, an empty one in memory stands for it, for a dry run.
        wait_s : float
            How long each connection waits for a server that is starting or away, seconds.

        Raises
        ------
        JournalError
            If it cannot be reached, is no journal, or its schema is older (`recognizer journal
            upgrade`) or newer than this program.
        """
        database = Database(url, wait_s=wait_s)
        try:
            if not create and database.is_missing():
                database.close()
                database = Database("sqlite://")
            database.prepare()
            return cls(database, regulation or load_regulation(), office or load_office())
        except BaseException:
            database.close()
            raise

    @classmethod
    def of_settings(
        cls, settings: JournalSettings, *, create: bool = True, wait_s: float = 0.0
    ) -> Self:
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
            create=create,
            wait_s=wait_s,
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

    # --- cards ---

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
                .where(contact_filter(query), ContactRow.taken_back_at.is_(None))
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

    def contradictions(self, ref: str) -> tuple[AttemptRecord, ...]:
        """Return calls that contradict the mark of a card, and of which no person spoke yet.

        Heard after the mark: a person, or whatever else is only heard where somebody has the
        number.
        """
        with self.database.reading() as session:
            statement = (
                sa.select(AttemptRow)
                .join(CallStateRow, CallStateRow.attempt_id == AttemptRow.id)
                .where(
                    AttemptRow.contact_id == contact_row(session, ref).id,
                    CallStateRow.contradicts,
                    ~CallStateRow.is_reviewed,
                )
                .order_by(*CALL_ORDER)
            )
            return tuple(attempt_records(session, session.scalars(statement).all()))

    def all_contacts(self) -> Iterator[ContactRecord]:
        """Yield every card by `ref`, a batch at a time."""
        after = ""
        while True:
            with self.database.reading() as session:
                statement = (
                    sa.select(ContactRow)
                    .where(ContactRow.ref > after, ContactRow.taken_back_at.is_(None))
                    .order_by(ContactRow.ref)
                    .limit(_CARDS_A_READ)
                )
                records = contact_records(session, session.scalars(statement).all())
            yield from records
            if len(records) < _CARDS_A_READ:
                return
            after = records[-1].card.ref

    def imports(self, *, limit: int = 50) -> tuple[ImportRecord, ...]:
        """Return the imports of card files, the last first."""
        with self.database.reading() as session:
            return read_imports(session, limit=limit)

    # --- attempts ---

    def attempt(self, attempt_id: int) -> AttemptRecord:
        """Return an attempt; JournalError if there is none."""
        with self.database.reading() as session:
            return attempt_record(session, attempt_row(session, attempt_id))

    def attempts_by_id(self, ids: Sequence[int]) -> tuple[AttemptRecord, ...]:
        """Return these attempts in this order; what there is not is left out."""
        with self.database.reading() as session:
            rows = session.scalars(sa.select(AttemptRow).where(AttemptRow.id.in_(ids))).all()
            found = {record.id: record for record in attempt_records(session, rows)}
        return tuple(found[one] for one in ids if one in found)

    def attempts(
        self,
        which: AttemptFilter = AttemptFilter(),
        *,
        limit: int = 50,
        before_id: int | None = None,
    ) -> AttemptPage:
        """Return attempts, the last recorded first, a page at a time."""
        with self.database.reading() as session:
            return read_attempts(
                session, attempt_filters(which), limit, before_id, any_of=any_of(which)
            )

    def next_attempt(self, which: AttemptFilter, after_id: int) -> int | None:
        """Return the attempt of a filter recorded next after this one; None: it is the last."""
        key = CallStateRow.attempt_id
        conditions = (*attempt_filters(which), *map(either, any_of(which)))
        query = joined(key).where(key > after_id, *conditions).order_by(key).limit(1)
        with self.database.reading() as session:
            found: int | None = session.scalar(query)
            return found

    def count_attempts(self, which: AttemptFilter = AttemptFilter()) -> int:
        """Return how many attempts fit."""
        with self.database.reading() as session:
            conditions = (*attempt_filters(which), *map(either, any_of(which)))
            return session.scalar(joined(sa.func.count()).where(*conditions)) or 0

    def newest(self) -> tuple[int, dt.datetime] | None:
        """Return the attempt recorded last, and when that was; None: there is none."""
        query = sa.select(AttemptRow.id, AttemptRow.recorded_at).order_by(AttemptRow.id.desc())
        with self.database.reading() as session:
            last = session.execute(query.limit(1)).first()
        return None if last is None else (last.id, last.recorded_at)

    def history(self, contact: str) -> tuple[AttemptRecord, ...]:
        """Return every attempt of a card in the order of the calls."""
        with self.database.reading() as session:
            row = contact_row(session, contact)
            statement = (
                sa.select(AttemptRow).where(AttemptRow.contact_id == row.id).order_by(*CALL_ORDER)
            )
            return tuple(attempt_record(session, found) for found in session.scalars(statement))

    def review_queue(self, *, limit: int = 50, before_id: int | None = None) -> AttemptPage:
        """Return attempts that wait for an operator, and unreadable recordings."""
        # What a person has looked at does not wait, whatever they said of it.
        waits = (
            ~CallStateRow.is_reviewed,
            sa.or_(
                CallStateRow.next == NextStep.OPERATOR.value,
                sa.and_(CallStateRow.has_error, CallStateRow.outcome.is_(None)),
            ),
        )
        with self.database.reading() as session:
            return read_attempts(session, waits, limit, before_id)

    # --- what was said and decided of an attempt ---

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

    def standing_corrections(self, note: str, near: int, *, limit: int) -> tuple[int, ...]:
        """Return the corrections with a note that nobody took back, the oldest first.

        `near`: a call that has one; they are looked for from it on.
        """
        with self.database.reading() as session:
            first = session.scalar(
                sa.select(sa.func.min(CorrectionRow.id)).where(
                    CorrectionRow.attempt_id == near, CorrectionRow.note == note
                )
            )
            if first is None:
                return ()
            return tuple(
                session.scalars(
                    sa.select(CorrectionRow.id)
                    .where(CorrectionRow.id >= first, CorrectionRow.note == note, STANDING)
                    .order_by(CorrectionRow.id)
                    .limit(limit)
                )
            )

    def decisions(self, attempt_id: int) -> tuple[DecisionRecord, ...]:
        """Return every decision ever made on an attempt, first to last."""
        with self.database.reading() as session:
            statement = (
                sa.select(DecisionRow)
                .where(DecisionRow.attempt_id == attempt_id)
                .order_by(DecisionRow.id)
            )
            return tuple(map(decision_record, session.scalars(statement)))

    def overview(
        self, *, since: dt.datetime | None = None, until: dt.datetime | None = None
    ) -> Overview:
        """Return counts of the calls of a period."""
        with self.database.reading() as session:
            which = AttemptFilter(since=since, until=until)
            return read_overview(session, attempt_filters(which), self.office)
