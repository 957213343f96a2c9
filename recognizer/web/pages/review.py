"""What people say of the machine's results: the queue, confirmations, corrections, labelled clips.

A correction goes through the journal, which keeps who said what and decides anew; a confirmation
is a correction that says the same. Both make a labelled clip that ``recognizer evaluate`` runs.
"""

from __future__ import annotations

import csv
import datetime as dt
import os
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from recognizer.crm.journal.journal import Journal
from recognizer.crm.journal.records import AttemptRecord
from recognizer.crm.journal.tables import AttemptRow, CorrectionRow, DecisionRow
from recognizer.model import CallOutcome, NextStep
from recognizer.model.classification import Classification

__all__ = [
    "CONFIDENT",
    "LabelledClips",
    "Reviews",
    "candidates",
    "doubts",
    "in_force",
    "is_doubtful",
    "is_in_force",
    "reviewed",
]

CONFIDENT = 0.8
"""Below this confidence a person looks."""

_QUEUE_AGE = dt.timedelta(days=30)
_COUNT_KEPT_S = 15.0

in_force = aliased(DecisionRow, name="in_force")
"""The decision that no newer one replaces, to join to `AttemptRow` by `is_in_force`."""
_newer = aliased(DecisionRow, name="newer")
is_in_force = sa.and_(
    in_force.attempt_id == AttemptRow.id,
    ~sa.exists().where(_newer.supersedes_id == in_force.id),
)
is_doubtful = sa.or_(
    AttemptRow.error_kind.is_not(None),
    AttemptRow.confidence < CONFIDENT,
    sa.and_(
        in_force.next == NextStep.OPERATOR.value,
        AttemptRow.outcome != CallOutcome.LIVE_PERSON.value,
    ),
    AttemptRow.report["signalling"]["agreement"].as_string() == "disagrees",
)
"""Attempts that need a person, as SQL: unreadable, unsure, no rule, or the network disagrees."""


reviewed = sa.exists().where(CorrectionRow.attempt_id == AttemptRow.id)
"""Attempts that a person confirmed or corrected, as SQL."""


def doubts(report: Classification, next_step: NextStep | None) -> tuple[str, ...]:
    """Return why a person should look, in Russian; the same conditions as `is_doubtful`."""
    found = []
    if report.error is not None:
        found.append("запись не прочитана")
    elif report.outcome is CallOutcome.UNDETERMINED:
        found.append("программа не смогла определить результат")
    elif report.confidence is not None and report.confidence < CONFIDENT:
        found.append("программа не уверена")
    elif next_step is NextStep.OPERATOR and report.outcome is not CallOutcome.LIVE_PERSON:
        found.append("в регламенте нет правила для такого результата")
    if report.signalling is not None and report.signalling.agreement == "disagrees":
        found.append("код сети не сходится с услышанным")
    return tuple(found)


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


class Reviews:
    """The queue and what became of it.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        Of the journal's database.
    journal : Journal
    clips : LabelledClips
    """

    def __init__(self, engine: sa.Engine, journal: Journal, clips: LabelledClips) -> None:
        self._engine = engine
        self._journal = journal
        self._clips = clips
        self._counted: tuple[int, float] | None = None

    # -- the queue ---------------------------------------------------------------------------

    def n_waiting(self) -> int:
        """Return how many calls of the last 30 days wait for a person.

        Counted at most every 15 seconds, and after every review: each page shows it, and over
        tens of thousands of calls the count takes a while.
        """
        counted = self._counted
        if counted is None or time.monotonic() > counted[1]:
            query = self._waiting(sa.func.count(AttemptRow.id))
            with self._engine.connect() as connection:
                n_calls: int = connection.execute(query).scalar_one()
            counted = self._counted = (n_calls, time.monotonic() + _COUNT_KEPT_S)
        return counted[0]

    def is_waiting(self, attempt_id: int) -> bool:
        """Return whether this call waits for a person."""
        query = self._waiting(AttemptRow.id).where(AttemptRow.id == attempt_id)
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def first(self) -> int | None:
        """Return the call that waits longest."""
        return self._one(self._waiting(AttemptRow.id).order_by(AttemptRow.id))

    def after(self, attempt_id: int) -> int | None:
        """Return the next waiting call, from the start again after the last."""
        waiting = self._waiting(AttemptRow.id).order_by(AttemptRow.id)
        later = self._one(waiting.where(AttemptRow.id > attempt_id))
        return later or self._one(waiting.where(AttemptRow.id < attempt_id))

    def before(self, attempt_id: int) -> int | None:
        """Return the previous waiting call; None before the first."""
        query = self._waiting(AttemptRow.id).where(AttemptRow.id < attempt_id)
        return self._one(query.order_by(AttemptRow.id.desc()))

    # -- what a person says ------------------------------------------------------------------

    def accept(
        self, attempt: AttemptRecord, *, made_by: str, recording: Path | None
    ) -> AttemptRecord:
        """Keep that the machine was right: a correction that says the same.

        Raises
        ------
        JournalError, ContactError
            As `Journal.correct`.
        """
        heard = attempt.outcome or CallOutcome.UNDETERMINED
        return self.correct(attempt, heard, made_by=made_by, recording=recording)

    def correct(
        self, attempt: AttemptRecord, outcome: CallOutcome, *, made_by: str, recording: Path | None
    ) -> AttemptRecord:
        """Keep what was really heard and let the journal decide anew.

        Raises
        ------
        JournalError, ContactError
            As `Journal.correct`.
        """
        corrected = self._journal.correct(attempt.id, made_by=made_by, outcome=outcome)
        self._counted = None
        self._label(attempt, outcome, recording)
        return corrected

    def state(
        self, attempt: AttemptRecord, reason: str, *, made_by: str, name: str, words: str
    ) -> AttemptRecord:
        """Keep what the operator says happened in the conversation.

        Raises
        ------
        JournalError, ContactError
            As `Journal.correct`.
        """
        corrected = self._journal.correct(
            attempt.id, made_by=made_by, stated=reason, name=name, words=words
        )
        self._counted = None
        return corrected

    # -- inside ------------------------------------------------------------------------------

    def _waiting(self, *columns: Any) -> sa.Select[Any]:
        return (
            sa.select(*columns)
            .select_from(AttemptRow)
            .outerjoin(in_force, is_in_force)
            .where(
                AttemptRow.called_at > dt.datetime.now(dt.UTC) - _QUEUE_AGE,
                AttemptRow.purged_at.is_(None),
                is_doubtful,
                ~reviewed,
            )
        )

    def _one(self, query: sa.Select[Any]) -> int | None:
        with self._engine.connect() as connection:
            return connection.execute(query.limit(1)).scalar()

    def _label(self, attempt: AttemptRecord, outcome: CallOutcome, recording: Path | None) -> None:
        is_known = outcome is not CallOutcome.UNDETERMINED
        if recording is not None and attempt.digest is not None and is_known:
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
