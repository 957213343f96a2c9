"""Stretches that the recordings of a journal have in common (`recognition.announcements`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from recognizer.audio import open_audio
from recognizer.base.errors import AudioError
from recognizer.crm.journal.identity import dialled_number
from recognizer.crm.journal.reading import JournalReader
from recognizer.crm.journal.records import AttemptRecord
from recognizer.engines.base import ENGINE_SAMPLE_RATE
from recognizer.model import CallOutcome
from recognizer.model.signals import joined_intervals
from recognizer.recognition.announcements.announcement import Announcement
from recognizer.recognition.announcements.candidates import RepeatedParts
from recognizer.recognition.announcements.library import AnnouncementLibrary
from recognizer.recognition.utterance_intervals import PAD_S

__all__ = ["repeated_parts"]

_PAGE = 200
_PEOPLE = frozenset({CallOutcome.LIVE_PERSON, CallOutcome.COMPANY_IVR})


def repeated_parts(
    journal: JournalReader,
    known: Sequence[Announcement],
    *,
    n_calls: int,
    find: Callable[[AttemptRecord], Path | None] | None = None,
) -> RepeatedParts:
    """Return the utterances of the last calls, the same recording counted once.

    Calls in which a person was heard, calls to a number that is not known whole and recordings that
    are gone are left out. All numbers of a card are one client's.

    Parameters
    ----------
    journal : JournalReader
    known : sequence of Announcement
    n_calls : int
    find : callable or None
        Where the recording of a call lies; None: where the journal says.
    """
    repeated = RepeatedParts(AnnouncementLibrary(known))
    for attempt in islice(_attempts(journal), n_calls):
        outcome, number = attempt.outcome, dialled_number(attempt.number)
        if outcome is None or outcome in _PEOPLE or number is None:
            continue
        path = (find or _recording)(attempt)
        if path is None:
            continue
        client = number if attempt.contact_id is None else f"card {attempt.contact_id}"
        try:
            with open_audio(path, sample_rate=ENGINE_SAMPLE_RATE) as reader:
                for start_s, end_s in _utterances(attempt.report or {}):
                    audio = reader.read(max(0.0, start_s - PAD_S), end_s + PAD_S)
                    repeated.add(
                        audio, call=attempt.id, number=number, client=client, outcome=outcome
                    )
        except AudioError:
            continue
    return repeated


def _recording(attempt: AttemptRecord) -> Path | None:
    path = Path(attempt.recording or "")
    return path if path.is_file() else None


def _attempts(journal: JournalReader) -> Iterator[AttemptRecord]:
    before_id: int | None = None
    while True:
        page = journal.attempts(limit=_PAGE, before_id=before_id)
        yield from page.items
        if page.next_before_id is None:
            return
        before_id = page.next_before_id


def _utterances(report: Any) -> list[tuple[float, float]]:
    segments = report.get("segments") or ()
    return joined_intervals((s["start_s"], s["end_s"]) for s in segments if s["kind"] == "speech")
