"""Recorders, and when each was heard last: one that falls silent is not covered by the others."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import time
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from recognizer.base.errors import JournalError
from recognizer.crm.journal.database import Database
from recognizer.crm.journal.tables import RecorderRow

__all__ = ["Recorder", "RecorderClock", "RecorderKind", "read_recorders"]

RecorderKind = Literal["folder", "key", "live"]
_NOTED_EVERY_S = 30.0
_LONGEST_NAME = 300


@dataclass(frozen=True, slots=True)
class Recorder:
    """What hands in calls by itself.

    Attributes
    ----------
    kind : str
        `folder` (watched), `key` (of the API) or `live` (a listener).
    name : str
    heard_at : datetime
        When it handed in a call last.
    """

    kind: RecorderKind
    name: str
    heard_at: dt.datetime


class RecorderClock:
    """Notes in the journal that recorders were heard; each at most twice a minute.

    What cannot be noted now is noted with the next call: no call is lost for it. Shared by
    threads.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted_s: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def hear(self, kind: RecorderKind, name: str) -> None:
        """Note that a recorder has just handed in a call."""
        key, now_s = (kind, name[:_LONGEST_NAME]), time.monotonic()
        with self._lock:
            if now_s - self._noted_s.get(key, -_NOTED_EVERY_S) < _NOTED_EVERY_S:
                return
            self._noted_s[key] = now_s
        with contextlib.suppress(JournalError), self._database.writing() as session:
            self._database.lock(session, "recognizer recorders")
            session.merge(RecorderRow(kind=kind, name=key[1], heard_at=dt.datetime.now(dt.UTC)))


def read_recorders(database: Database) -> tuple[Recorder, ...]:
    """Return every recorder that ever handed in a call, the silent longest first."""
    query = sa.select(RecorderRow).order_by(RecorderRow.heard_at, RecorderRow.name)
    with database.reading() as session:
        return tuple(
            Recorder(row.kind, row.name, row.heard_at)  # type: ignore[arg-type]
            for row in session.scalars(query)
        )
