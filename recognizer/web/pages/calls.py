"""Calls as the page shows them: the journal's attempt, its card, its recording."""

from __future__ import annotations

import datetime as dt
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from recognizer.base.errors import AudioError, ContactError
from recognizer.base.whole_files import remove_leftover
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.database import Database
from recognizer.crm.journal.journal import Journal, recording_digest
from recognizer.crm.journal.recordings import knows_recording, purged_recordings
from recognizer.crm.journal.records import (
    AttemptRecord,
    ContactRecord,
    CorrectionRecord,
    DecisionRecord,
)
from recognizer.model import CallOutcome
from recognizer.model.classification import Classification
from recognizer.model.report_json import decision_to_dict
from recognizer.regulation.rules import Regulation
from recognizer.web.pages import wording
from recognizer.web.pages.view import CallView, read_report, view_call
from recognizer.web.pages.waveform import Listening, prepare, wave_paths

__all__ = ["Calls", "Line", "Recordings", "ShownCall", "is_person_call", "short_name"]

_DIGEST_LENGTH = 64
_DRAFTS = ".*.part"


class Recordings:
    """Recordings the page can play: those it was given, and those that still lie where they were.

    Parameters
    ----------
    folder : Path
        ``kept/`` holds what was uploaded, by digest; ``playable/`` what browsers can play.
    max_bytes : int
        Larger files are not opened for playing.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._kept = folder / "kept"
        self._playable = folder / "playable"
        self._max_bytes = max_bytes

    def keep(self, upload: Path, name: str) -> str:
        """Keep a copy of an upload under its digest and return the digest.

        Of the client's `name` only a short Latin suffix is used, so that a headerless recording
        is still known for what it is.
        """
        digest = recording_digest(upload)
        self._kept.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = self._kept / (digest + safe_suffix(name))
        if not target.exists():
            # Under a name that `find` does not look for, and that no other upload writes.
            draft = self._kept / f".{secrets.token_hex(8)}.part"
            try:
                shutil.copyfile(upload, draft)
                draft.replace(target)
            finally:
                draft.unlink(missing_ok=True)
        return digest

    def find(self, attempt: AttemptRecord) -> Path | None:
        """Return the recording's file, None if it is gone.

        A journal's `recording` may be text that a client made up: such a path is opened only if
        the file there is the very one that was classified.
        """
        if attempt.digest is None:
            return None
        kept = sorted(self._kept.glob(f"{attempt.digest}*"))
        if kept:
            return kept[0]
        if not attempt.recording or "\0" in attempt.recording:
            return None
        path = Path(attempt.recording)
        try:
            is_small_file = path.is_file() and path.stat().st_size <= self._max_bytes
            return path if is_small_file and recording_digest(path) == attempt.digest else None
        except OSError:
            return None

    def listen(self, attempt: AttemptRecord) -> Listening | None:
        """Return the picture and the playable copy, None if the recording is gone or unreadable."""
        path = self.find(attempt)
        if path is None or attempt.digest is None:
            return None
        try:
            return prepare(path, self._playable, attempt.digest)
        except AudioError:
            return None

    def forget_purged(self, database: Database) -> int:
        """Remove the recordings of calls whose traces the journal purged; return how many.

        And what a server that was killed left half-written; call it before the first `keep`.
        """
        for draft in self._kept.glob(_DRAFTS):
            remove_leftover(draft)
        ours = {
            path.name[:_DIGEST_LENGTH]
            for folder in (self._kept, self._playable)
            for path in folder.glob("*")
        }
        purged = purged_recordings(database, ours)
        for digest in purged:
            self._forget(digest)
        return len(purged)

    def forget_unknown(self, database: Database, digest: str) -> None:
        """Remove a recording of which the journal has no call."""
        if not knows_recording(database, digest):
            self._forget(digest)

    def _forget(self, digest: str) -> None:
        for folder in (self._kept, self._playable):
            for path in folder.glob(f"{digest}*"):
                remove_leftover(path)


def safe_suffix(name: str) -> str:
    """Return the suffix of a client's file name if it is a plain short one, else nothing."""
    suffix = Path(name).suffix.lower()
    return suffix if suffix.isascii() and suffix[1:].isalnum() and len(suffix) <= 6 else ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a list: as much of a call as a list needs; `id` None: not in the journal.

    `unrecorded`: why the journal does not hold it, for whoever handed it in; else empty.
    """

    id: int | None
    name: str
    called_at: dt.datetime
    number: str
    contact_ref: str | None
    view: CallView
    is_corrected: bool
    unrecorded: str = ""


@dataclass(frozen=True, slots=True)
class ShownCall:
    """One call in full.

    Attributes
    ----------
    report : Classification
        With the decision in force.
    machine_heard : str
        What the program said, where a person said otherwise; else empty.
    number : str
        Masked; empty where there is none.
    """

    id: int
    name: str
    called_at: dt.datetime
    attempt: AttemptRecord
    report: Classification
    view: CallView
    listening: Listening | None
    wave_paths: tuple[tuple[str, str], ...]
    number: str
    contact: ContactRecord | None
    history: tuple[Line, ...]
    corrections: tuple[CorrectionRecord, ...]
    machine_heard: str


class Calls:
    """Reads calls for the page.

    Parameters
    ----------
    journal : Journal
    recordings : Recordings
    regulation : Regulation
    """

    def __init__(self, journal: Journal, recordings: Recordings, regulation: Regulation) -> None:
        self._journal = journal
        self._recordings = recordings
        self._regulation = regulation

    def line(self, attempt: AttemptRecord) -> Line:
        """Return the line of one attempt."""
        return Line(
            attempt.id,
            short_name(attempt.recording),
            attempt.called_at,
            wording.mask_number(attempt.number) if attempt.number else "",
            attempt.contact_ref,
            self._view(attempt, report_in_force(attempt)),
            is_corrected=attempt.n_corrections > 0,
        )

    def call(self, attempt_id: int) -> ShownCall:
        """Return one call in full.

        Raises
        ------
        JournalError
            If there is no such attempt.
        """
        attempt = self._journal.attempt(attempt_id)
        report = report_in_force(attempt)
        view = self._view(attempt, report)
        listening = self._recordings.listen(attempt)
        contact = self._contact(attempt.contact_ref)
        history = () if contact is None else self._journal.history(contact.card.ref)
        number = attempt.number or (first_number(contact.card) if contact else "")
        return ShownCall(
            id=attempt.id,
            name=short_name(attempt.recording),
            called_at=attempt.called_at,
            attempt=attempt,
            report=report,
            view=view,
            listening=listening,
            wave_paths=(
                wave_paths(listening.peaks, view.intervals, listening.duration_s)
                if listening
                else ()
            ),
            number=wording.mask_number(number) if number else "",
            contact=contact,
            history=tuple(self.line(earlier) for earlier in history),
            corrections=self._journal.corrections(attempt.id),
            machine_heard=machine_heard(attempt),
        )

    def loose_line(self, name: str, result: Mapping[str, Any], at_s: float) -> Line:
        """Return the line of a result that the journal does not hold; it cannot be opened."""
        report = read_report({"recording": name, **result})
        moment = dt.datetime.fromtimestamp(at_s, dt.UTC)
        view = view_call(report, self._regulation)
        return Line(
            None,
            short_name(name),
            moment,
            "",
            None,
            view,
            is_corrected=False,
            unrecorded=_why_unrecorded(result),
        )

    def as_attempt(self, call: ShownCall, attempt: int) -> ShownCall:
        """Return a call without a card as if it were this attempt; nothing is recorded."""
        if call.report.outcome is None:
            return call
        decision = self._regulation.decide_outcome(
            call.report.outcome, attempt=attempt, on=self._journal.office.day_of(call.called_at)
        )
        report = msgspec.structs.replace(
            call.report,
            decision=read_report(
                {"recording": call.name, "decision": decision_to_dict(decision)}
            ).decision,
        )
        return replace(call, report=report, view=self._view(call.attempt, report))

    def full_number(self, attempt_id: int) -> str:
        """Return the number of a call unmasked; who asks must be logged by the caller."""
        attempt = self._journal.attempt(attempt_id)
        contact = self._contact(attempt.contact_ref)
        return attempt.number or (first_number(contact.card) if contact else "")

    def _contact(self, ref: str | None) -> ContactRecord | None:
        if ref is None:
            return None
        try:
            return self._journal.contact(ref)
        except ContactError:
            return None

    def _view(self, attempt: AttemptRecord, report: Classification) -> CallView:
        stated = None if attempt.decision is None else attempt.decision.stated
        return view_call(report, self._regulation, stated=stated)


def is_person_call(call: ShownCall) -> bool:
    """Return whether a person was on the line, so that an operator may state what was said."""
    decision = call.attempt.decision
    return call.report.outcome is CallOutcome.LIVE_PERSON or (
        decision is not None and decision.stated is not None
    )


def first_number(card: ContactCard) -> str:
    """Return the number that is called: the trusted person's, else the mobile."""
    return card.trusted_phone or card.mobile_phone


def short_name(recording: str | None) -> str:
    """Return the last part of a recording's name, as text."""
    if not recording:
        return "Запись без имени"
    return recording.replace("\\", "/").rstrip("/").rpartition("/")[2] or recording


def machine_heard(attempt: AttemptRecord) -> str:
    """Return what the program said where the decision in force says otherwise; else nothing."""
    decision = attempt.decision
    if decision is None or attempt.outcome is None:
        return ""
    same = decision.outcome is attempt.outcome and decision.stated is None
    return "" if same else wording.OUTCOME_NAMES[attempt.outcome]


def report_in_force(attempt: AttemptRecord) -> Classification:
    """Return the attempt's report with the decision in force and the outcome it stands for."""
    data: dict[str, Any] = dict(attempt.report or _purged(attempt))
    data["decision"] = None
    record: DecisionRecord | None = attempt.decision
    if record is not None:
        data["decision"] = decision_to_dict(record.decision)
    report = read_report(data)
    if record is not None and record.outcome is not None and record.outcome is not report.outcome:
        # A person said so: the machine's confidence is not theirs.
        report = msgspec.structs.replace(
            report, outcome=CallOutcome(record.outcome), confidence=None, phrase=None
        )
    return report


def _purged(attempt: AttemptRecord) -> dict[str, Any]:
    """Return what is left of a report purged by policy, or of a call that was only stated."""
    return {
        "recording": short_name(attempt.recording),
        "outcome": attempt.outcome,
        "confidence": attempt.confidence,
        "duration_s": attempt.duration_s,
        "error": None
        if attempt.error is None
        else {"kind": attempt.error.kind, "message": attempt.error.message},
    }


def _why_unrecorded(result: Mapping[str, Any]) -> str:
    """Return why a result is not in the journal though it was to be; else empty."""
    problem = result.get("journal_error")
    if problem is None:
        return ""
    if problem["kind"] == "recording_gone":
        return "Звонок не записан в журнал: файл записи пропал. Загрузите запись ещё раз."
    return "Журнал сейчас недоступен. Звонок будет записан в него позже."
