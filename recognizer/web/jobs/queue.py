"""Recordings handed in over HTTP, from the upload to the result: shared by the API and the page.

An upload is streamed into a private folder under a name of our own, queued, recognised in a
worker process, and removed; a name a client gave is kept as text and never used as a path. Jobs
live in a small SQLite file, so a restart loses none: what was waiting is queued again.

Wall clocks jump. Moments (`_at_s`) are only shown; order is that of arrival, and how long results
are kept counts on a clock of the queue's own, the seconds a server has run with this state.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
import errno
import json
import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from recognizer.base.errors import RecognizerError
from recognizer.base.settings import ServerSettings
from recognizer.batch.jobs import Finished, Job, RecognizerLike, failed_report, run_jobs
from recognizer.batch.worker import WorkerClosedError
from recognizer.model import CallReport
from recognizer.model.report_json import report_to_dict
from recognizer.regulation.signalling import SignallingCode, load_signalling

__all__ = [
    "InProcessRunner",
    "JobRecord",
    "JobState",
    "Jobs",
    "QueueFullError",
    "Request",
    "Runner",
    "UploadError",
]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    request TEXT NOT NULL,
    file TEXT,
    submitted_at_s REAL NOT NULL,
    started_at_s REAL,
    finished_at_s REAL,
    result TEXT
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, submitted_at_s);
CREATE INDEX IF NOT EXISTS jobs_by_owner ON jobs (owner, submitted_at_s);
CREATE TABLE IF NOT EXISTS lived (id INTEGER PRIMARY KEY CHECK (id = 1), seconds REAL NOT NULL);
INSERT OR IGNORE INTO lived VALUES (1, 0);
"""
_LATER_COLUMNS = {"owed": "INTEGER NOT NULL DEFAULT 0", "finished_lived_s": "REAL"}


_SELECT_ONE = "SELECT * FROM jobs WHERE id = ?"
_SELECT_RECENT = "SELECT * FROM jobs WHERE (? IS NULL OR owner = ?) ORDER BY rowid DESC LIMIT ?"


_SELECT_OWED = (
    "SELECT id, file, request FROM jobs WHERE owed AND file IS NOT NULL ORDER BY rowid LIMIT ?"
)
_N_OWED_AT_ONCE = 16
_LIVED_EVERY_S = 60.0  # so much is forgotten if the server is killed
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
_LOG = logging.getLogger(__name__)


class JobState(enum.StrEnum):
    """Where a job is; a recording that cannot be read is `done` with an error in its result."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"


class QueueFullError(RecognizerError):
    """Too much is waiting already; ask again in `retry_after_s` seconds."""

    kind = "busy"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UploadError(RecognizerError):
    """An upload that cannot be taken: `kind` is `too_large`, `empty` or `upload_timeout`."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked about one recording.

    Attributes
    ----------
    name : str
        What the client calls the recording; text, never a path.
    contact : str or None
        Id of a contact card; with it the journal counts the attempts and records this one.
    number : str or None
        Number called, any spelling; the journal counts the attempts of a number without a card.
    in_journal : bool
        Record the call even where nobody knows whose it is (the operators' page).
    keep_recording : bool
        Keep the file as long as the result, so that it can be played.
    record_later : bool
        Where the journal cannot be written, keep the file and do it once it can.
    """

    name: str
    contact: str | None = None
    number: str | None = None
    in_journal: bool = False
    attempt: int = 1
    channel: str | int | None = None
    called_on: dt.date | None = None
    codes: tuple[SignallingCode, ...] = ()
    keep_recording: bool = False
    record_later: bool = True


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job as a client sees it.

    Attributes
    ----------
    position : int or None
        How many wait before it; None once it runs.
    result : dict or None
        The object of design section 3, once `done`.
    """

    id: str
    state: JobState
    owner: str
    request: Request
    submitted_at_s: float
    started_at_s: float | None
    finished_at_s: float | None
    position: int | None
    result: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class _Ending:
    """How a job ended; `is_owed`: the journal could not be written and is to be."""

    at_s: float
    lived_s: float
    result: dict[str, Any]
    file: str | None
    is_owed: bool


class Runner(Protocol):
    """Where recordings are recognised: a `WorkerPool`, or this process in tests."""

    def submit(self, job: Job, on_start: Callable[[], object] = lambda: None) -> Future[Finished]:
        """Queue one recording."""

    def close(self) -> None:
        """Stop at once."""


class InProcessRunner:
    """Recognises in a thread of this process: for tests and for embedding."""

    def __init__(self, recognizer: RecognizerLike) -> None:
        self._recognizer = recognizer
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recognizer-in-process")

    def submit(self, job: Job, on_start: Callable[[], object] = lambda: None) -> Future[Finished]:
        """Queue one recording."""
        return self._thread.submit(self._run, job, on_start)

    def close(self) -> None:
        """Forget what is queued."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _run(self, job: Job, on_start: Callable[[], object]) -> Finished:
        on_start()
        (finished,) = run_jobs(self._recognizer, [job], load_signalling())
        return finished


Record = Callable[[Request, Finished], dict[str, Any]]
"""Turns a finished report into the result object, and keeps it in the journal where asked."""


class Jobs:
    """The queue and its memory.

    Parameters
    ----------
    settings : ServerSettings
    runner : Runner
        Closed by `close`.
    record : callable or None
        See `Record`; None: the report as JSON, and no journal.
    on_finished : callable
        Told every finished report, for the metrics.
    can_record : callable
        Whether `record` would succeed now: asked before what waits for that is heard again.
    clock : callable
        Monotonic seconds.
    """

    def __init__(
        self,
        settings: ServerSettings,
        runner: Runner,
        *,
        record: Record | None = None,
        on_finished: Callable[[CallReport], object] = lambda _: None,
        can_record: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._runner = runner
        self._record: Record = record or (lambda _, finished: report_to_dict(finished.report))
        self._on_finished = on_finished
        self._can_record = can_record
        settings.state_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = settings.state_folder / "uploads"
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.chmod(0o700)
        self._lock = threading.Lock()
        self._waiters: dict[str, Future[None]] = {}
        self._unsaved: dict[str, _Ending] = {}  # finished, and the state's disk is full
        self._recording: set[str] = set()  # heard again, for the journal
        self._database = _open_database(settings.state_folder / "jobs.sqlite3")
        self._clock = clock
        self._ticked_s = clock()
        (self._lived_s,) = self._database.execute("SELECT seconds FROM lived").fetchone()
        self._resume()

    # -- taking recordings in ---------------------------------------------------------------

    async def receive(self, chunks: AsyncIterator[bytes]) -> Path:
        """Stream an upload to a private file and return it; nothing stays of a broken one.

        Raises
        ------
        UploadError
            If it is empty or larger than `max_upload_bytes`.
        """
        path = self._folder / secrets.token_hex(16)
        try:
            with path.open("xb") as file:
                async for chunk in chunks:
                    file.write(chunk)
                    self._check_size(file.tell())
        except BaseException as problem:
            path.unlink(missing_ok=True)
            if isinstance(problem, OSError) and problem.errno in _NO_ROOM:
                raise _no_room(problem) from problem
            raise
        if path.stat().st_size == 0:
            path.unlink()
            raise UploadError("the recording is empty: expected sound, got 0 bytes", "empty")
        return path

    def _check_size(self, size: int) -> None:
        limit = self._settings.max_upload_bytes
        if size > limit:
            raise UploadError(
                f"the recording is larger than {limit} bytes, the most this server takes; "
                "send the part that matters",
                "too_large",
            )

    def submit(self, upload: Path, request: Request, *, owner: str) -> JobRecord:
        """Queue a received file and return its job.

        Raises
        ------
        QueueFullError
            If `max_queue` recordings wait; the file is removed.
        """
        try:
            return self._submit(upload, request, owner)
        except sqlite3.Error as problem:
            upload.unlink(missing_ok=True)
            raise _no_room(problem) from problem

    def _submit(self, upload: Path, request: Request, owner: str) -> JobRecord:
        identifier = secrets.token_urlsafe(16)
        with self._lock:
            (n_waiting,) = self._database.execute(
                "SELECT count(*) FROM jobs WHERE state = 'queued'"
            ).fetchone()
            if n_waiting < self._settings.max_queue:
                self._database.execute(
                    "INSERT INTO jobs (id, state, owner, name, request, file, submitted_at_s)"
                    " VALUES (?, 'queued', ?, ?, ?, ?, ?)",
                    (
                        identifier,
                        owner,
                        request.name,
                        _request_to_json(request),
                        upload.name,
                        time.time(),
                    ),
                )
                self._waiters[identifier] = Future()
        if n_waiting >= self._settings.max_queue:
            upload.unlink(missing_ok=True)
            raise QueueFullError(
                f"{n_waiting} recordings wait already, the most this server holds; try again later",
                retry_after_s=30,
            )
        self._start(identifier, upload, request)
        job = self.get(identifier)
        assert job is not None
        return job

    # -- looking at jobs --------------------------------------------------------------------

    def get(self, identifier: str, *, owner: str | None = None) -> JobRecord | None:
        """Return a job; None if there is none, or if it is another owner's."""
        with self._lock:
            row = self._database.execute(_SELECT_ONE, (identifier,)).fetchone()
            if row is None or (owner is not None and row["owner"] != owner):
                return None
            return self._record_of(row)

    def recent(self, *, owner: str | None = None, limit: int = 100) -> tuple[JobRecord, ...]:
        """Return the latest jobs, newest first."""
        with self._lock:
            rows = self._database.execute(_SELECT_RECENT, (owner, owner, limit)).fetchall()
            return tuple(self._record_of(row) for row in rows)

    def _record_of(self, row: sqlite3.Row) -> JobRecord:
        record = _record_from_row(row, self._position(row))
        ending = self._unsaved.get(record.id)
        if ending is None:
            return record
        return replace(
            record,
            state=JobState.DONE,
            finished_at_s=ending.at_s,
            position=None,
            result=ending.result,
        )

    def recording(self, identifier: str) -> Path | None:
        """Return the file of a job if it is still kept."""
        with self._lock:
            row = self._database.execute(
                "SELECT file FROM jobs WHERE id = ?", (identifier,)
            ).fetchone()
        if row is None or row["file"] is None:
            return None
        path = self._folder / row["file"]
        return path if path.is_file() else None

    def finished(self, identifier: str) -> Future[None]:
        """Return a future that is done when the job is (for `asyncio.wrap_future`)."""
        with self._lock:
            waiter = self._waiters.get(identifier)
        if waiter is None:
            waiter = Future()
            waiter.set_result(None)
        return waiter

    def counts(self) -> tuple[int, int]:
        """Return how many jobs wait and how many run."""
        with self._lock:
            rows = dict(
                self._database.execute(
                    "SELECT state, count(*) FROM jobs WHERE state != 'done' GROUP BY state"
                ).fetchall()
            )
        return rows.get("queued", 0), rows.get("running", 0)

    def delete(self, identifier: str, *, owner: str | None = None) -> bool:
        """Forget a finished job and its recording; False if there is no such job to forget."""
        job = self.get(identifier, owner=owner)
        if job is None or job.state is not JobState.DONE:
            return False
        # What the journal is still owed is not finished.
        return self._forget("DELETE FROM jobs WHERE id = ? AND NOT owed RETURNING file", identifier)

    def purge(self) -> None:
        """Forget finished jobs older than `keep_results_s`, with their recordings."""
        with self._lock:
            self._tick()
            oldest_s = self._lived_s - self._settings.keep_results_s
        self._forget(
            "DELETE FROM jobs WHERE state = 'done' AND NOT owed AND finished_lived_s < ?"
            " RETURNING file",
            oldest_s,
        )

    def close(self) -> None:
        """Stop recognising; what is not finished is queued again at the next start."""
        self._runner.close()
        with self._lock:
            with contextlib.suppress(sqlite3.Error):
                self._tick()
            self._database.close()

    def _tick(self) -> None:
        """Let the queue's own clock go on, and keep it."""
        now_s = self._clock()
        lived_s = self._lived_s + now_s - self._ticked_s
        self._database.execute("UPDATE lived SET seconds = ?", (lived_s,))
        self._lived_s, self._ticked_s = lived_s, now_s

    # -- the inside -------------------------------------------------------------------------

    def _start(
        self, identifier: str, upload: Path, request: Request, *, is_again: bool = False
    ) -> None:
        job = Job(
            path=str(upload),
            name=request.name,
            attempt=request.attempt,
            channel=request.channel,
            called_on=request.called_on,
            codes=request.codes,
            max_duration_s=self._settings.max_duration_s,
        )
        on_start = (lambda: None) if is_again else partial(self._mark_running, identifier)
        future = self._runner.submit(job, on_start)
        future.add_done_callback(lambda done: self._finish(identifier, upload, request, done))

    def _mark_running(self, identifier: str) -> None:
        # Only to be seen: if the disk is full the recording is heard all the same.
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._database.execute(
                "UPDATE jobs SET state = 'running', started_at_s = ? WHERE id = ?",
                (time.time(), identifier),
            )

    def _finish(
        self, identifier: str, upload: Path, request: Request, done: Future[Finished]
    ) -> None:
        if done.cancelled() or isinstance(done.exception(), WorkerClosedError):
            return  # the server stops; the job stays in the queue for the next start
        problem = done.exception()
        if problem is None:
            result = self._result(request, done.result())
        else:
            result = _failure(request, problem)
        is_again = identifier in self._recording
        if is_again and "journal" not in result and "journal_error" not in result:
            self._recording.discard(identifier)  # it could not be heard this time: later
            return
        is_owed = "journal_error" in result and request.record_later
        kept = request.keep_recording or is_owed
        file = upload.name if kept else None
        with self._lock:
            lived_s = self._lived_s + self._clock() - self._ticked_s
            ending = _Ending(time.time(), lived_s, result, file, is_owed)
            self._recording.discard(identifier)
            try:
                self._save(identifier, ending)
            except sqlite3.Error as failure:
                _LOG.error("job %s: its end cannot be kept yet: %s", identifier, failure)
                self._unsaved[identifier] = ending
            waiter = self._waiters.pop(identifier, None)
        if not kept:
            upload.unlink(missing_ok=True)
        if waiter is not None:
            waiter.set_result(None)

    def _save(self, identifier: str, ending: _Ending) -> None:
        self._database.execute(
            "UPDATE jobs SET state = 'done', finished_at_s = ?, finished_lived_s = ?, result = ?,"
            " file = ?, owed = ? WHERE id = ?",
            (
                ending.at_s,
                ending.lived_s,
                json.dumps(ending.result, ensure_ascii=False),
                ending.file,
                int(ending.is_owed),
                identifier,
            ),
        )

    def settle(self) -> None:
        """Keep what could not be kept, and record what could not be recorded; call now and then.

        What is owed to the journal is heard again: the recording is what was kept.
        """
        with self._lock:
            if self._clock() - self._ticked_s >= _LIVED_EVERY_S:
                self._tick()
            for identifier, ending in list(self._unsaved.items()):
                try:
                    self._save(identifier, ending)
                except sqlite3.Error:
                    break
                del self._unsaved[identifier]
            rows = self._database.execute(_SELECT_OWED, (_N_OWED_AT_ONCE,)).fetchall()
        rows = [row for row in rows if row["id"] not in self._recording]
        if rows and self._can_record():
            for row in rows:
                self._recording.add(row["id"])
                request = _request_from_json(row["request"])
                self._start(row["id"], self._folder / row["file"], request, is_again=True)

    def _result(self, request: Request, finished: Finished) -> dict[str, Any]:
        self._on_finished(finished.report)
        try:
            return self._record(request, finished)
        except RecognizerError as problem:
            # The sound was understood; what failed is keeping it. The client must know both.
            return {
                **report_to_dict(finished.report),
                "journal_error": {"kind": problem.kind, "message": str(problem)},
            }
        except Exception as problem:  # noqa: BLE001  the client waits for an answer
            _LOG.exception("a report cannot be recorded")
            message = f"{type(problem).__name__}: {str(problem)[:500]}"
            error = {"kind": "internal", "message": message}
            return {**report_to_dict(finished.report), "journal_error": error}

    def _resume(self) -> None:
        """Queue again what a stopped server left, and remove uploads nobody knows of."""
        with self._lock:
            rows = self._database.execute(
                "SELECT id, file, request FROM jobs WHERE state != 'done' ORDER BY rowid"
            ).fetchall()
            known = {
                row["file"]
                for row in self._database.execute("SELECT file FROM jobs WHERE file IS NOT NULL")
            }
            self._database.execute("UPDATE jobs SET state = 'queued' WHERE state = 'running'")
            self._waiters.update({row["id"]: Future() for row in rows})
        for path in self._folder.iterdir():
            if path.name not in known:
                path.unlink()
        for row in rows:
            self._start(row["id"], self._folder / row["file"], _request_from_json(row["request"]))

    def _position(self, row: sqlite3.Row) -> int | None:
        if row["state"] != JobState.QUEUED:
            return None
        (before,) = self._database.execute(
            "SELECT count(*) FROM jobs WHERE state = 'queued' AND rowid <"
            " (SELECT rowid FROM jobs WHERE id = ?)",
            (row["id"],),
        ).fetchone()
        return int(before)

    def _forget(self, statement: str, value: object) -> bool:
        with self._lock:
            rows = self._database.execute(statement, (value,)).fetchall()
        for row in rows:
            if row["file"] is not None:
                (self._folder / row["file"]).unlink(missing_ok=True)
        return bool(rows)


def _open_database(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    database.row_factory = sqlite3.Row
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.executescript(_SCHEMA)
    there = {row["name"] for row in database.execute("PRAGMA table_info(jobs)")}
    for name, kind in _LATER_COLUMNS.items():
        if name not in there:
            database.execute(f"ALTER TABLE jobs ADD COLUMN {name} {kind}")
    # Of an earlier version: as old as the clock that it did not have.
    database.execute(
        "UPDATE jobs SET finished_lived_s = (SELECT seconds FROM lived)"
        " WHERE state = 'done' AND finished_lived_s IS NULL"
    )
    with contextlib.suppress(OSError):
        path.chmod(0o600)
    return database


def _record_from_row(row: sqlite3.Row, position: int | None) -> JobRecord:
    return JobRecord(
        id=row["id"],
        state=JobState(row["state"]),
        owner=row["owner"],
        request=_request_from_json(row["request"]),
        submitted_at_s=row["submitted_at_s"],
        started_at_s=row["started_at_s"],
        finished_at_s=row["finished_at_s"],
        position=position,
        result=None if row["result"] is None else json.loads(row["result"]),
    )


def _request_to_json(request: Request) -> str:
    return json.dumps(asdict(request), default=str)


def _request_from_json(text: str) -> Request:
    values = json.loads(text)
    day = values.pop("called_on")
    codes = tuple(SignallingCode(**code) for code in values.pop("codes"))
    return Request(
        **values, codes=codes, called_on=None if day is None else dt.date.fromisoformat(day)
    )


def _no_room(problem: Exception) -> QueueFullError:
    return QueueFullError(
        f"the server cannot keep recordings now ({problem}); try again later", retry_after_s=60
    )


def _failure(request: Request, problem: BaseException) -> dict[str, Any]:
    kind = problem.kind if isinstance(problem, RecognizerError) else "internal"
    return report_to_dict(failed_report(request.name, kind, str(problem)))
