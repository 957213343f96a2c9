"""Recordings handed in over HTTP, from the upload to the result: shared by the API and the page.

An upload is streamed into a private folder under a name of our own, queued, recognised in a
worker process, and removed; a name a client gave is kept as text and never used as a path. Jobs
live in a small SQLite file, so a restart loses none: what was waiting is queued again.

Wall clocks jump. Moments (`_at_s`) are only shown; order is that of arrival, and how long results
are kept counts on a clock of the queue's own, the seconds a server has run with this state.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from recognizer.base.errors import RecognizerError
from recognizer.base.settings import ServerSettings
from recognizer.batch.jobs import Finished, Job
from recognizer.batch.worker import WorkerClosedError
from recognizer.crm.contacts import masked
from recognizer.crm.outbox import wait_before_retry_s
from recognizer.model import CallReport
from recognizer.model.report_json import report_to_dict
from recognizer.web.jobs.recorder import Record, Recorder, failure
from recognizer.web.jobs.runners import Runner
from recognizer.web.jobs.state_lock import StateLock
from recognizer.web.jobs.store import Ending, JobStore, StoredJob, cause_of
from recognizer.web.jobs.submissions import JobRecord, JobState, QueueFullError, Submission
from recognizer.web.jobs.uploads import UploadFolder, no_room

__all__ = ["Jobs"]

_N_OWED_AT_ONCE = 16
_FIRST_WAIT_S, _LONGEST_WAIT_S = 5.0, 600.0  # before what is owed is tried again
_LIVED_EVERY_S = 60.0  # so much is forgotten if the server is killed
_LOG = logging.getLogger(__name__)


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

    Raises
    ------
    RecognizerError
        If another server holds the state folder, or it cannot be written.
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
        self._recorder = Recorder(record or (lambda _, finished: report_to_dict(finished.report)))
        self._on_finished = on_finished
        self._can_record = can_record
        self._lock = threading.Lock()  # guards what follows
        self._waiters: dict[str, Future[None]] = {}
        self._unsaved: dict[str, Ending] = {}  # finished, and the state's disk is full
        self._recording: set[str] = set()  # heard again, for the journal
        self._clock = clock
        self._ticked_s = clock()
        folder = settings.state_folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # First of all: what follows takes what it finds for that of a server that stopped.
            held = StateLock(folder)
            with contextlib.ExitStack() as unless_begun:
                unless_begun.callback(held.close)
                self._uploads = UploadFolder(folder / "uploads", settings.max_upload_bytes)
                self._store = JobStore(folder / "jobs.sqlite3")
                self._lived_s = self._store.lived_s
                self._resume()
                self._held = unless_begun.pop_all()
        except (OSError, SQLAlchemyError) as problem:
            raise RecognizerError(
                f"{folder}: the server cannot keep its state here: {cause_of(problem)}; make room, "
                "or choose another folder (server.state_dir)"
            ) from problem

    # -- taking recordings in ---------------------------------------------------------------

    async def receive(self, chunks: AsyncIterator[bytes]) -> Path:
        """Stream an upload to a private file and return it; as `UploadFolder.receive`."""
        return await self._uploads.receive(chunks)

    def submit(self, upload: Path, submission: Submission, *, owner: str) -> JobRecord:
        """Queue a received file and return its job.

        Raises
        ------
        QueueFullError
            If `max_queue` recordings wait, or jobs cannot be kept; the file is removed.
        """
        if not self.has_state:
            upload.unlink(missing_ok=True)
            raise no_room(
                FileNotFoundError(
                    f"{self._settings.state_folder}: was deleted, replaced or emptied under the "
                    "server; start it again"
                )
            )
        try:
            return self._submit(upload, submission, owner)
        except SQLAlchemyError as problem:
            upload.unlink(missing_ok=True)
            raise no_room(cause_of(problem)) from problem

    def _submit(self, upload: Path, submission: Submission, owner: str) -> JobRecord:
        identifier = secrets.token_urlsafe(16)
        with self._lock:
            n_waiting, _ = self._store.counts()
            if n_waiting < self._settings.max_queue:
                self._store.add(identifier, submission, file=upload.name, owner=owner)
                self._waiters[identifier] = Future()
        if n_waiting >= self._settings.max_queue:
            upload.unlink(missing_ok=True)
            raise QueueFullError(
                f"{n_waiting} recordings wait already, the most this server holds; try again later",
                retry_after_s=30,
            )
        self._start(identifier, upload, submission)
        job = self.get(identifier)
        assert job is not None
        return job

    @property
    def has_state(self) -> bool:
        """False if the state's file was deleted, replaced or spoilt: jobs would be lost."""
        try:
            self.counts()
        except SQLAlchemyError:
            return False
        return self._store.is_there

    @property
    def has_room(self) -> bool:
        """False if the state's disk takes nothing more, neither a recording nor a job."""
        try:
            with self._lock:
                self._store.lived_s = self._lived_s
        except SQLAlchemyError:
            return False
        return self._uploads.has_room

    # -- looking at jobs --------------------------------------------------------------------

    def get(self, identifier: str, *, owner: str | None = None) -> JobRecord | None:
        """Return a job; None if there is none, or if it is another owner's."""
        with self._lock:
            job = self._store.get(identifier)
            if job is None or (owner is not None and job.owner != owner):
                return None
            return self._as_ended(job)

    def recent(self, *, owner: str | None = None, limit: int = 100) -> tuple[JobRecord, ...]:
        """Return the latest jobs, newest first."""
        with self._lock:
            jobs = self._store.recent(owner=owner, limit=limit)
            return tuple(self._as_ended(job) for job in jobs)

    def _as_ended(self, job: JobRecord) -> JobRecord:
        ending = self._unsaved.get(job.id)
        if ending is None:
            return job
        return replace(
            job,
            state=JobState.DONE,
            finished_at_s=ending.at_s,
            position=None,
            result=ending.result,
        )

    def recording(self, identifier: str) -> Path | None:
        """Return the file of a job if it is still kept."""
        with self._lock:
            name = self._store.file_of(identifier)
        if name is None:
            return None
        path = self._uploads.file(name)
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
            return self._store.counts()

    def debts(self) -> tuple[int, int]:
        """Return how many recordings the journal is owed, and how many it will never get."""
        with self._lock:
            return self._store.debts()

    def delete(self, identifier: str, *, owner: str | None = None) -> bool:
        """Forget a finished job and its recording; False if there is no such job to forget."""
        job = self.get(identifier, owner=owner)
        if job is None or job.state is not JobState.DONE:
            return False
        with self._lock:
            files = self._store.forget(identifier)
        self._remove(files)
        return bool(files)

    def purge(self) -> None:
        """Forget finished jobs older than `keep_results_s`, with their recordings."""
        with self._lock:
            self._tick()
            files = self._store.forget_finished(self._lived_s - self._settings.keep_results_s)
        self._remove(files)

    def settle(self) -> None:
        """Keep what could not be kept, and record what could not be recorded; call now and then.

        What is owed to the journal is heard again: the recording is what was kept. Each is tried
        later the more often it failed, so that none keeps the others waiting.
        """
        with self._lock:
            if self._clock() - self._ticked_s >= _LIVED_EVERY_S:
                self._tick()
            for identifier, ending in list(self._unsaved.items()):
                try:
                    self._store.finish(identifier, ending)
                except SQLAlchemyError:
                    break
                del self._unsaved[identifier]
            owed = self._store.owed(self._now_lived_s(), _N_OWED_AT_ONCE)
        owed = [job for job in owed if job.id not in self._recording]
        there = []
        for job in owed:
            if self._uploads.has(job.file):
                there.append(job)
            else:
                self._lose(job)
        if there and self._can_record():
            for job in there:
                self._pay(job)

    def _pay(self, job: StoredJob) -> None:
        """Hear again what is owed to the journal."""
        n_tries = job.n_tries + 1
        wait_s = wait_before_retry_s(n_tries, _FIRST_WAIT_S, _LONGEST_WAIT_S)
        with self._lock:
            self._store.postpone(job.id, n_tries, self._now_lived_s() + wait_s)
            self._recording.add(job.id)
        self._start(job.id, self._uploads.file(job.file), job.submission, is_again=True)

    def _lose(self, job: StoredJob) -> None:
        """Say that what is owed will never be recorded: nobody can hear it again."""
        message = "lost: the recording is gone, the call is not in the journal; hand it in again"
        _LOG.error("job %s, %s: %s", job.id, masked(job.submission.name), message)
        with self._lock:
            there = self._store.get(job.id)
            result = {**((there and there.result) or {})}
            result["journal_error"] = {"kind": "recording_gone", "message": message}
            ending = Ending(time.time(), self._now_lived_s(), result, None, is_lost=True)
            self._store.finish(job.id, ending)

    def close(self) -> None:
        """Stop recognising; what is not finished is queued again at the next start."""
        with self._held:  # given up last
            self._runner.close()
            self._recorder.close()
            with self._lock:
                self._tick()
                self._store.close()

    def _tick(self) -> None:
        """Let the queue's own clock go on, and keep it; on a full disk the next time."""
        now_s = self._clock()
        self._lived_s += now_s - self._ticked_s
        self._ticked_s = now_s
        with contextlib.suppress(SQLAlchemyError):
            self._store.lived_s = self._lived_s

    def _now_lived_s(self) -> float:
        return self._lived_s + self._clock() - self._ticked_s

    # -- the inside -------------------------------------------------------------------------

    def _start(
        self, identifier: str, upload: Path, submission: Submission, *, is_again: bool = False
    ) -> None:
        job = Job(
            path=str(upload),
            request=submission.call,
            max_duration_s=self._settings.max_duration_s,
        )
        on_start = (lambda: None) if is_again else partial(self._mark_running, identifier)
        future = self._runner.submit(job, on_start)
        future.add_done_callback(lambda done: self._heard(identifier, upload, submission, done))

    def _mark_running(self, identifier: str) -> None:
        # Only to be seen: if the disk is full the recording is heard all the same.
        with self._lock, contextlib.suppress(SQLAlchemyError):
            self._store.mark_running(identifier)

    def _heard(
        self, identifier: str, upload: Path, submission: Submission, done: Future[Finished]
    ) -> None:
        if done.cancelled() or isinstance(done.exception(), WorkerClosedError):
            return  # the server stops; the job stays in the queue for the next start
        finish = partial(self._finish, identifier, upload, submission)
        problem = done.exception()
        if problem is not None:
            finish(failure(submission, problem))
            return
        self._on_finished(done.result().report)
        self._recorder.keep(submission, done.result(), finish)

    def _finish(
        self, identifier: str, upload: Path, submission: Submission, result: dict[str, Any]
    ) -> None:
        is_again = identifier in self._recording
        if is_again and "journal" not in result and "journal_error" not in result:
            self._recording.discard(identifier)  # it could not be heard this time: later
            return
        is_owed = "journal_error" in result and submission.record_later
        kept = submission.keep_recording or is_owed
        file = upload.name if kept else None
        with self._lock:
            ending = Ending(time.time(), self._now_lived_s(), result, file, is_owed)
            self._recording.discard(identifier)
            try:
                self._store.finish(identifier, ending)
            except SQLAlchemyError as failure:
                _LOG.error("job %s: its end cannot be kept yet: %s", identifier, cause_of(failure))
                self._unsaved[identifier] = ending
        if not kept:
            self._uploads.remove(upload.name)
        with self._lock:  # from here on who asks is answered: the recording is gone by then
            waiter = self._waiters.pop(identifier, None)
        if waiter is not None:
            waiter.set_result(None)

    def _resume(self) -> None:
        """Queue again what a stopped server left, and remove uploads nobody knows of."""
        with self._lock:
            unfinished, known = self._store.requeue(), self._store.files()
            self._waiters.update({job.id: Future() for job in unfinished})
        self._uploads.remove_unknown(known)
        for job in unfinished:
            self._start(job.id, self._uploads.file(job.file), job.submission)

    def _remove(self, files: Iterable[str | None]) -> None:
        for name in files:
            self._uploads.remove(name)
