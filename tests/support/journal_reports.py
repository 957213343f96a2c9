"""Classifications made by hand, for tests of what is done with them."""

from __future__ import annotations

import datetime as dt

from recognizer.model import (
    Cadence,
    CallError,
    CallOutcome,
    CallReport,
    Evidence,
    Outcome,
    Phrase,
    PhraseMatch,
    ToneEvent,
    ToneKind,
    Transcript,
    Word,
)

MORNING = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
"""Noon in the sample office."""


def day(number: int) -> dt.datetime:
    """Return the morning `number` days later."""
    return MORNING + dt.timedelta(days=number)


def heard(outcome: CallOutcome | str, recording: str = "call.wav") -> CallReport:
    """Return a report on a recording in which this was heard."""
    return CallReport(
        recording=recording,
        evidence=Evidence(duration_s=5.0),
        outcome=Outcome(CallOutcome(outcome), 0.9),
        decision=None,
        elapsed_s=0.1,
    )


def spoken(outcome: CallOutcome, text: str, recording: str = "call.wav") -> CallReport:
    """Return a report on a recording in which ringback and an announcement were heard."""
    phrase = Phrase("a-phrase", text, outcome, "ru", "a test")
    words = text.split()
    return CallReport(
        recording=recording,
        evidence=Evidence(
            duration_s=6.0,
            tones=(ToneEvent(ToneKind.RINGBACK, 0.0, 1.0, (425.0,), Cadence(), 1, -20.0),),
            transcript=Transcript(
                text,
                tuple(Word(word, 1.2 + i, 2.0 + i) for i, word in enumerate(words)),
                "ru",
                "scripted",
                "script",
            ),
        ),
        outcome=Outcome(outcome, 0.98, PhraseMatch(phrase, 93.4, 0, len(words), 1.2, 3.9)),
        decision=None,
        elapsed_s=0.4,
    )


def unreadable(recording: str = "call.wav") -> CallReport:
    """Return a report on a recording nobody could read."""
    return CallReport(
        recording, None, None, None, 0.0, CallError("unreadable_audio", f"{recording}: not a sound")
    )
