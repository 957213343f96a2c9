"""The journal: cards, attempts, corrections, decisions, in SQLite or PostgreSQL.

Conventions: attempts, corrections and decisions are only added; a newer decision names the one
it replaces. Attempts of a contact stand in the order of their calls (`called_at`, then digest),
whatever the order they arrive in: a late one makes the later ones count anew. One recording
(digest of its content) is one attempt of a contact. Every public method is one transaction.

A `Journal` may be shared by threads; each process opens its own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from recognizer.contacts import ContactCard, Office
from recognizer.journal_records import (
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
from recognizer.policy import Regulation
from recognizer.types import CallOutcome, CallReport

__all__ = ["Journal", "recording_digest"]


def recording_digest(source: Path | bytes) -> str:
    """Return the SHA-256 of a recording's content, hexadecimal."""
    raise NotImplementedError


class Journal:
    """An open journal; a context manager that closes it."""

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
        raise NotImplementedError

    def close(self) -> None:
        """Close every connection."""

    # --- contacts ---

    def upsert_contact(self, card: ContactCard, *, source: str = "api") -> ContactRecord:
        """Add a card or take over what changed; comments are merged, never lost."""
        raise NotImplementedError

    def import_contacts(
        self, cards: Iterable[ContactCard], *, source: str, dry_run: bool = False
    ) -> Iterator[CardChange]:
        """Add or change cards in batches, yielding each change as it is stored.

        A dry run stores nothing. Unchanged cards are yielded with empty `changes`.
        """
        raise NotImplementedError

    def contact(self, ref: str) -> ContactRecord:
        """Return a card; ContactError if there is none."""
        raise NotImplementedError

    def find_contacts(
        self, query: str = "", *, limit: int = 50, offset: int = 0
    ) -> tuple[ContactRecord, ...]:
        """Return cards by a number in any spelling, part of one, or part of any text field."""
        raise NotImplementedError

    def all_contacts(self) -> Iterator[ContactRecord]:
        """Yield every card by `ref`, a batch at a time."""
        raise NotImplementedError

    # --- attempts ---

    def record_attempt(
        self,
        report: CallReport,
        *,
        contact: str | None = None,
        number: str | None = None,
        digest: str | None = None,
        called_at: dt.datetime | None = None,
        phrases_version: str | None = None,
    ) -> AttemptRecord:
        """Record what was heard, decide it with the card and the count, add the comment line.

        The same digest for the same contact (or, without a card, the same number) is the same
        attempt: the one already there is returned with `is_new` False.

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
            `recording_digest` of the recording; None: never the same as another.
        called_at : datetime or None
            Moment of the call, aware; None: now.
        phrases_version : str or None

        Raises
        ------
        ContactError
            If there is no such card.
        JournalError
            If it cannot be stored.
        """
        raise NotImplementedError

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
        raise NotImplementedError

    def attempt(self, attempt_id: int) -> AttemptRecord:
        """Return an attempt; JournalError if there is none."""
        raise NotImplementedError

    def attempts(
        self,
        which: AttemptFilter = AttemptFilter(),
        *,
        limit: int = 50,
        before_id: int | None = None,
    ) -> AttemptPage:
        """Return attempts, the last recorded first, a page at a time."""
        raise NotImplementedError

    def count_attempts(self, which: AttemptFilter = AttemptFilter()) -> int:
        """Return how many attempts fit."""
        raise NotImplementedError

    def history(self, contact: str) -> tuple[AttemptRecord, ...]:
        """Return every attempt of a card in the order of the calls."""
        raise NotImplementedError

    def review_queue(self, *, limit: int = 50, before_id: int | None = None) -> AttemptPage:
        """Return attempts that wait for an operator, and unreadable recordings."""
        raise NotImplementedError

    # --- decisions ---

    def decide_card(self, ref: str, *, on: dt.date | None = None) -> DecisionRecord | None:
        """Decide a card before any call; None: call. Deciding twice the same is once."""
        raise NotImplementedError

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
    ) -> AttemptRecord:
        """Say what an attempt really was: an outcome, or a reason of the regulation.

        Adds a correction and the decisions that follow from it, also for later attempts whose
        number changes; removes nothing.

        Raises
        ------
        ContactError
            If the card does not bear the reason out, or the comment lacks a part.
        JournalError
            If there is no such attempt, or not exactly one of `outcome` and `stated`.
        """
        raise NotImplementedError

    def corrections(self, attempt_id: int) -> tuple[CorrectionRecord, ...]:
        """Return the corrections of an attempt, first to last."""
        raise NotImplementedError

    def decisions(self, attempt_id: int) -> tuple[DecisionRecord, ...]:
        """Return every decision ever made on an attempt, first to last."""
        raise NotImplementedError

    # --- counts and retention ---

    def overview(
        self, *, since: dt.datetime | None = None, until: dt.datetime | None = None
    ) -> Overview:
        """Return counts of the calls of a period."""
        raise NotImplementedError

    def purge(self, older_than: dt.datetime) -> PurgeCounts:
        """Empty transcripts, evidence, numbers and recordings' names of older calls.

        Counts, outcomes, rules and decisions stay; cards stay.
        """
        raise NotImplementedError
