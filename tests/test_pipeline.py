from __future__ import annotations

import copy
import datetime as dt
import functools
import io
import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import numpy as np
import pytest
import soundfile
from fakes import ScriptedEngine, ScriptedSpeech, ScriptedUtterance
from phrase_lists import shipped_book, shipped_verifier

from recognizer import classification, recognize
from recognizer.audio import AudioReader, open_audio
from recognizer.base.errors import EngineError
from recognizer.model import (
    Audio,
    CallOutcome,
    CallReport,
    NextStep,
    PhraseListName,
    RecordedCall,
    phrase_list_of,
)
from recognizer.model.report_json import report_to_dict
from recognizer.pipeline import Recognizer
from recognizer.recognition import listening
from recognizer.recognition.calibration import load_calibration
from recognizer.recognition.office_script import OfficeScript
from recognizer.recognition.slow_retry import confirms
from recognizer.regulation.loading import load_regulation
from recognizer.signals.tone_plans import load_known_tones

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "tests" / "data" / "calls" / "samples"
DAY = dt.date(2026, 11, 22)


def scripted(
    speech: ScriptedSpeech, script: OfficeScript | None = None
) -> tuple[Recognizer, ScriptedEngine]:
    recognizer = copy.copy(loaded(script or OfficeScript()))
    recognizer.engine = engine = ScriptedEngine(default=speech)
    return recognizer, engine


@functools.cache
def loaded(script: OfficeScript) -> Recognizer:
    """What takes time to load, once."""
    return Recognizer(
        engine=ScriptedEngine(default=ScriptedSpeech("")),
        phrases=shipped_book(),
        regulation=load_regulation(),
        tone_plan=load_known_tones(),
        calibration=load_calibration(),
        script=script,
    )


def checked(report: CallReport) -> dict[str, object]:
    """The report as JSON, valid by the contract."""
    schema = json.loads((ROOT / "docs" / "classification.schema.json").read_text("utf-8"))
    data = json.loads(json.dumps(report_to_dict(report), allow_nan=False))
    jsonschema.validate(data, schema)
    return dict(data)


@pytest.mark.model
@pytest.mark.parametrize(
    ("name", "outcome", "rule"),
    [
        ("1-does-not-exist-human.wav", "does_not_exist", "does-not-exist"),
        ("2-temporarily-blocked.alaw", "temporarily_blocked", "temporarily-blocked"),
        ("5-voicemail-human.wav", "voicemail", "no-answer"),
        ("6-nobody-answers.wav", "ringback_only", "no-answer"),
        ("7-busy.ulaw", "busy_tone", "busy-tone"),
    ],
)
def test_sample_call_gives_its_outcome_and_rule(
    whisper: Recognizer, name: str, outcome: str, rule: str
) -> None:
    data = checked(whisper.recognize(SAMPLES / name, called_on=DAY))
    assert data["outcome"] == outcome
    decision = data["decision"]
    assert isinstance(decision, dict)
    assert decision["rule"] == rule
    assert decision["comment"].startswith("22/11 ")


@pytest.mark.model
def test_person_with_trigger_words_gets_no_status(whisper: Recognizer) -> None:
    report = whisper.recognize(SAMPLES / "8-person-with-trigger-words.flac")
    assert report.outcome is not None
    assert report.decision is not None
    assert report.outcome.kind in {CallOutcome.LIVE_PERSON, CallOutcome.UNDETERMINED}
    assert report.decision.status is None
    assert report.decision.next is NextStep.OPERATOR


@pytest.mark.model
def test_matched_phrase_lies_where_it_was_spoken(whisper: Recognizer) -> None:
    report = whisper.recognize(SAMPLES / "1-does-not-exist-human.wav")
    assert report.outcome is not None
    assert report.evidence is not None
    match = report.outcome.match
    assert match is not None
    assert match.start_s is not None
    assert match.end_s is not None
    assert 0 <= match.start_s < match.end_s <= report.evidence.duration_s + 0.1


@pytest.mark.model
def test_bytes_and_file_objects_give_what_the_file_gives(whisper: Recognizer) -> None:
    path = SAMPLES / "1-does-not-exist-human.wav"
    content = path.read_bytes()
    outcomes = {
        whisper.recognize(source).outcome.kind  # type: ignore[union-attr]
        for source in (path, str(path), content, io.BytesIO(content))
    }
    assert outcomes == {CallOutcome.DOES_NOT_EXIST}


def tone(seconds: float, rate: int = 8000) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * 425 * np.arange(int(seconds * rate)) / rate)).astype("f4")


def silence(seconds: float, rate: int = 8000) -> np.ndarray:
    return np.zeros(int(seconds * rate), "f4")


# Literal signals: ringback 1 s / 4 s, busy 0.35 s / 0.35 s at 425 Hz (the Russian order on tones).
NOT_SPEECH = {
    "ringing": [x for _ in range(4) for x in (tone(1), silence(4))],
    "busy": [x for _ in range(8) for x in (tone(0.35), silence(0.35))],
    "silence": [silence(8)],
    "hum": [0.1 * np.sin(2 * np.pi * 50 * np.arange(64_000) / 8000).astype("f4")],
    "hiss": [np.random.default_rng(3).normal(0, 0.01, 64_000).astype("f4")],
}


@pytest.mark.parametrize("name", sorted(NOT_SPEECH))
def test_nothing_without_speech_reaches_the_engine(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.wav"
    soundfile.write(path, np.concatenate(NOT_SPEECH[name]), 8000)
    recognizer, engine = scripted(ScriptedSpeech("Продолжение следует..."))
    report = recognizer.recognize(path)
    assert engine.heard == []
    assert report.outcome is not None
    assert report.outcome.match is None


class FirstAndLaterListener(ScriptedEngine):
    """Hears one thing in the first speech it is given, and another in every later."""

    def __init__(self, first: ScriptedSpeech, later: ScriptedSpeech) -> None:
        super().__init__(default=first)
        self._later = later

    def listen(self, audio: Audio) -> ScriptedUtterance:
        first = super().listen(audio)
        return first if len(self.heard) == 1 else ScriptedUtterance(self._later, audio)


HELLO = ScriptedSpeech("Алло, да, слушаю.")
# So short that neither the words nor the language can be told.
MUMBLE = ScriptedSpeech("Але.", confidence=0.3, language_probability=0.01)
ENGLISH = ScriptedSpeech("The number you have", confidence=0.3, language_probability=0.01)


@pytest.fixture
def words_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripted words lie evenly over a sound that says something else."""
    monkeypatch.setattr(listening, "vetoes_of_sound", lambda *_: ())


def heard_with_an_answer(
    path: Path, words_share: float, answer: ScriptedSpeech, answer_s: float
) -> tuple[CallReport, list[Audio]]:
    """Hear an announcement, the first `words_share` of it, and after a second of silence more."""
    spoken, rate = soundfile.read(SPOKEN, dtype="float32")
    more = spoken[: round(answer_s * rate)]
    soundfile.write(path, np.concatenate([spoken, silence(1.0, rate), more]), rate)
    recognizer, _ = scripted(ScriptedSpeech(""))
    heard = ScriptedSpeech("Набранный вами номер не существует.", words_share=words_share)
    recognizer.engine = engine = FirstAndLaterListener(heard, answer)
    return recognizer.recognize(path), engine.heard


@pytest.mark.usefixtures("words_anywhere")
@pytest.mark.parametrize(
    ("answer", "answer_s", "outcome"),
    [
        pytest.param(HELLO, 1.5, CallOutcome.LIVE_PERSON, id="person"),
        pytest.param(MUMBLE, 1.5, CallOutcome.UNDETERMINED, id="not understood"),
        pytest.param(ENGLISH, 9.0, CallOutcome.DOES_NOT_EXIST, id="another language"),
    ],
)
def test_speech_without_a_word_beside_an_announcement_is_heard_by_itself(
    tmp_path: Path, answer: ScriptedSpeech, answer_s: float, outcome: CallOutcome
) -> None:
    report, (whole, part) = heard_with_an_answer(tmp_path / "call.wav", 0.4, answer, answer_s)
    assert part.start_s > whole.start_s + 0.4 * whole.duration_s
    assert report.outcome is not None
    assert report.outcome.kind is outcome


@pytest.mark.usefixtures("words_anywhere")
def test_speech_that_was_heard_is_not_heard_by_parts(tmp_path: Path) -> None:
    report, heard = heard_with_an_answer(tmp_path / "call.wav", 1.0, HELLO, 9.0)
    assert len(heard) == 1
    assert report.outcome is not None
    assert report.outcome.kind is CallOutcome.DOES_NOT_EXIST


SPOKEN = SAMPLES / "1-does-not-exist-human.wav"  # one utterance
UNLIKE = ScriptedSpeech("возьми великий великий", confidence=0.3)
BLOCKED = ScriptedSpeech("Нумер заблок.", confidence=0.3)
BLOCKED_SLOWLY = ScriptedSpeech("Номер заблокирован.")
BUSY = ScriptedSpeech("Абонент занят, перезвоните позднее.")


def heard_by(engine: FirstAndLaterListener) -> CallReport:
    recognizer, _ = scripted(UNLIKE)
    recognizer.engine = engine
    return recognizer.recognize(SPOKEN)


@pytest.mark.usefixtures("words_anywhere")
def test_what_was_not_understood_is_heard_again_slower() -> None:
    engine = FirstAndLaterListener(BLOCKED, BLOCKED_SLOWLY)
    report = heard_by(engine)
    first, again = engine.heard
    assert again.duration_s == pytest.approx(1.07 * first.duration_s, rel=0.01)
    assert report.outcome is not None
    assert report.outcome.kind is CallOutcome.BLOCKED
    assert "slower" in report.outcome.reason
    assert report.evidence is not None
    assert report.evidence.transcript is not None
    assert report.evidence.transcript.text == BLOCKED_SLOWLY.text
    words = report.evidence.transcript.words
    assert words[-1].end_s == pytest.approx(first.start_s + first.duration_s, abs=0.05)


@pytest.mark.parametrize(
    ("first", "n_transcripts"),
    [
        (BUSY, 1),
        (UNLIKE, 1),
        (ScriptedSpeech("Эта конференция закрыта.", confidence=0.99), 1),
        (BLOCKED, 2),
        (replace(BLOCKED, language_probability=0.01), 2),
    ],
    ids=[
        "understood",
        "nothing near",
        "what is near says nothing of the number",
        "not understood",
        "taken for another language",
    ],
)
def test_the_first_transcript_stands_unless_the_slow_retry_understands_more(
    first: ScriptedSpeech, n_transcripts: int
) -> None:
    engine = FirstAndLaterListener(first, UNLIKE)
    report = heard_by(engine)
    assert len(engine.heard) == n_transcripts
    assert report.evidence is not None
    assert report.evidence.transcript is not None
    assert report.evidence.transcript.text == first.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "again", "stands"),
    [
        (BLOCKED, CallOutcome.BLOCKED, True),
        (BLOCKED, CallOutcome.DOES_NOT_EXIST, True),
        (BLOCKED, CallOutcome.TEMPORARILY_BLOCKED, False),
        (BUSY, CallOutcome.LINE_BUSY, True),
        (BUSY, CallOutcome.NO_ANSWER, False),
        (BUSY, CallOutcome.BLOCKED, False),
        (UNLIKE, CallOutcome.LINE_BUSY, False),
        (UNLIKE, CallOutcome.BLOCKED, False),
        (UNLIKE, CallOutcome.LIVE_PERSON, False),
        (BUSY, CallOutcome.UNDETERMINED, False),
        (ScriptedSpeech("Конференция заблокирована."), CallOutcome.UNDETERMINED, False),
    ],
)
def test_slow_retry_never_contradicts_the_first(
    first: ScriptedSpeech, again: CallOutcome, stands: bool
) -> None:
    sound = Audio(np.zeros(48_000, np.float32), 16_000)
    verified = shipped_verifier().hear(ScriptedEngine(default=first).listen(sound))
    assert confirms(again, verified) is stands


def test_words_of_a_person_heard_plainly_are_not_unheard_by_hearing_again() -> None:
    first = ScriptedSpeech("Номер заблокирован, Василий Петрович уехал вчера.")
    report = heard_by(FirstAndLaterListener(first, BLOCKED_SLOWLY))
    assert report.outcome is not None
    assert report.outcome.kind is not CallOutcome.BLOCKED


def test_a_slow_retry_that_fails_leaves_the_first() -> None:
    class Failing(FirstAndLaterListener):
        def listen(self, audio: Audio) -> ScriptedUtterance:
            if self.heard:
                raise EngineError("out of memory")
            return super().listen(audio)

    report = heard_by(Failing(BLOCKED, BLOCKED_SLOWLY))
    assert report.error is None
    assert report.outcome is not None
    assert report.outcome.kind is CallOutcome.UNDETERMINED


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"", "empty_file"), (b"hello, this is no sound\n" * 40, None), (b"RIFF\x10", None)],
)
def test_bad_recording_is_an_error_in_the_report_that_names_it(
    tmp_path: Path, content: bytes, kind: str | None
) -> None:
    path = tmp_path / "плохая.wav"
    path.write_bytes(content)
    recognizer, _ = scripted(ScriptedSpeech(""))
    report = recognizer.recognize(path)
    data = checked(report)
    assert data["outcome"] is None
    assert report.error is not None
    assert "плохая.wav" in report.error.message
    assert kind in {None, report.error.kind}


def test_missing_file_is_an_error_in_the_report(tmp_path: Path) -> None:
    recognizer, _ = scripted(ScriptedSpeech(""))
    report = recognizer.recognize(tmp_path / "absent.wav")
    assert report.error is not None
    assert report.error.kind == "not_found"


@pytest.mark.model
def test_one_shot_function_classifies_a_file() -> None:
    report = recognize(SAMPLES / "7-busy.ulaw", attempt=3, engine="whisper", called_on=DAY)
    assert report.decision is not None
    assert report.decision.final
    assert report.decision.attempt == 3


# -- several calls side by side ----------------------------------------------------------------

SEVERAL = [
    SAMPLES / name
    for name in ("1-does-not-exist-human.wav", "2-temporarily-blocked.alaw", "7-busy.ulaw")
]


def answers(reports: Iterable[CallReport]) -> list[dict[str, object]]:
    times = {"elapsed_s", "stage_s"}
    return [
        {name: value for name, value in checked(report).items() if name not in times}
        for report in reports
    ]


@pytest.mark.model
def test_calls_recognised_together_get_the_answers_they_get_alone(whisper: Recognizer) -> None:
    calls = [RecordedCall(source=path, attempt=3, called_on=DAY) for path in (*SEVERAL, *SEVERAL)]
    alone = [whisper.recognize(path, attempt=3, called_on=DAY) for path in (*SEVERAL, *SEVERAL)]
    assert answers(whisper.recognize_together(calls)) == answers(alone)


def test_only_calls_with_speech_are_decoded_together() -> None:
    recognizer, engine = scripted(ScriptedSpeech("номер не существует"))
    assert len(list(recognizer.recognize_together([RecordedCall(source=p) for p in SEVERAL]))) == 3
    assert engine.together == [2]


def test_a_bad_recording_among_several_costs_itself_only(tmp_path: Path) -> None:
    recognizer, _ = scripted(ScriptedSpeech("номер не существует"))
    bad = tmp_path / "text.wav"
    bad.write_text("no sound")
    calls = [RecordedCall(source=path) for path in (SEVERAL[0], bad, SEVERAL[1])]
    reports = list(recognizer.recognize_together(calls))
    assert [report.error is None for report in reports] == [True, False, True]
    assert "text.wav" in reports[1].recording


def test_what_cannot_be_decoded_together_is_decoded_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    recognizer, engine = scripted(ScriptedSpeech("номер не существует"))

    def fail(_utterances: object) -> None:
        raise EngineError("out of memory")

    monkeypatch.setattr(engine, "transcribe_together", fail)
    reports = recognizer.recognize_together([RecordedCall(source=p) for p in SEVERAL[:2]])
    assert [report.error for report in reports] == [None, None]


def test_recordings_are_closed_when_nobody_waits_for_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[AudioReader] = []
    closed: list[AudioReader] = []

    @contextmanager
    def watched(source: Any, **more: Any) -> Iterator[AudioReader]:
        with open_audio(source, **more) as reader:
            opened.append(reader)
            try:
                yield reader
            finally:
                closed.append(reader)

    monkeypatch.setattr(classification, "open_audio", watched)
    recognizer, _ = scripted(ScriptedSpeech("номер не существует"))
    reports = recognizer.recognize_together([RecordedCall(source=path) for path in SEVERAL[:2]])
    next(reports)
    assert len(opened) == 2
    reports.close()
    assert len(closed) == 2


@pytest.mark.usefixtures("words_anywhere")
def test_an_engine_whose_confidence_rests_on_text_marks_nothing_that_it_misrecognized() -> None:
    misrecognized = ScriptedSpeech("Ну, яр заблокир вон")  # letter by letter 87 of 100
    recognizer, _ = scripted(misrecognized)
    outcome = recognizer.recognize(SPOKEN).outcome
    assert outcome is not None
    assert outcome.kind is CallOutcome.UNDETERMINED
    plain, _ = scripted(ScriptedSpeech("Номер заблокирован."))
    outcome = plain.recognize(SPOKEN).outcome
    assert outcome is not None
    assert outcome.kind is CallOutcome.BLOCKED


def chord(seconds: float, *frequencies_hz: float, rate: int = 8000) -> np.ndarray:
    time_s = np.arange(int(seconds * rate)) / rate
    return sum(0.15 * np.sin(2 * np.pi * f * time_s) for f in frequencies_hz).astype("f4")  # type: ignore[union-attr]


def hiss(seconds: float, level: float) -> np.ndarray:
    return np.random.default_rng(5).normal(0, level, int(seconds * 8000)).astype("f4")


def ringing(frequencies_hz: tuple[float, ...], cadence_s: tuple[float, ...]) -> list[np.ndarray]:
    """Return one round of it: sound, silence, sound, ..."""
    return [
        chord(seconds, *frequencies_hz) if n % 2 == 0 else silence(seconds)
        for n, seconds in enumerate(cadence_s)
    ]


# Ringing of the United Kingdom and of the United States (ITU-T E.180, supplement 2), and of nobody
# in the rhythm of the first.
BRITISH_S, AMERICAN_S = (0.4, 0.2, 0.4, 2.0), (2.0, 4.0)
ABROAD = {
    "british": (ringing((400, 450), BRITISH_S) * 12, CallOutcome.RINGBACK_ONLY),
    "american": (ringing((440, 480), AMERICAN_S) * 5, CallOutcome.RINGBACK_ONLY),
    "nobody's": (ringing((610, 700), BRITISH_S) * 12, CallOutcome.UNDETERMINED),
}


def heard_in(tmp_path: Path, *sounds: np.ndarray) -> CallOutcome:
    path = tmp_path / "call.wav"
    soundfile.write(path, np.concatenate(sounds), 8000)
    recognizer, _ = scripted(ScriptedSpeech(""))
    report = recognizer.recognize(path)
    assert report.outcome is not None
    return report.outcome.kind


@pytest.mark.parametrize("name", sorted(ABROAD))
def test_ringing_of_another_country_is_known_or_undetermined(name: str, tmp_path: Path) -> None:
    sounds, outcome = ABROAD[name]
    assert heard_in(tmp_path, *sounds) is outcome


def test_noise_before_a_silence_is_not_silence(tmp_path: Path) -> None:
    assert heard_in(tmp_path, hiss(5, 0.02), silence(15)) is CallOutcome.UNDETERMINED


@pytest.mark.parametrize("beep_s", [0.15, 0.2])
def test_congestion_at_the_ends_of_its_tolerance_is_decided_in_noise(
    beep_s: float, tmp_path: Path
) -> None:
    path = tmp_path / "call.wav"
    beeps = [x for _ in range(int(2 / beep_s)) for x in (chord(beep_s, 425), silence(beep_s))]
    call = np.concatenate(beeps)
    call = call + hiss(len(call) / 8000, 0.15 / np.sqrt(2) * 10 ** (-12 / 20))[: len(call)]
    soundfile.write(path, call, 8000)
    recognizer, _ = scripted(ScriptedSpeech("М.", confidence=0.2))
    report = recognizer.recognize(path)
    assert report.outcome is not None
    assert report.outcome.kind is CallOutcome.BUSY_TONE


@pytest.mark.parametrize(
    ("words", "confidence", "outcome"),
    [
        ("М.", 0.2, CallOutcome.BUSY_TONE),
        ("", 0.9, CallOutcome.BUSY_TONE),
        ("потуши свет в гостиной", 0.82, CallOutcome.UNDETERMINED),
    ],
)
def test_words_heard_clearly_over_short_beeps_are_not_the_beeps(
    words: str, confidence: float, outcome: CallOutcome, tmp_path: Path
) -> None:
    path = tmp_path / "call.wav"
    beeps = np.concatenate([x for _ in range(13) for x in (chord(0.15, 425), silence(0.15))])
    noisy = beeps + hiss(len(beeps) / 8000, 0.15 / np.sqrt(2) * 10 ** (-12 / 20))[: len(beeps)]
    soundfile.write(path, noisy, 8000)
    recognizer, _ = scripted(ScriptedSpeech(words, confidence=confidence))
    report = recognizer.recognize(path)
    assert report.outcome is not None
    assert report.outcome.kind is outcome


def call_of(*channels: np.ndarray, rate: int = 8000) -> bytes:
    """Channels as one recording, with a little line noise in each."""
    n = max(map(len, channels)) + rate
    random = np.random.default_rng(1)
    together = np.stack(
        [np.pad(c, (0, n - len(c))) + random.normal(0, 1e-4, n) for c in channels], axis=1
    )
    file = io.BytesIO()
    soundfile.write(file, together, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def clip(name: str) -> np.ndarray:
    with open_audio(SAMPLES.parent / name, sample_rate=8000) as reader:
        return np.concatenate([block.samples for block in reader.blocks()])


@pytest.mark.model
@pytest.mark.parametrize(
    ("other", "quieter_db", "delay_s"),
    [
        ("people/husbands-number.ogg", -15, 0.3),
        ("announcements/temporarily-blocked-number.wav", -30, 0.3),
        ("announcements/temporarily-blocked-number.wav", 0, 5.0),
    ],
)
def test_an_agent_who_says_what_marks_beside_another_party_marks_nothing(
    whisper: Recognizer, other: str, quieter_db: int, delay_s: float
) -> None:
    agent = clip("announcements/blocked.wav")
    remote = np.concatenate([silence(delay_s), clip(other) * 10 ** (quieter_db / 20)])
    for order in ((agent, remote), (remote, agent)):
        report = whisper.recognize(call_of(*order))
        assert report.outcome is not None
        assert phrase_list_of(report.outcome.kind) is not PhraseListName.INVALID_NUMBER
        parties = checked(report)["parties"]
        assert isinstance(parties, list)
        assert {heard["party"] for heard in parties} == {"unknown"}


@pytest.mark.model
def test_ringback_tells_whose_channel_it_is_and_an_echo_of_our_agent_marks_nothing(
    whisper: Recognizer,
) -> None:
    announcement = clip("announcements/blocked.wav")
    ringing = np.concatenate([silence(1), tone(1.0), silence(4.0), tone(1.0), silence(4.0)])
    agent = np.concatenate([silence(11.5), announcement])
    echo = np.concatenate([ringing, silence(0.62), announcement * np.float32(0.1)])
    kinds = [
        (report.outcome.kind, [veto.id for veto in report.evidence.vetoes])
        for report in (
            whisper.recognize(call_of(silence(1), np.concatenate([ringing, announcement]))),
            whisper.recognize(call_of(agent, echo)),
        )
        if report.outcome is not None
        if report.evidence is not None
    ]
    assert kinds[0] == (CallOutcome.BLOCKED, [])
    assert kinds[1] == (CallOutcome.UNDETERMINED, ["leak-of-another-channel"])


@pytest.mark.slow
def test_words_of_our_own_script_take_the_mark_away_in_a_recording_of_one_channel() -> None:
    said = ScriptedSpeech("Номер не существует.", words_share=0.4)
    for script, outcome in (
        (None, CallOutcome.DOES_NOT_EXIST),
        (OfficeScript.of(["номер не существует"]), CallOutcome.UNDETERMINED),
    ):
        recognizer, _ = scripted(said, script)
        report = recognizer.recognize(SAMPLES / "1-does-not-exist-human.wav")
        assert report.outcome is not None
        assert report.evidence is not None
        assert report.outcome.kind is outcome
        assert ("own-agent" in [v.id for v in report.evidence.vetoes]) is (script is not None)


@pytest.mark.model
@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")
@pytest.mark.parametrize(
    ("voice", "text"),
    [
        ("en", "Thank you for calling. All our operators are busy now. Please hold the line."),
        ("uz", "Hurmatli abonent, bu raqam mavjud emas. Iltimos raqamni tekshirib ko'ring."),
        ("tr", "Aradığınız kişiye şu anda ulaşılamıyor. Lütfen daha sonra tekrar deneyin."),
    ],
)
def test_another_language_is_undetermined_and_says_so(
    whisper: Recognizer, voice: str, text: str
) -> None:
    spoken = subprocess.run(
        ["espeak-ng", "-v", voice, "-s", "140", "--stdout", text], capture_output=True, check=True
    ).stdout
    report = whisper.recognize(spoken)
    assert report.outcome is not None
    assert report.decision is not None
    assert report.outcome.kind is CallOutcome.UNDETERMINED
    assert "another language" in report.outcome.reason
    ruling = whisper.regulation.rule_on_call(report.outcome.kind, attempt=2)
    assert (ruling.counts, ruling.resets) == (False, False)


@pytest.mark.parametrize(
    ("probability", "outcome"),
    [
        (None, CallOutcome.LIVE_PERSON),
        (0.2, CallOutcome.LIVE_PERSON),
        (0.01, CallOutcome.UNDETERMINED),
    ],
)
def test_a_person_is_one_only_in_russian(probability: float | None, outcome: CallOutcome) -> None:
    said = ScriptedSpeech("Алло, кто это?", language_probability=probability)
    recognizer, _ = scripted(said)
    report = recognizer.recognize(SAMPLES / "1-does-not-exist-human.wav")
    assert report.outcome is not None
    assert report.outcome.kind is outcome


def test_a_recording_of_which_a_part_is_not_read_is_a_person_or_nothing() -> None:
    first = (SAMPLES / "1-does-not-exist-human.wav").read_bytes()
    other = io.BytesIO()
    soundfile.write(other, silence(3.0, 16_000), 16_000, format="WAV", subtype="PCM_16")
    for text, whole, cut in (
        (
            "Абонент временно недоступен.",
            CallOutcome.TEMPORARILY_UNAVAILABLE,
            CallOutcome.UNDETERMINED,
        ),
        ("Алло, кто это?", CallOutcome.LIVE_PERSON, CallOutcome.LIVE_PERSON),
    ):
        recognizer, _ = scripted(ScriptedSpeech(text))
        reports = [recognizer.recognize(sound) for sound in (first, first + other.getvalue())]
        assert [r.outcome.kind for r in reports if r.outcome is not None] == [whole, cut]
        assert reports[1].evidence is not None
        assert [veto.id for veto in reports[1].evidence.vetoes] == ["part-not-read"]
        assert any("another format" in note for note in reports[1].evidence.notes)


@pytest.mark.parametrize(
    ("slowed", "is_kept"),
    [("Номер не существует.", True), ("Номер существует, алло.", False)],
)
def test_a_mark_that_just_passes_has_to_come_out_so_played_slower(
    slowed: str, is_kept: bool
) -> None:
    recognizer, engine = scripted(ScriptedSpeech(""))
    first = ScriptedSpeech("Номер не существует.", words_share=0.4)
    answers = [first, replace(first, text=slowed), *[ScriptedSpeech("")] * 4]
    engine.listen = lambda audio: ScriptedUtterance(answers.pop(0), audio)  # type: ignore[method-assign]
    recognizer._calibration = msgspec.structs.replace(load_calibration(), steady_above_cutoff=0.2)
    report = recognizer.recognize(SAMPLES / "1-does-not-exist-human.wav")
    assert report.outcome is not None
    assert report.evidence is not None
    assert (report.outcome.kind is CallOutcome.DOES_NOT_EXIST) is is_kept
    assert ("not-steady" in [v.id for v in report.evidence.vetoes]) is not is_kept


def test_an_announcement_said_twice_and_misheard_in_a_row_is_heard_half_by_half() -> None:
    recognizer, engine = scripted(ScriptedSpeech(""))
    once = ScriptedSpeech("Номер не существует.", words_share=0.8)
    misrecognized = replace(
        once, text="Иввините номер не существует. Иввините номер не существует.", confidence=0.3
    )
    for last, outcome in (
        (once, CallOutcome.DOES_NOT_EXIST),
        (replace(once, text="Номер временно не существует."), CallOutcome.UNDETERMINED),
    ):
        answers = {1.0: misrecognized, 1.07: misrecognized, 0.5: once, 0.0: last}
        longest: list[float] = []

        def listen(
            audio: Audio,
            answers: dict[float, ScriptedSpeech] = answers,
            longest: list[float] = longest,
        ) -> ScriptedUtterance:
            longest.append(audio.duration_s)
            n_heard = len(longest)
            is_half = audio.duration_s < 0.7 * longest[0]
            share = (0.5 if audio.start_s < 1.0 else 0.0) if is_half else (1.0, 1.07)[n_heard > 1]
            return ScriptedUtterance(answers[share], audio)

        engine.listen = listen  # type: ignore[method-assign]
        report = recognizer.recognize(SAMPLES / "1-does-not-exist-human.wav")
        assert report.outcome is not None
        assert report.outcome.kind is outcome
