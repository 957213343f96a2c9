"""A known announcement on a live line: named before its end, and no engine asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from announced import CALLS, RATE, learned, pause, sound_of
from fakes import ScriptedEngine, ScriptedSpeech
from test_in_pipeline import Unloadable, recognizer

from recognizer.audio import read_audio
from recognizer.base.errors import EngineError
from recognizer.engines.lazy import LazyEngine
from recognizer.model import CallOutcome, CallReport, Samples
from recognizer.streaming import LiveChannel

MARKS, RETRIES = "does-not-exist.wav", "temporarily-blocked-number.wav"


def pushed(channel: LiveChannel, samples: Samples) -> list[tuple[float, CallReport]]:
    """Return what the channel said, and at which second, of sound that comes 20 ms at a time."""
    said = []
    n = round(0.02 * RATE)
    for first in range(0, len(samples), n):
        report = channel.push(samples[first : first + n], RATE)
        if report is not None:
            said.append((channel.duration_s, report))
    return said


def kinds(said: list[tuple[float, CallReport]]) -> set[CallOutcome]:
    return {r.outcome.kind for _, r in said if r.outcome is not None}


@pytest.mark.slow
def test_a_retry_is_named_while_it_is_said_and_no_engine_is_needed(tmp_path: Path) -> None:
    known = replace(learned(RETRIES), keywords=((0.9, 1.9),))
    channel = LiveChannel(recognizer(tmp_path, known), "live:1")
    sound = sound_of(RETRIES)
    said = pushed(channel, np.concatenate([sound, pause(2.0)]))
    at_s, first = next((s, r) for s, r in said if CallOutcome.UNDETERMINED not in kinds([(s, r)]))
    assert at_s < len(sound) / RATE - 0.5
    assert first.outcome is not None
    assert first.outcome.kind is CallOutcome.TEMPORARILY_BLOCKED
    assert channel.final is not None
    whole = channel.finish()
    assert whole.outcome is not None
    assert whole.evidence is not None
    assert (whole.outcome.kind, whole.evidence.basis) == (
        CallOutcome.TEMPORARILY_BLOCKED,
        "announcement",
    )


@pytest.mark.slow
def test_a_mark_is_final_only_after_its_end(tmp_path: Path) -> None:
    known = replace(learned(MARKS), keywords=((1.6, 2.5),))
    channel = LiveChannel(recognizer(tmp_path, known), "live:1")
    sound = sound_of(MARKS)[: -round(0.3 * RATE)]
    said = pushed(channel, sound)
    assert kinds(said) <= {CallOutcome.DOES_NOT_EXIST, CallOutcome.UNDETERMINED}
    was_final = channel.final is not None
    pushed(channel, pause(2.5))
    final = channel.final
    assert not was_final
    assert final is not None
    assert final.decision is not None
    assert final.decision.incorrect_contact


@pytest.mark.slow
def test_what_only_begins_as_a_known_one_marks_nothing_and_is_heard(tmp_path: Path) -> None:
    known = replace(learned(MARKS), keywords=((2.0, 3.5),))
    person = read_audio(CALLS / "people" / "hello.wav", sample_rate=RATE).samples
    engine = ScriptedEngine(default=ScriptedSpeech("алло да слушаю вас говорите"))
    channel = LiveChannel(recognizer(tmp_path, known, engine=engine), "live:1")
    begins = sound_of(MARKS)[: round(2.6 * RATE)]
    said = pushed(channel, np.concatenate([begins, person, person, pause(2.0)]))
    assert engine.heard
    whole = channel.finish()
    assert all(
        r.decision is None or not r.decision.incorrect_contact
        for r in [*(r for _, r in said), whole]
    )


def test_what_is_not_known_needs_the_engine(tmp_path: Path) -> None:
    this = recognizer(tmp_path, learned(MARKS), engine=LazyEngine(Unloadable()))
    with pytest.raises(EngineError):
        pushed(LiveChannel(this, "live:1"), sound_of(RETRIES))
