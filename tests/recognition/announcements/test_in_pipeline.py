"""A known announcement decides a call without a speech engine; what is beside it does not."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from announced import CALLS, RATE, learned, sound_of
from fakes import ScriptedEngine, ScriptedSpeech
from phrase_lists import shipped_book

from recognizer import Recognizer
from recognizer.audio import read_audio
from recognizer.base.errors import EngineError
from recognizer.base.settings import AnnouncementSettings, Settings
from recognizer.engines.base import Engine, Utterance
from recognizer.engines.lazy import LazyEngine
from recognizer.model import Audio, CallOutcome, CallReport, Samples
from recognizer.model.report_json import report_to_dict
from recognizer.recognition.announcements.announcement import Announcement
from recognizer.recognition.announcements.following import FollowedLibrary
from recognizer.recognition.announcements.store import AnnouncementStore
from recognizer.recognition.calibration import load_calibration
from recognizer.regulation.loading import load_regulation
from recognizer.signals.tone_plans import load_tone_plan

pytestmark = pytest.mark.slow

MARKS, RETRIES = "does-not-exist.wav", "temporarily-blocked-number.wav"


class Unloadable:
    """An engine that nobody may need."""

    def __call__(self) -> Engine:
        raise EngineError("the engine was needed")


def recognizer(folder: Path, *known: Announcement, engine: Engine | None = None) -> Recognizer:
    store = AnnouncementStore(folder)
    if known:
        store.add(known, by="a test")
    return Recognizer(
        engine=engine or LazyEngine(Unloadable()),
        phrases=shipped_book(),
        regulation=load_regulation(),
        tone_plan=load_tone_plan(),
        calibration=load_calibration(),
        announcements=FollowedLibrary(store),
    )


def recognize(this: Recognizer, samples: Samples) -> CallReport:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="WAV", subtype="PCM_16")
    return this.recognize(file.getvalue(), name="a call")


def ringing() -> Samples:
    at = np.arange(2 * RATE) / RATE
    return np.where(at < 1, 0.2 * np.sin(2 * np.pi * 425 * at), 0).astype(np.float32)


def test_it_decides_without_an_engine_and_says_what_it_rests_on(tmp_path: Path) -> None:
    known = replace(learned(MARKS), text="номер не существует")
    report = recognize(recognizer(tmp_path, known), sound_of(MARKS))
    written = report_to_dict(report)
    assert written["error"] is None
    assert (written["outcome"], written["basis"]) == ("does_not_exist", "announcement")
    assert written["decision"]["incorrect_contact"] is True
    (heard,) = written["announcements"]
    assert (heard["id"], heard["confirmed_by"], heard["decides"]) == (known.id, "a test", True)
    assert heard["similarity"] > 0.9
    assert heard["coverage"] == 1.0
    assert any("Узнано известное объявление" in s for s in written["decision"]["explanation"])
    assert report.phrases_version is not None
    assert report.phrases_version.endswith("+announcements.1")


def test_ringing_before_it_changes_nothing(tmp_path: Path) -> None:
    report = recognize(
        recognizer(tmp_path, learned(MARKS)), np.concatenate([ringing(), sound_of(MARKS)])
    )
    assert report.outcome is not None
    assert report.outcome.kind is CallOutcome.DOES_NOT_EXIST


def test_another_call_needs_the_engine(tmp_path: Path) -> None:
    report = recognize(recognizer(tmp_path, learned(MARKS)), sound_of(RETRIES))
    assert report.error is not None
    assert "engine was needed" in report.error.message


def test_a_person_after_it_is_heard_by_the_engine(tmp_path: Path) -> None:
    person = read_audio(CALLS / "people" / "hello.wav", sample_rate=RATE).samples
    engine = ScriptedEngine(default=ScriptedSpeech("алло да слушаю вас говорите"))
    this = recognizer(tmp_path, learned(MARKS), engine=engine)
    for pause_s in (0.3, 3.0):
        pause = np.zeros(round(pause_s * RATE), np.float32)
        report = recognize(this, np.concatenate([sound_of(MARKS), pause, person]))
        assert report.outcome is not None
        assert report.outcome.kind in {CallOutcome.LIVE_PERSON, CallOutcome.UNDETERMINED}, pause_s
        assert engine.heard


def test_two_known_ones_decide_together_as_they_would_when_spoken(tmp_path: Path) -> None:
    this = recognizer(tmp_path, learned(MARKS), learned(RETRIES))
    report = recognize(this, np.concatenate([sound_of(MARKS), sound_of(RETRIES)]))
    assert report.outcome is not None
    assert report.outcome.kind is CallOutcome.TEMPORARILY_BLOCKED


def test_speech_that_contradicts_what_it_sounds_like_marks_nothing(tmp_path: Path) -> None:
    # Half a second of it is another word: likely, not known.
    sound = sound_of(RETRIES).copy()
    sound[round(2.3 * RATE) : round(2.45 * RATE)] *= 0
    text = "набранный вами номер заблокирован"
    engine = ScriptedEngine(default=ScriptedSpeech(text, {"Набранный вами номер заблокирован.": 0}))
    plain = recognize(recognizer(tmp_path / "none", engine=engine), sound)
    assert plain.outcome is not None
    checked = recognize(recognizer(tmp_path / "one", learned(RETRIES), engine=engine), sound)
    assert checked.outcome is not None
    assert checked.outcome.kind is not CallOutcome.BLOCKED
    assert checked.evidence is not None
    assert checked.evidence.basis != "announcement"


def test_a_running_recognizer_takes_a_change_over_with_the_next_call(tmp_path: Path) -> None:
    this = recognizer(tmp_path)
    assert recognize(this, sound_of(MARKS)).error is not None
    AnnouncementStore(tmp_path).add([learned(MARKS)], by="Anna")
    assert recognize(this, sound_of(MARKS)).error is None
    AnnouncementStore(tmp_path).undo(by="Anna")
    assert recognize(this, sound_of(MARKS)).error is not None


def test_the_engine_is_loaded_at_once_only_where_nothing_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []

    def load(name: str, settings: Settings) -> Engine:
        loaded.append(name)
        return ScriptedEngine()

    monkeypatch.setattr("recognizer.pipeline.load_engine", load)
    settings = Settings(announcements=AnnouncementSettings(dir=tmp_path))
    Recognizer.load(settings)
    assert loaded == ["auto"]
    AnnouncementStore(tmp_path).add([learned(MARKS)], by="Anna")
    this = Recognizer.load(settings)
    assert recognize(this, sound_of(MARKS)).error is None
    assert loaded == ["auto"]
    Recognizer.load(settings, announcements=False)
    assert loaded == ["auto", "auto"]


def test_a_lazy_engine_is_the_one_it_loads() -> None:
    engine = LazyEngine(lambda: ScriptedEngine(default=ScriptedSpeech("да")))
    assert not engine.is_loaded
    assert (engine.name, engine.model) == ("scripted", "script")
    utterance: Utterance = engine.listen(Audio(np.zeros(RATE, np.float32), RATE))
    engine.transcribe_together([utterance])
    assert utterance.transcript.text == "да"
    assert engine.is_loaded
