"""Many recordings on one machine: each once, whatever is interrupted.

A recording counts as done when its line is in the result log. So a run that was stopped anywhere
is continued by the same command: what is in the log is skipped, what is not is recognised. With a
journal the attempt is recorded before the line is written; the journal knows a recording by its
digest, so doing that again after a kill between the two changes nothing.
"""

from __future__ import annotations

import datetime as dt
import logging
import queue
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from recognizer.audio.sources import display_name
from recognizer.base.errors import ContactError, JournalLostError, RecognizerError, RowError
from recognizer.batch.file_names import CallFacts
from recognizer.batch.jobs import CHANGED, Finished, Job, failed_report
from recognizer.batch.recordings import FileIdentity, Recording, identify, told_apart
from recognizer.batch.results import ResultLog
from recognizer.crm.attempts import Attempts
from recognizer.crm.contacts import masked
from recognizer.model import CallRequest
from recognizer.model.report_json import decision_to_dict, report_to_dict

__all__ = [
    "Summary",
    "Todo",
    "WorkerSource",
    "job_of",
    "keep_report",
    "line_of",
    "pending",
    "result_of",
    "run_batch",
    "unanswered",
]

_LOG = logging.getLogger(__name__)
_N_TOGETHER = 16  # recordings given to a worker together: little is gained by more
# Errors that say nothing about a call, or may be gone when it is done again (`retry_failed`):
# the journal would keep such an attempt for ever.
_NO_CALL = frozenset({"not_found", "worker_crashed", "time_limit", "internal", CHANGED})


class WorkerSource(Protocol):
    """What is needed of `recognizer.batch.worker_pool.WorkerPool`."""

    @property
    def n_workers(self) -> int:
        """How many recordings are recognised at one time."""

    def submit_together(
        self, jobs: Sequence[Job], on_done: Callable[[Future[Finished]], object] = ...
    ) -> list[Future[Finished]]:
        """Queue recordings for one worker; a future for each, of which `on_done` is told."""


@dataclass(frozen=True, slots=True)
class Todo:
    """A recording that has no result yet, and what file it is now.

    Attributes
    ----------
    answers : bool
        False: its disk or network folder did not when it was looked at.
    """

    recording: Recording
    identity: FileIdentity
    answers: bool = True


@dataclass(slots=True)
class Summary:
    """What one run did.

    Attributes
    ----------
    n_before : int
        Recordings found that earlier runs had done.
    counts : Counter
        Recordings of this run by outcome, or ``error:<kind>``.
    failed : list of (name, message)
        The first of those without an outcome.
    """

    n_before: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[str, str]] = field(default_factory=list)

    @property
    def n_done(self) -> int:
        """Recordings of this run."""
        return self.counts.total()

    @property
    def n_failed(self) -> int:
        """Recordings of this run without an outcome."""
        return sum(n for name, n in self.counts.items() if name.startswith("error:"))

    def add(self, line: dict[str, Any]) -> None:
        """Count one result."""
        error = line["error"]
        self.counts[line["outcome"] if error is None else f"error:{error['kind']}"] += 1
        if error is not None and len(self.failed) < 50:
            self.failed.append((line["recording"], error["message"]))


def pending(recordings: Iterable[Recording], log: ResultLog, summary: Summary) -> list[Todo]:
    """Return the recordings the log does not hold, each once, however often it was named.

    Those whose disk does not answer come last: it may do so by then.
    """
    todo: list[Todo] = []
    named: set[bytes] = set()
    for recording in recordings:
        item = _look_at(recording)
        if item.identity.key in named:
            continue
        named.add(item.identity.key)
        if log.has(item.identity):
            summary.n_before += 1
        else:
            todo.append(item)
    return sorted(todo, key=lambda item: not item.answers)


def _look_at(recording: Recording) -> Todo:
    try:
        return Todo(recording, identify(recording.path))
    except OSError as problem:
        # It becomes a result that says so, and is looked for again when it appears.
        identity = FileIdentity(told_apart(recording.path.absolute()), 0, 0)
        return Todo(recording, identity, answers=not isinstance(problem, TimeoutError))


def job_of(recording: Recording, *, attempt: int = 1, channel: str | int | None = None) -> Job:
    """Return what a worker is asked; `attempt` and `channel` where the recording says nothing."""
    facts = recording.facts
    return Job(
        path=str(recording.path),
        request=CallRequest(
            name=recording.name,
            attempt=facts.attempt or attempt,
            channel=recording.channel if recording.channel is not None else channel,
            called_on=None if recording.called_at is None else recording.called_at.date(),
            codes=facts.codes,
        ),
    )


def run_batch(
    todo: Sequence[Todo],
    pool: WorkerSource,
    log: ResultLog,
    summary: Summary,
    *,
    journal: Attempts | None = None,
    attempt: int = 1,
    channel: str | int | None = None,
    on_result: Callable[[dict[str, Any]], object] = lambda _: None,
) -> None:
    """Recognise `todo` and log every result as it comes.

    Parameters
    ----------
    on_result : callable
        Told every line once it is on the disk.

    Raises
    ------
    RecognizerError
        If no worker can be started, or the log or the journal cannot be written. What is logged
        stays.
    """
    for future, item in _submitted(todo, pool, attempt, channel):
        line = line_of(item, result_of(future, item), journal)
        log.append(line)
        summary.add(line)
        on_result(line)


def result_of(future: Future[Finished], item: Todo) -> Finished:
    """Return the result; what went wrong with one file costs that file, whatever it is.

    Raises
    ------
    RecognizerError
        If it goes wrong for every file: no worker can be started.
    """
    try:
        return future.result()
    except RecognizerError:
        raise
    except Exception as problem:  # noqa: BLE001
        name = item.recording.name
        message = f"{name}: {type(problem).__name__}: {str(problem)[:500]}"
        return Finished(failed_report(name, "internal", message))


def _submitted(
    todo: Sequence[Todo],
    pool: WorkerSource,
    attempt: int,
    channel: str | int | None,
) -> Iterator[tuple[Future[Finished], Todo]]:
    """Keep the workers busy; yield what is finished."""
    running: dict[Future[Finished], tuple[Todo, int]] = {}
    n_left: dict[int, int] = {}  # of each group that is not finished
    ended: queue.SimpleQueue[Future[Finished]] = queue.SimpleQueue()

    def next_ended() -> tuple[Future[Finished], Todo]:
        future = ended.get()
        item, group = running.pop(future)
        n_left[group] -= 1
        if n_left[group] == 0:
            del n_left[group]
        return future, item

    for number, group in enumerate(_groups(todo, pool.n_workers)):
        # One group waiting for each that runs: no worker idles, and little is queued in vain.
        while len(n_left) >= 2 * pool.n_workers:
            yield next_ended()
        given = []
        for item in group:
            finished = None if item.answers else unanswered(item.recording)
            if finished is None:
                given.append(item)
            else:
                future: Future[Finished] = Future()
                future.set_result(finished)
                yield future, item
        if given:
            jobs = [job_of(item.recording, attempt=attempt, channel=channel) for item in given]
            n_left[number] = len(given)
            futures = pool.submit_together(jobs, ended.put)
            running.update(
                (future, (item, number)) for future, item in zip(futures, given, strict=True)
            )
    while running:
        yield next_ended()


def unanswered(recording: Recording) -> Finished | None:
    """Return what becomes of a recording whose disk does not answer; None if it does.

    No worker is given it: it would wait for its whole limit.
    """
    if _look_at(recording).answers:
        return None
    shown = display_name(recording.name)
    message = f"{shown}: its disk or network folder does not answer; left out"
    return Finished(failed_report(recording.name, "time_limit", message))


def _groups(todo: Sequence[Todo], n_workers: int) -> Iterator[Sequence[Todo]]:
    """Yield what to give to a worker together: less towards the end, that all end together."""
    first = 0
    while first < len(todo):
        n_together = min(_N_TOGETHER, max(1, (len(todo) - first) // (2 * n_workers)))
        yield todo[first : first + n_together]
        first += n_together


def line_of(item: Todo, finished: Finished, journal: Attempts | None) -> dict[str, Any]:
    """Return the line of the log: the classification, the file it is of, the call, the journal."""
    recording, identity = item.recording, item.identity
    facts = recording.facts
    keep = partial(
        keep_report,
        journal,
        finished,
        contact=recording.contact,
        number=facts.number,
        called_at=recording.called_at,
        call_id=facts.call_id,
    )
    try:
        line = keep()
    except JournalLostError:  # the database was restarted: what it has already it adds no more
        line = keep()
    heard = finished.file or identity  # it may have changed since it was listed
    line["file"] = {
        "path": identity.path,
        "size_bytes": heard.size_bytes,
        "modified_ns": heard.modified_ns,
        "sha256": finished.sha256,
    }
    line["call"] = _call(facts, recording.contact)
    return line


def keep_report(
    journal: Attempts | None,
    finished: Finished,
    *,
    contact: str | None = None,
    number: str | None = None,
    called_at: dt.datetime | None = None,
    call_id: str | None = None,
    received_at: dt.datetime | None = None,
) -> dict[str, Any]:
    """Record a report in the journal and return it as JSON with the journal's decision.

    A contact the journal does not know, or a row that its database does not take, costs nothing but
    the record: the reason stands in ``journal.error``. Of what cannot be known again, having no
    digest, nothing is recorded: the next time would count it once more.

    Raises
    ------
    JournalError
        If the journal cannot be written.
    """
    line = report_to_dict(finished.report)
    error = finished.report.error
    if journal is None or finished.sha256 is None or (error and error.kind in _NO_CALL):
        return line
    try:
        kept = journal.record_attempt(
            finished.report,
            contact=contact,
            number=number,
            digest=finished.sha256,
            called_at=called_at,
            call_id=call_id,
            received_at=received_at,
        )
    except (ContactError, RowError) as problem:
        line["journal"] = {"attempt_id": None, "error": str(problem), "kind": problem.kind}
        if isinstance(problem, RowError):
            _LOG.error("%s: is not in the journal: %s", masked(finished.report.recording), problem)
        return line
    line["journal"] = {"attempt_id": kept.id, "is_new": kept.is_new, "error": None}
    if kept.decision is not None:
        line["decision"] = decision_to_dict(kept.decision.decision)
    return line


def _call(facts: CallFacts, contact: str | None) -> dict[str, Any]:
    return {
        "number": facts.number,
        "called_at": None if facts.called_at is None else facts.called_at.isoformat(),
        "call_id": facts.call_id,
        "contact": contact,
    }
