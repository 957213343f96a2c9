"""Recordings and a recogniser for tests of the page: what is "heard" is scripted by file name.

A recording is a real WAV: ringing of 425 Hz, a pause, then noise where somebody speaks.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import tempfile
import time
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import argon2
import numpy as np
import soundfile as sf
from fastapi import FastAPI

from recognizer.base.settings import (
    AnnouncementSettings,
    JournalSettings,
    PhraseSettings,
    ServerSettings,
    Settings,
)
from recognizer.batch.jobs import RecognizerLike
from recognizer.crm.journal.journal import Journal
from recognizer.model import (
    Cadence,
    CallError,
    CallOutcome,
    CallReport,
    Evidence,
    Outcome,
    Phrase,
    PhraseMatch,
    Segment,
    SegmentKind,
    ToneEvent,
    ToneKind,
    Transcript,
    Word,
)
from recognizer.regulation.loading import load_regulation
from recognizer.web.app import create_app
from recognizer.web.auth.access import Access
from recognizer.web.auth.users import Role
from recognizer.web.pages.page import page_of

RATE = 8000
SPEECH_START_S, SPEECH_END_S, DURATION_S = 5.5, 9.0, 10.0

SPOKEN: Mapping[str, tuple[CallOutcome, float, str, str]] = {
    "blocked-for-now": (
        CallOutcome.TEMPORARILY_BLOCKED,
        0.97,
        "здравствуйте набранный вами номер временно заблокирован",
        "номер временно заблокирован",
    ),
    "no-such-number": (
        CallOutcome.DOES_NOT_EXIST,
        0.99,
        "набранный вами номер не существует",
        "номер не существует",
    ),
    "unsure": (
        CallOutcome.BLOCKED,
        0.55,
        "номер времени на заблокирован",
        "номер заблокирован",
    ),
    "new-wording": (
        CallOutcome.UNDETERMINED,
        0.3,
        "данный аппарат изъят из обращения навсегда",
        "",
    ),
    "person": (CallOutcome.LIVE_PERSON, 0.98, "алло да слушаю вас", ""),
    "markup": (
        CallOutcome.UNDETERMINED,
        0.2,
        "<script>document.title='hacked'</script> <img src=x onerror=alert(1)>",
        "",
    ),
}


def recording(seconds: float = DURATION_S, seed: int = 1) -> bytes:
    """Return a WAV: ringing, a pause, speech-like noise."""
    noise = np.random.default_rng(seed)
    at = np.arange(round(seconds * RATE)) / RATE
    ringing = np.where((at % 5 < 1) & (at < 5), 0.3 * np.sin(2 * np.pi * 425 * at), 0.0)
    is_speech = (at >= SPEECH_START_S) & (at < SPEECH_END_S)
    syllables = np.abs(np.sin(2 * np.pi * 1.7 * at)) * (0.6 + 0.4 * np.sin(2 * np.pi * 0.43 * at))
    speech = np.where(is_speech, 0.5 * syllables * noise.standard_normal(len(at)) / 3, 0.0)
    samples = np.clip(ringing + speech + 0.002 * noise.standard_normal(len(at)), -1, 1)
    file = io.BytesIO()
    sf.write(file, samples, RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


class ScriptedRecognizer(RecognizerLike):
    """Hears what the name says before ``--``: a key of `SPOKEN`, an outcome, else it is damaged."""

    def __init__(self) -> None:
        self.regulation = load_regulation()

    def recognize(
        self,
        source: Any,
        *,
        attempt: int = 1,
        channel: str | int | None = None,
        called_on: date | None = None,
        name: str | None = None,
    ) -> CallReport:
        label = name or str(source)
        word = Path(label).stem.partition("--")[0]
        if "slow" in label:
            time.sleep(1.5)
        if word in SPOKEN:
            return self._spoken(label, *SPOKEN[word], attempt=attempt, called_on=called_on)
        if word in set(CallOutcome):
            kind = CallOutcome(word)
            return self._report(label, Outcome(kind, 0.93), _evidence(None, ()), attempt, called_on)
        message = f"{label}: expected sound, found something else"
        return CallReport(label, None, None, None, 0.01, CallError("unreadable_audio", message))

    def _spoken(
        self,
        label: str,
        kind: CallOutcome,
        confidence: float,
        text: str,
        phrase: str,
        *,
        attempt: int,
        called_on: date | None,
    ) -> CallReport:
        words = _words(text)
        transcript = Transcript(text, words, "ru", "whisper", "whisper-base", 0.8)
        match = None
        if phrase:
            first = len(words) - len(phrase.split())
            match = PhraseMatch(
                Phrase("test", phrase, kind, "ru", "a test"),
                94.0,
                first,
                len(words),
                words[first].start_s,
                words[-1].end_s,
            )
        others = ((CallOutcome.BLOCKED, 0.02), (CallOutcome.NOT_REGISTERED, 0.01))
        evidence = _evidence(transcript, others)
        return self._report(label, Outcome(kind, confidence, match), evidence, attempt, called_on)

    def _report(
        self,
        label: str,
        outcome: Outcome,
        evidence: Evidence,
        attempt: int,
        called_on: date | None,
    ) -> CallReport:
        decision = self.regulation.decide_outcome(outcome.kind, attempt=attempt, on=called_on)
        return CallReport(label, evidence, outcome, decision, 0.42)


def _words(text: str) -> tuple[Word, ...]:
    parts = text.split()
    step_s = (SPEECH_END_S - SPEECH_START_S) / len(parts)
    return tuple(
        Word(
            part,
            round(SPEECH_START_S + number * step_s, 2),
            round(SPEECH_START_S + (number + 0.9) * step_s, 2),
            0.4 if number == 0 else 0.95,
        )
        for number, part in enumerate(parts)
    )


def _evidence(
    transcript: Transcript | None, others: tuple[tuple[CallOutcome, float], ...]
) -> Evidence:
    ringing = ToneEvent(ToneKind.RINGBACK, 0.0, 1.0, (425.0,), Cadence((1000, 4000)), 1, -13.0)
    silence = Segment(SegmentKind.SILENCE, 1.0, SPEECH_START_S, -60.0)
    kind = SegmentKind.SPEECH if transcript else SegmentKind.SILENCE
    last = Segment(kind, SPEECH_START_S, SPEECH_END_S, -20.0)
    return Evidence(
        DURATION_S,
        (ringing,),
        (Segment(SegmentKind.TONE, 0.0, 1.0, -13.0), silence, last),
        transcript,
        alternatives=others,
    )


PASSWORD = "correct horse battery"
QUICK_HASHER = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def page_settings(folder: Path, **server: Any) -> Settings:
    """Return settings under which everything the page writes lies in `folder`."""
    return Settings(
        journal=JournalSettings(url=f"sqlite:///{folder / 'journal.sqlite3'}"),
        server=ServerSettings(state_dir=folder / "state", max_upload_bytes=4_000_000, **server),
        phrases=PhraseSettings(office_dir=folder / "phrases"),
        announcements=AnnouncementSettings(dir=folder / "announcements"),
    )


def page_app(folder: Path, **server: Any) -> FastAPI:
    """Return the application with a scripted recogniser and one user of each role.

    They are ``operator`` (Анна), ``supervisor`` (Борис) and ``administrator`` (Вера).
    """
    settings = page_settings(folder, **server)
    (folder / "journal.sqlite3").write_bytes(_empty_journal())
    app = create_app(
        settings,
        recognizer=ScriptedRecognizer(),
        journal=Journal.open(settings.journal.journal_url),
    )
    # The library's own cost, a tenth of a second and 64 MB, is not what is tested here.
    page_of(app).access._passwords._hasher = QUICK_HASHER
    return app


def add_users(journal: Journal) -> None:
    """Add one user of each role, as `page_app` says."""
    access = Access(journal.database.engine, hasher=QUICK_HASHER)
    for role, person in zip(Role, ("Анна", "Борис", "Вера"), strict=True):
        access.create_user(role.value, person, role, PASSWORD)


@cache
def _empty_journal() -> bytes:
    """Return a journal with the three users: made once, copied for every test."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Journal.open(page_settings(folder).journal.journal_url) as journal:
            add_users(journal)
            with journal.database.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return (folder / "journal.sqlite3").read_bytes()


def version_of(app: FastAPI, call: int) -> str:
    """Return what a form of a call that is opened now sends along."""
    return page_of(app).journal.attempt(call).version


def add_call(
    app: FastAPI,
    name: str,
    *,
    sound: bool = False,
    days_ago: float = 0.0,
    **whose: str,
) -> int:
    """Record a call in the journal as if it had been uploaded; return its id."""
    page = page_of(app)
    digest = hashlib.sha256(name.encode()).hexdigest()
    if sound:
        upload = page.settings.server.state_folder / "upload"
        upload.parent.mkdir(exist_ok=True)
        upload.write_bytes(recording(seed=int(digest[:6], 16)))
        digest = page.recordings.keep(upload, name)
    report = ScriptedRecognizer().recognize(name, name=name)
    moment = dt.datetime.now(dt.UTC) - dt.timedelta(days=days_ago)
    # On a busy machine what waits is read slowly, and then kept for some seconds.
    page.reviews.waiting.forget()
    return page.journal.record_attempt(
        report,
        digest=digest,
        called_at=moment,
        contact=whose.get("contact"),
        number=whose.get("number"),
    ).id
