"""The queue's memory: a small SQLite file of its own, so that it works without the journal."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from recognizer.base.sqlite_file import SqliteFile
from recognizer.web.jobs.submissions import JobRecord, JobState, Submission

__all__ = ["Ending", "JobStore", "StoredJob", "cause_of"]

_metadata = sa.MetaData()
_jobs = sa.Table(
    "jobs",
    _metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("file", sa.Text),
    sa.Column("submitted_at_s", sa.REAL, nullable=False),
    sa.Column("started_at_s", sa.REAL),
    sa.Column("finished_at_s", sa.REAL),
    sa.Column("result", sa.Text),
    sa.Column("owed", sa.Boolean, nullable=False, default=False, server_default=sa.text("0")),
    sa.Column("finished_lived_s", sa.REAL),
    # Of what is owed to the journal: how often it was tried, and when it is again (`lived`).
    sa.Column("n_tries", sa.Integer, nullable=False, default=0, server_default=sa.text("0")),
    sa.Column("due_lived_s", sa.REAL, nullable=False, default=0.0, server_default=sa.text("0")),
    sa.Column("lost", sa.Boolean, nullable=False, default=False, server_default=sa.text("0")),
    sa.Index("jobs_by_state", "state", "submitted_at_s"),
    sa.Index("jobs_by_owner", "owner", "submitted_at_s"),
)
_LATER_COLUMNS = {
    "owed": "INTEGER NOT NULL DEFAULT 0",
    "finished_lived_s": "REAL",
    "n_tries": "INTEGER NOT NULL DEFAULT 0",
    "due_lived_s": "REAL NOT NULL DEFAULT 0",
    "lost": "INTEGER NOT NULL DEFAULT 0",
}
_lived = sa.Table(
    "lived",
    _metadata,
    sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True),
    sa.Column("seconds", sa.REAL, nullable=False),
)
_rowid: sa.ColumnElement[int] = sa.literal_column("rowid")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ended, and when by the queue's own clock.

    `is_owed`: the journal could not be written and is to be. `is_lost`: it never will be, for the
    recording is gone.
    """

    at_s: float
    lived_s: float
    result: dict[str, Any]
    file: str | None
    is_owed: bool = False
    is_lost: bool = False


@dataclass(frozen=True, slots=True)
class StoredJob:
    """What is needed to hear a recording again; `file` is its name in the folder of uploads."""

    id: str
    file: str
    submission: Submission
    n_tries: int


class JobStore:
    """The jobs in one file. Not for several threads at once: whoever calls holds a lock.

    Raises
    ------
    sqlalchemy.exc.SQLAlchemyError
        By every method, if the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        # Each statement is a transaction of its own.
        self._engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(path)),
            isolation_level="AUTOCOMMIT",
            connect_args={"check_same_thread": False},
        )
        self._connection = self._engine.connect()
        self._connection.execute(sa.text("PRAGMA journal_mode = WAL"))
        self._connection.execute(sa.text("PRAGMA synchronous = NORMAL"))
        _metadata.create_all(self._connection)
        columns = {column["name"] for column in sa.inspect(self._connection).get_columns("jobs")}
        for name, kind in _LATER_COLUMNS.items():
            if name not in columns:
                self._connection.execute(sa.text(f"ALTER TABLE jobs ADD COLUMN {name} {kind}"))
        self._connection.execute(
            sqlite_insert(_lived).values(id=1, seconds=0).on_conflict_do_nothing()
        )
        # Of an earlier version: as old as the clock that it did not have.
        self._connection.execute(
            _jobs.update()
            .where(_jobs.c.state == JobState.DONE.value, _jobs.c.finished_lived_s.is_(None))
            .values(finished_lived_s=sa.select(_lived.c.seconds).scalar_subquery())
        )
        with contextlib.suppress(OSError):
            path.chmod(0o600)
        self._file = SqliteFile(path)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
        self._engine.dispose()
        self._file.close()

    @property
    def is_there(self) -> bool:
        """False if the file was deleted, replaced or emptied: nobody would find what is written."""
        return self._file.problem() is None

    @property
    def lived_s(self) -> float:
        """Seconds a server has run with this file."""
        return float(self._connection.execute(sa.select(_lived.c.seconds)).scalar_one())

    @lived_s.setter
    def lived_s(self, seconds: float) -> None:
        self._connection.execute(_lived.update().values(seconds=seconds))

    def add(self, identifier: str, submission: Submission, *, file: str, owner: str) -> None:
        """Add a job that waits."""
        self._connection.execute(
            _jobs.insert(),
            {
                "id": identifier,
                "state": JobState.QUEUED.value,
                "owner": owner,
                "name": submission.name,
                "request": submission.to_json(),
                "file": file,
                "submitted_at_s": submission.handed_in_at_s,
            },
        )

    def get(self, identifier: str) -> JobRecord | None:
        """Return a job; None if there is none."""
        row = self._connection.execute(sa.select(_jobs).where(_jobs.c.id == identifier)).first()
        return None if row is None else self._record(row)

    def recent(self, *, owner: str | None, limit: int) -> tuple[JobRecord, ...]:
        """Return the latest jobs, of one owner or all, newest first."""
        query = sa.select(_jobs).order_by(_rowid.desc()).limit(limit)
        if owner is not None:
            query = query.where(_jobs.c.owner == owner)
        return tuple(self._record(row) for row in self._connection.execute(query).all())

    def file_of(self, identifier: str) -> str | None:
        """Return the name of a job's file if it is still kept."""
        return self._connection.execute(
            sa.select(_jobs.c.file).where(_jobs.c.id == identifier)
        ).scalar_one_or_none()

    def files(self) -> set[str]:
        """Return the names of every file that is kept."""
        query = sa.select(_jobs.c.file).where(_jobs.c.file.is_not(None))
        return set(self._connection.execute(query).scalars())

    def counts(self) -> tuple[int, int]:
        """Return how many jobs wait and how many run."""
        query = (
            sa.select(_jobs.c.state, sa.func.count())
            .where(_jobs.c.state != JobState.DONE.value)
            .group_by(_jobs.c.state)
        )
        found = {row[0]: row[1] for row in self._connection.execute(query)}
        return found.get(JobState.QUEUED.value, 0), found.get(JobState.RUNNING.value, 0)

    def mark_running(self, identifier: str) -> None:
        """Keep that a recording is heard now."""
        self._connection.execute(
            _jobs.update()
            .where(_jobs.c.id == identifier)
            .values(state=JobState.RUNNING.value, started_at_s=time.time())
        )

    def finish(self, identifier: str, ending: Ending) -> None:
        """Keep how a job ended."""
        self._connection.execute(
            _jobs.update()
            .where(_jobs.c.id == identifier)
            .values(
                state=JobState.DONE.value,
                finished_at_s=ending.at_s,
                finished_lived_s=ending.lived_s,
                result=json.dumps(ending.result, ensure_ascii=False),
                file=ending.file,
                owed=ending.is_owed,
                lost=ending.is_lost,
            )
        )

    def owed(self, lived_s: float, limit: int) -> list[StoredJob]:
        """Return jobs the journal is still owed that are due, those that wait longest first."""
        due = sa.and_(_jobs.c.owed, _jobs.c.due_lived_s <= lived_s)
        return self._stored(due, _jobs.c.due_lived_s, limit=limit)

    def postpone(self, identifier: str, n_tries: int, due_lived_s: float) -> None:
        """Keep that what is owed was tried so often, and when it is again."""
        self._connection.execute(
            _jobs.update()
            .where(_jobs.c.id == identifier)
            .values(n_tries=n_tries, due_lived_s=due_lived_s)
        )

    def debts(self) -> tuple[int, int]:
        """Return how many jobs the journal is owed, and how many it will never get."""
        query = sa.select(sa.func.count()).select_from(_jobs)
        n_owed, n_lost = (
            self._connection.execute(query.where(which)).scalar_one()
            for which in (_jobs.c.owed, _jobs.c.lost)
        )
        return n_owed, n_lost

    def requeue(self) -> list[StoredJob]:
        """Let every job that is not finished wait again, and return them, the oldest first."""
        unfinished = self._stored(_jobs.c.state != JobState.DONE.value)
        self._connection.execute(
            _jobs.update()
            .where(_jobs.c.state == JobState.RUNNING.value)
            .values(state=JobState.QUEUED.value)
        )
        return unfinished

    def forget(self, identifier: str) -> list[str | None]:
        """Remove a job of which nothing is owed; return its file, [] if there is none."""
        return self._delete(_jobs.c.id == identifier)

    def forget_finished(self, before_lived_s: float) -> list[str | None]:
        """Remove jobs that ended before a moment of the queue's clock, and return their files."""
        return self._delete(
            sa.and_(_jobs.c.state == JobState.DONE.value, _jobs.c.finished_lived_s < before_lived_s)
        )

    def _stored(
        self,
        condition: sa.ColumnElement[bool],
        *order: sa.ColumnElement[Any],
        limit: int | None = None,
    ) -> list[StoredJob]:
        columns = (_jobs.c.id, _jobs.c.file, _jobs.c.request, _jobs.c.submitted_at_s)
        query = (
            sa.select(*columns, _jobs.c.n_tries)
            .where(condition)
            .order_by(*order, _rowid)
            .limit(limit)
        )
        return [
            StoredJob(
                row.id,
                row.file or "",
                Submission.from_json(row.request, row.submitted_at_s),
                row.n_tries,
            )
            for row in self._connection.execute(query).all()
        ]

    def _delete(self, condition: sa.ColumnElement[bool]) -> list[str | None]:
        # What the journal is still owed is not finished.
        statement = _jobs.delete().where(condition, ~_jobs.c.owed).returning(_jobs.c.file)
        return list(self._connection.execute(statement).scalars())

    def _record(self, row: sa.Row[Any]) -> JobRecord:
        return JobRecord(
            id=row.id,
            state=JobState(row.state),
            owner=row.owner,
            submission=Submission.from_json(row.request, row.submitted_at_s),
            submitted_at_s=row.submitted_at_s,
            started_at_s=row.started_at_s,
            finished_at_s=row.finished_at_s,
            position=self._position(row),
            result=None if row.result is None else json.loads(row.result),
        )

    def _position(self, row: sa.Row[Any]) -> int | None:
        if row.state != JobState.QUEUED.value:
            return None
        this = sa.select(_rowid).select_from(_jobs).where(_jobs.c.id == row.id).scalar_subquery()
        return self._connection.execute(
            sa.select(sa.func.count())
            .select_from(_jobs)
            .where(_jobs.c.state == JobState.QUEUED.value, _rowid < this)
        ).scalar_one()


def cause_of(problem: Exception) -> BaseException:
    """Return the driver's own words, without the statement."""
    return problem.orig if isinstance(problem, sa.exc.DBAPIError) and problem.orig else problem
