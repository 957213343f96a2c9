"""What people say of the machine's results: the queue, confirmations, corrections, labelled clips.

A correction goes through the journal, which keeps who said what and decides anew; a confirmation
is a correction that says the same. Both make a labelled clip that ``recognizer evaluate`` runs.
"""

from __future__ import annotations

import csv
import os
import shutil
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from recognizer.crm.journal.journal import Journal
from recognizer.crm.journal.records import AttemptRecord
from recognizer.crm.journal.reservations import Reservations
from recognizer.model import CallOutcome
from recognizer.model.classification import Classification
from recognizer.web.pages.queue_filter import QueueFilter
from recognizer.web.pages.waiting import Waiting

__all__ = [
    "LabelledClips",
    "Reviews",
    "candidates",
]

# What is most often meant where the machine says something else: pairs the regulation keeps apart.
_NEIGHBOURS: Mapping[CallOutcome, tuple[CallOutcome, ...]] = {
    CallOutcome.TEMPORARILY_BLOCKED: (CallOutcome.BLOCKED,),
    CallOutcome.BLOCKED: (CallOutcome.TEMPORARILY_BLOCKED, CallOutcome.CALLER_RESTRICTED),
    CallOutcome.SERVICE_SUSPENDED: (CallOutcome.NOT_IN_SERVICE,),
    CallOutcome.NOT_IN_SERVICE: (CallOutcome.SERVICE_SUSPENDED, CallOutcome.NOT_REGISTERED),
    CallOutcome.NOT_REGISTERED: (CallOutcome.NOT_IN_SERVICE,),
    CallOutcome.TEMPORARILY_UNAVAILABLE: (CallOutcome.DOES_NOT_EXIST,),
    CallOutcome.DOES_NOT_EXIST: (CallOutcome.MISDIALLED,),
    CallOutcome.RINGBACK_ONLY: (CallOutcome.BUSY_TONE,),
    CallOutcome.LIVE_PERSON: (CallOutcome.VOICEMAIL, CallOutcome.CALL_ASSISTANT),
}
_USUAL = (
    CallOutcome.LIVE_PERSON,
    CallOutcome.TEMPORARILY_UNAVAILABLE,
    CallOutcome.SWITCHED_OFF_OR_OUT_OF_COVERAGE,
    CallOutcome.VOICEMAIL,
    CallOutcome.RINGBACK_ONLY,
    CallOutcome.DOES_NOT_EXIST,
)


def candidates(report: Classification, *, limit: int = 6) -> tuple[CallOutcome, ...]:
    """Return other outcomes worth a key of their own, the likeliest first."""
    near = () if report.outcome is None else _NEIGHBOURS.get(report.outcome, ())
    heard = tuple(item.outcome for item in report.alternatives)
    return tuple(
        outcome
        for outcome in dict.fromkeys((*heard, *near, *_USUAL))
        if outcome not in {report.outcome, CallOutcome.UNDETERMINED}
    )[:limit]


_EVERYTHING = QueueFilter()


class Reviews:
    """The queue and what became of it.

    Parameters
    ----------
    journal : Journal
    clips : LabelledClips

    Attributes
    ----------
    waiting : Waiting
    reservations : Reservations
    """

    def __init__(self, journal: Journal, clips: LabelledClips) -> None:
        self._journal = journal
        self._clips = clips
        self.waiting = Waiting(journal.database, journal.office.timezone)
        self.reservations = Reservations(journal.database)

    # -- the queue ---------------------------------------------------------------------------

    def n_waiting(self) -> int:
        """Return how many calls of the last 30 days wait for a person."""
        return len(self.waiting.all())

    def contradicts(self, attempt_id: int) -> bool:
        """Return whether a call was heard on a number that was marked before as none."""
        call = self.waiting.call(attempt_id)
        return call is not None and "contradiction" in call.doubts

    def is_waiting(self, attempt_id: int) -> bool:
        """Return whether this call waits for a person."""
        return self.waiting.is_waiting(attempt_id)

    def first(self, login: str = "", which: QueueFilter = _EVERYTHING) -> int | None:
        """Return the first call of a filter that nobody else is deciding."""
        taken = self.reservations.taken(login)
        return next((c.id for c in self.waiting.chosen(which) if c.id not in taken), None)

    def after(
        self, attempt_id: int, login: str = "", which: QueueFilter = _EVERYTHING
    ) -> int | None:
        """Return the next waiting call nobody else decides, from the start again after the last."""
        taken = self.reservations.taken(login)
        return self.waiting.after(attempt_id, which, lambda call: call not in taken)

    def before(self, attempt_id: int, which: QueueFilter = _EVERYTHING) -> int | None:
        """Return the previous waiting call; None before the first."""
        return self.waiting.before(attempt_id, which)

    # -- what a person says ------------------------------------------------------------------

    def accept(
        self,
        attempt: AttemptRecord,
        *,
        made_by: str,
        recording: Path | None,
        expected: str | None = None,
    ) -> AttemptRecord:
        """Keep that the machine was right: a correction that says the same.

        Raises
        ------
        JournalError, ContactError
            As `Journal.correct`.
        """
        heard = attempt.outcome or CallOutcome.UNDETERMINED
        return self.correct(attempt, heard, made_by=made_by, recording=recording, expected=expected)

    def correct(
        self,
        attempt: AttemptRecord,
        outcome: CallOutcome,
        *,
        made_by: str,
        recording: Path | None,
        expected: str | None = None,
    ) -> AttemptRecord:
        """Keep what was really heard and let the journal decide anew.

        `recording` None: nobody listened, or it is gone; then it becomes no labelled clip.
        `expected`: the version the person saw (`Journal.correct`).

        Raises
        ------
        JournalError, ContactError
            As `Journal.correct`.
        """
        corrected = self._journal.correct(
            attempt.id, made_by=made_by, outcome=outcome, expected=expected
        )
        self.waiting.forget()
        self._label(attempt, outcome, recording)
        return corrected

    def correct_many(
        self,
        expected: Mapping[int, str],
        outcome: CallOutcome | None,
        *,
        made_by: str,
        recordings: Mapping[int, Path | None],
        note: str,
    ) -> tuple[int, ...]:
        """Keep what was heard on many calls; `recordings`: of those that were listened to.

        Returns
        -------
        tuple of int
            The calls that were decided: the others have changed since.
        """
        done = self._journal.correct_many(expected, outcome, made_by=made_by, note=note)
        self.waiting.forget()
        for attempt in done:
            said = outcome or attempt.outcome or CallOutcome.UNDETERMINED
            self._label(attempt, said, recordings.get(attempt.id))
        return tuple(attempt.id for attempt in done)

    def state(
        self,
        attempt: AttemptRecord,
        reason: str,
        *,
        made_by: str,
        name: str,
        words: str,
        expected: str | None = None,
    ) -> AttemptRecord:
        """Keep what the operator says happened in the conversation.

        Raises
        ------
        JournalError, ContactError
            As `Journal.correct`.
        """
        corrected = self._journal.correct(
            attempt.id,
            made_by=made_by,
            stated=reason,
            name=name,
            words=words,
            expected=expected,
        )
        self.waiting.forget()
        return corrected

    def withdraw(self, correction_id: int, *, made_by: str) -> AttemptRecord:
        """Take back what a person said; the clip is labelled as before, or no longer.

        Raises
        ------
        JournalError
            As `Journal.withdraw_correction`.
        """
        attempt = self._journal.withdraw_correction(correction_id, made_by=made_by)
        self.waiting.forget()
        standing = [
            said
            for said in self._journal.corrections(attempt.id)
            if said.withdraws_id is None
            and not said.is_withdrawn
            and said.is_by_person
            and said.outcome is not None
        ]
        if attempt.digest is not None:
            self._clips.relabel(attempt.digest, standing[-1].outcome if standing else None)
        return attempt

    # -- inside ------------------------------------------------------------------------------

    def _label(self, attempt: AttemptRecord, outcome: CallOutcome, recording: Path | None) -> None:
        if attempt.digest is None:
            return
        if recording is None or outcome is CallOutcome.UNDETERMINED:
            # No clip comes of it, but one that is there does not keep the word it contradicts.
            self._clips.relabel(attempt.digest, outcome)
        else:
            self._clips.add(recording, attempt.digest, outcome, attempt.transcript or "")


class LabelledClips:
    """A folder of recordings with ``manifest.tsv``, as ``recognizer evaluate`` reads it.

    The manifest is rewritten whole under another name and then put in place; the last word on a
    recording counts.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = folder / "manifest.tsv"
        self._lock = threading.Lock()

    def add(self, recording: Path, digest: str, outcome: CallOutcome, heard: str) -> Path:
        """Keep a copy of `recording` labelled with `outcome`; `heard` is the machine's transcript.

        Returns
        -------
        Path
            The copy.
        """
        suffix = recording.suffix.lower()
        kept = self.folder / f"{digest[:16]}{suffix if suffix.isascii() else ''}"
        with self._lock:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not kept.exists():
                draft = kept.with_suffix(".part")
                shutil.copyfile(recording, draft)
                draft.replace(kept)
            rows = {row["path"]: row for row in self.rows()}
            rows[kept.name] = {
                "path": kept.name,
                "outcome": outcome.value,
                "heard": " ".join(heard.split()),
            }
            self._write(list(rows.values()))
        return kept

    def relabel(self, digest: str, outcome: CallOutcome | None) -> None:
        """Label a kept clip anew; None: forget it, with its copy."""
        with self._lock:
            rows = self.rows()
            of_this = [row for row in rows if row["path"].startswith(digest[:16])]
            if not of_this:
                return
            if outcome is not None and outcome is not CallOutcome.UNDETERMINED:
                for row in of_this:
                    row["outcome"] = outcome.value
                self._write(rows)
                return
            self._write([row for row in rows if row not in of_this])
            for row in of_this:
                (self.folder / row["path"]).unlink(missing_ok=True)

    def rows(self) -> list[dict[str, str]]:
        """Return the rows of the manifest."""
        if not self.manifest.is_file():
            return []
        with self.manifest.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, delimiter="\t"))

    def _write(self, rows: Sequence[Mapping[str, str]]) -> None:
        draft = self.manifest.with_suffix(".part")
        with draft.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(
                file, ["path", "outcome", "heard"], delimiter="\t", lineterminator="\n"
            )
            writer.writeheader()
            writer.writerows(rows)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.manifest)
