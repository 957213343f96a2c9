"""One transaction that adds to the journal, as those who add are given it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from recognizer.crm.journal.tables import ContactRow
from recognizer.crm.journal.timeline import Timeline

__all__ = ["Writing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """A transaction and what decides in it.

    Whoever adds to a contact holds its row from the start (in SQLite, the whole file), so that
    counting and comments never rest on what another writer is about to change. Without a card
    there is no row, and a lock named by the number does the same.

    Attributes
    ----------
    session : sqlalchemy.orm.Session
    timeline : callable
        The timeline of a card, or without one (None).
    lock : callable
        Takes the journal's lock of a name until the transaction ends.
    now : datetime
        When it began, aware.
    """

    session: Session
    timeline: Callable[[ContactRow | None], Timeline]
    lock: Callable[[str], None]
    now: dt.datetime
