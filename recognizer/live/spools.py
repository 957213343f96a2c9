"""What must not be lost of live calls: attempts in the journal, and who is to be told.

A call is written down when it begins, so that a listener that was killed knows afterwards which
calls it lost; and again with what it came to before the journal takes it, so that a journal that is
away gets it later. One file a call or message, gone when it has done its work.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import logging
import os
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
from filelock import FileLock, Timeout

from recognizer.base.errors import ContactError, JournalError, RecognizerError, RowError
from recognizer.base.moments import lies_ahead
from recognizer.crm.attempts import Attempts
from recognizer.crm.dispatching import DeliveryError, Target
from recognizer.crm.outbox import MAX_TRIES, wait_before_retry_s
from recognizer.live.live_facts import LiveFacts
from recognizer.model import CallError, CallReport
from recognizer.model.report_json import decision_to_dict

__all__ = ["CallSpool", "CallbackSpool"]

_log = logging.getLogger(__name__)
_LOST = "listener_stopped"
_FIRST_WAIT_S, _LONGEST_WAIT_S = 2.0, 600.0
_T = TypeVar("_T", bound=msgspec.Struct)


class _Folder(Generic[_T]):
    """Small records, one file each, whole or not there, also after a kill of this program.

    Not `write_whole`: a power cut may lose the last, but the event loop waits for no disk.
    """

    def __init__(self, folder: Path, kind: type[_T]) -> None:
        self._folder, self._kind = folder, kind
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as problem:
            raise RecognizerError(f"{folder}: cannot keep live calls here: {problem}") from problem

    def write(self, name: str, record: _T) -> None:
        part = self._folder / f".{name}.part"
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(record))
        part.rename(self._folder / f"{name}.json")

    def remove(self, name: str) -> None:
        (self._folder / f"{name}.json").unlink(missing_ok=True)

    def set_aside(self, name: str) -> None:
        """Keep a record that is done with for whoever looks into the folder."""
        with contextlib.suppress(OSError):
            (self._folder / f"{name}.json").rename(self._folder / f"{name}.refused")

    def all(self) -> Iterator[tuple[str, _T]]:
        """Yield name and record, the oldest first; what cannot be read stays and is said."""
        for path in sorted(self._folder.glob("*.json"), key=lambda p: (p.lstat().st_mtime_ns, p)):
            try:
                yield path.stem, msgspec.json.decode(path.read_bytes(), type=self._kind)
            except (OSError, msgspec.MsgspecError) as problem:
                _log.error("%s: expected a record of a live call: %s", path.name, problem)


class _CallRecord(msgspec.Struct, frozen=True):
    call: str
    started_at: dt.datetime
    facts: LiveFacts = LiveFacts()
    report: CallReport | None = None


class CallSpool:
    """Writes live calls into the journal, each once; used by one thread at a time.

    Parameters
    ----------
    folder : Path
        Of one listener; holds numbers, so only its owner may read it.
    journal : Attempts
    """

    def __init__(self, folder: Path, journal: Attempts) -> None:
        self._records = _Folder(folder, _CallRecord)
        self._journal = journal
        self._n_owed = 0
        self._lock = _held(folder)

    def close(self) -> None:
        """Let another listener keep its calls here."""
        self._lock.release()

    def begin(self, call: str, started_at: dt.datetime) -> None:
        """Write down that a call began."""
        self._write(_CallRecord(call, started_at))

    def keep(
        self, call: str, started_at: dt.datetime, facts: LiveFacts, report: CallReport
    ) -> dict[str, Any]:
        """Write a call into the journal, now or, where it cannot be written, later."""
        record = _CallRecord(call, started_at, facts, report)
        self._write(record)
        try:
            entered = self._record(record)
            if self._n_owed:
                self._pay()
        except JournalError as problem:
            self._n_owed += 1
            _log.error("call %s: kept for later: %s", call, problem)
            return {"journal": {"attempt_id": None, "error": str(problem), "is_owed": True}}
        return entered

    def _pay(self) -> None:
        """Record what is owed, now that the journal can be written again."""
        for _, owed in self._records.all():
            if owed.report is not None:
                self._record(owed)
        self._n_owed = 0

    def recover(self) -> int:
        """Write what an earlier listener left: owed attempts, and calls it lost; return how many.

        A call that was going on when it stopped becomes an attempt without an outcome, which waits
        for a person and counts for nothing.

        Raises
        ------
        JournalError
            If the journal cannot be written.
        """
        n_recovered = 0
        for _, record in self._records.all():
            report = record.report or _lost(record)
            self._record(msgspec.structs.replace(record, report=report))
            n_recovered += 1
        return n_recovered

    def _record(self, record: _CallRecord) -> dict[str, Any]:
        assert record.report is not None
        facts = record.facts
        about: dict[str, Any] = {
            "number": facts.number,
            "digest": _digest(record),
            # The clock may have been put back since the call began.
            "called_at": None if lies_ahead(record.started_at) else record.started_at,
        }
        error: str | None = None
        try:
            try:
                kept = self._journal.record_attempt(record.report, contact=facts.contact, **about)
            except ContactError as problem:  # a card nobody knows costs the card, not the call
                error = str(problem)
                kept = self._journal.record_attempt(record.report, **about)
        except RowError as problem:  # it never will be taken: it must not keep the others waiting
            _log.error("call %s: is not in the journal: %s", record.call, problem)
            self._records.set_aside(_name(record))
            return {"journal": {"attempt_id": None, "error": str(problem), "is_owed": False}}
        self._records.remove(_name(record))
        entered: dict[str, Any] = {
            "journal": {"attempt_id": kept.id, "error": error, "is_owed": False}
        }
        if kept.decision is not None:
            entered["decision"] = decision_to_dict(kept.decision.decision)
        return entered

    def _write(self, record: _CallRecord) -> None:
        try:
            self._records.write(_name(record), record)
        except OSError as problem:  # the call goes on; what is lost by a kill is said here
            _log.error("call %s: cannot be written down: %s", record.call, problem)


def _name(record: _CallRecord) -> str:
    return f"{record.call}-{record.started_at:%Y%m%dT%H%M%S%f}"


def _digest(record: _CallRecord) -> str:
    """Return what stands for the bytes of a recording: one call is one attempt."""
    return hashlib.sha256(f"live:{_name(record)}".encode()).hexdigest()


def _lost(record: _CallRecord) -> CallReport:
    message = "the listener stopped while this call went on: its sound is lost"
    error = CallError(_LOST, message)
    return CallReport(f"live:{record.call}", None, None, None, 0.0, error)


class _Message(msgspec.Struct, frozen=True):
    event: dict[str, Any]


class CallbackSpool:
    """Tells a program of every `final` and `end`, in order of each call, until it has answered.

    An event is on the disk until it is delivered, with an id that stays the same in every try; an
    id that was answered is not sent again. After `MAX_TRIES` it is set aside in the folder `dead`.

    Parameters
    ----------
    folder : Path
    target : Target
    """

    def __init__(
        self, folder: Path, target: Target, *, first_wait_s: float = _FIRST_WAIT_S
    ) -> None:
        self._records = _Folder(folder, _Message)
        self._dead = _Folder(folder / "dead", _Message)
        self._target = target
        self._first_wait_s = first_wait_s
        self._held = _held(folder)
        self._lock = threading.Condition()
        self._waiting: list[_Owed] = [
            _Owed(name, record.event) for name, record in self._records.all()
        ]
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="callback", daemon=True)

    @property
    def n_waiting(self) -> int:
        """Events not yet delivered."""
        with self._lock:
            return len(self._waiting)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def put(self, event: Mapping[str, Any]) -> None:
        """Take an event of a call; `start` and `provisional` are not told."""
        if event["event"] not in {"final", "end"}:
            return
        # One call may be cut off and go on, so its name alone does not tell two ends apart.
        message = {**event, "id": str(uuid.uuid4())}
        name = f"{time.time_ns():020d}-{message['id']}"
        try:
            self._records.write(name, _Message(message))
        except OSError as problem:
            _log.error("call %s: its callback is in memory only: %s", event["call"], problem)
        with self._lock:
            self._waiting.append(_Owed(name, message))
            self._lock.notify()

    def close(self) -> None:
        """Stop after the delivery in hand; what is left is sent after the next start."""
        with self._lock:
            self._is_closed = True
            self._lock.notify()
        if self._thread.is_alive():
            self._thread.join(15)
        self._held.release()

    def _run(self) -> None:
        while True:
            with self._lock:
                owed = self._next()
                if owed is None:
                    if self._is_closed:
                        return
                    self._lock.wait(0.5 if self._waiting else None)
                    continue
                if self._is_closed:
                    return
            self._try(owed)

    def _next(self) -> _Owed | None:
        """Return the first that is due and has no earlier one of its call before it."""
        now, held = time.monotonic(), set()
        for owed in self._waiting:
            call = owed.event.get("call")
            if call not in held and owed.due_s <= now:
                return owed
            held.add(call)
        return None

    def _try(self, owed: _Owed) -> None:
        try:
            self._target.deliver(owed.event)
        except Exception as problem:  # noqa: BLE001 - nothing may end the thread
            if not isinstance(problem, DeliveryError):
                _log.exception("callback %s: failed", owed.event["id"])
            owed.n_tries += 1
            wait_s = wait_before_retry_s(owed.n_tries, self._first_wait_s, _LONGEST_WAIT_S)
            owed.due_s = time.monotonic() + wait_s
            _log.warning("callback %s: try %d: %s", owed.event["id"], owed.n_tries, problem)
            if owed.n_tries < MAX_TRIES:
                return
            self._set_aside(owed)
        with self._lock:
            self._waiting.remove(owed)
        try:
            self._records.remove(owed.name)
        except OSError as problem:
            _log.error("callback %s: its file stays, and is sent again: %s", owed.name, problem)

    def _set_aside(self, owed: _Owed) -> None:
        try:
            self._dead.write(owed.name, _Message(owed.event))
        except OSError as problem:
            _log.error("callback %s: cannot be set aside: %s", owed.event["id"], problem)


def _held(folder: Path) -> FileLock:
    """Return the lock of a folder, taken for this listener.

    Raises
    ------
    RecognizerError
        If another listener has it.
    """
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as problem:
        raise RecognizerError(
            f"{folder}: another listener keeps its calls here; stop it, or give this one "
            f"another folder (RECOGNIZER_SERVER_STATE_DIR)"
        ) from problem
    return lock


class _Owed:
    """An event that is not delivered yet."""

    def __init__(self, name: str, event: dict[str, Any]) -> None:
        self.name, self.event = name, event
        self.n_tries, self.due_s = 0, 0.0
