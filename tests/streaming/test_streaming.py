"""A call that is going on: when its verdict is final, and that it is the recording's."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_stand_ins import write_t_one
from scripted_recognizer import scripted_recognizer

from recognizer import Recognizer
from recognizer.audio import read_audio
from recognizer.engines.base import Engine, Utterance
from recognizer.engines.t_one import TOneEngine
from recognizer.model import AcousticScore, Audio, CallOutcome, Samples, Transcript, Word
from recognizer.streaming import LiveChannel, SettleRules

CALLS = Path(__file__).parents[1] / "data" / "calls"
RATE = 16_000
WORD_S = 0.5


class Speaker:
    """An engine that hears words said one after another, half a second each, from a moment on.

    `made_up` is heard as the last word while less than `until_s` seconds of sound are there, and
    nothing is sure before `doubtful_until_s`.
    """

    name = "scripted"
    model = "script"

    def __init__(
        self, text: str, *, made_up: str = "", until_s: float = 0.0, doubtful_until_s: float = 0.0
    ) -> None:
        self.words = text.split()
        self.doubtful_until_s = doubtful_until_s
        self.made_up, self.until_s = made_up, until_s
        self.n_heard = 0

    def listen(self, audio: Audio) -> Said:
        self.n_heard += 1
        end_s = audio.start_s + audio.duration_s
        said = [
            Word(word, n * WORD_S, min((n + 1) * WORD_S, end_s), 0.95)
            for n, word in enumerate(self.words)
            if audio.start_s <= n * WORD_S < end_s - 0.1
        ]
        if self.made_up and end_s < self.until_s:
            said.append(Word(self.made_up, end_s - 0.1, end_s, 0.95))
        return Said(said, loss=-3.6 if end_s < self.doubtful_until_s else 0.0)

    def transcribe_together(self, utterances: Sequence[Utterance]) -> None:
        pass


class Said:
    def __init__(self, words: Sequence[Word], *, loss: float = 0.0) -> None:
        self.loss = loss
        text = " ".join(word.text for word in words)
        self.transcript = Transcript(text, tuple(words), "ru", "scripted", "script", 0.95)

    def rest_after(self, text: str) -> str:
        return ""

    def language_probability(self, language: str) -> float | None:
        return None

    def find(self, wordings: Sequence[str]) -> tuple[float, ...] | None:
        return None

    def score(self, wordings: Sequence[str]) -> tuple[AcousticScore, ...]:
        return tuple(self._score(text) for text in wordings)

    def _score(self, text: str) -> AcousticScore:
        n = len(text.split())
        share = self.loss if text == self.transcript.text else -5.0
        return AcousticScore(text, share * n, (share,) * n, (share,) * n)


@pytest.fixture(scope="module")
def speech() -> Samples:
    """Somebody who speaks without a pause, for six seconds."""
    voice = read_audio(CALLS / "announcements" / "company-ivr.wav", sample_rate=RATE).samples
    return np.concatenate([voice[: 3 * RATE], voice[: 3 * RATE]])


def recognizer(engine: Engine) -> Recognizer:
    this = copy.copy(scripted_recognizer())
    this.engine = engine
    return this


def played(channel: LiveChannel, sound: Samples, *, is_late: bool = False) -> float | None:
    """Push sound in pieces of 20 ms; return when the verdict was final."""
    for start in range(0, len(sound), 320):
        channel.push(sound[start : start + 320], RATE, is_late=is_late)
        if channel.final is not None:
            return channel.duration_s
    return None


def outcome(channel: LiveChannel) -> CallOutcome | None:
    report = channel.final
    return None if report is None or report.outcome is None else report.outcome.kind


def with_pause(speech: Samples, seconds: float, *, spoken_s: float) -> Samples:
    return np.concatenate([speech[: round(spoken_s * RATE)], np.zeros(round(seconds * RATE))])


def test_a_retry_is_final_while_it_is_said(speech: Samples) -> None:
    engine = Speaker("Абонент временно заблокирован. Перезвоните, пожалуйста, позднее. Спасибо.")
    channel = LiveChannel(recognizer(engine), "live:1")
    final_s = played(channel, speech)
    assert final_s is not None
    assert 3 * WORD_S < final_s < 6 * WORD_S
    assert outcome(channel) is CallOutcome.TEMPORARILY_BLOCKED


def test_a_retry_that_was_doubtful_when_first_heard_is_final_once_it_is_sure(
    speech: Samples,
) -> None:
    engine = Speaker(
        "Абонент временно заблокирован. Перезвоните, пожалуйста, позднее. Спасибо. До свидания.",
        doubtful_until_s=2.3,
    )
    rules = SettleRules(min_confidence=0.984)  # between what the two hearings are worth
    channel = LiveChannel(recognizer(engine), "live:1", rules=rules)
    final_s = played(channel, speech)
    assert final_s is not None
    assert 2.3 <= final_s < 3.5
    assert outcome(channel) is CallOutcome.TEMPORARILY_BLOCKED


def test_what_can_be_no_retry_is_heard_seldom_while_it_is_said(speech: Samples) -> None:
    engine = Speaker("Вы позвонили на голосовую почту. Оставьте сообщение после звукового сигнала.")
    channel = LiveChannel(recognizer(engine), "live:1")
    assert played(channel, speech) is None
    assert engine.n_heard <= 4


def test_a_word_made_up_at_the_end_of_the_sound_decides_nothing(speech: Samples) -> None:
    engine = Speaker("Номер временно заблокирован. Перезвоните позднее.")
    engine.words[2:2] = ["пока"]
    engine.made_up, engine.until_s = "недоступен", 1.9
    channel = LiveChannel(recognizer(engine), "live:1")
    assert played(channel, speech) is not None
    assert outcome(channel) is CallOutcome.TEMPORARILY_BLOCKED


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "spoken_s", "first_s", "last_s"),
    [
        # Settled: a pause ends it. Not settled («временно» may follow): a longer one.
        ("Набранный вами номер не существует", 2.5, 2.5, 3.5),
        ("Абонент заблокирован", 1.0, 2.6, 3.7),
    ],
)
def test_a_mark_waits_for_the_pause_after_it(
    speech: Samples, said: str, spoken_s: float, first_s: float, last_s: float
) -> None:
    engine = Speaker(said)
    while_said = LiveChannel(recognizer(engine), "live:1")
    assert played(while_said, speech[: round(spoken_s * RATE)]) is None
    channel = LiveChannel(recognizer(engine), "live:2")
    final_s = played(channel, with_pause(speech, 4.0, spoken_s=spoken_s))
    assert final_s is not None
    assert first_s <= final_s <= last_s


def test_a_mark_that_goes_on_after_a_pause_is_not_final(speech: Samples) -> None:
    engine = Speaker("Этот номер больше не используется . . мужем, это мой телефон.")
    sound = np.concatenate([with_pause(speech, 1.0, spoken_s=2.5), speech[: 2 * RATE]])
    channel = LiveChannel(recognizer(engine), "live:1")
    assert played(channel, sound) is None or outcome(channel) is CallOutcome.LIVE_PERSON


def test_the_end_is_what_a_recording_of_the_call_comes_to(speech: Samples) -> None:
    engine = Speaker("Аппарат абонента выключен или находится вне зоны действия сети.")
    channel = LiveChannel(recognizer(engine), "live:1")
    for start in range(0, len(speech), 320):
        channel.push(speech[start : start + 320], RATE)
    whole = channel.finish()
    assert whole.outcome is not None
    assert whole.outcome.kind is outcome(channel) is CallOutcome.SWITCHED_OFF_OR_OUT_OF_COVERAGE


def test_a_late_channel_hears_each_utterance_once(speech: Samples) -> None:
    engine = Speaker("Аппарат абонента выключен или находится вне зоны действия сети.")
    channel = LiveChannel(recognizer(engine), "live:1")
    sound = with_pause(speech, 3.0, spoken_s=5.0)
    final_s = played(channel, sound, is_late=True)
    assert final_s is not None
    assert final_s > 6.0
    channel.finish()
    assert engine.n_heard == 1


def test_short_beeps_are_final_within_two_periods() -> None:
    at = np.arange(6 * RATE) / RATE
    beeps = (0.2 * np.sin(2 * np.pi * 425 * at) * (at % 0.7 < 0.35)).astype(np.float32)
    channel = LiveChannel(recognizer(Speaker("")), "live:1")
    final_s = played(channel, beeps)
    assert final_s is not None
    assert final_s <= 2 * 0.7 + 0.3
    assert outcome(channel) is CallOutcome.BUSY_TONE


class CountingEngine(TOneEngine):
    """Counts the chunks of 300 ms that it hears."""

    n_chunks = 0

    def advance(self, *given: Any) -> Any:
        self.n_chunks += 1
        return super().advance(*given)


@pytest.mark.slow
def test_an_engine_that_keeps_its_work_hears_a_growing_utterance_once(
    speech: Samples, tmp_path: Path
) -> None:
    said = "абонент временно заблокирован перезвоните пожалуйста позднее"
    engine = CountingEngine(write_t_one(tmp_path / "t-one", said).parent)
    spoken = recognizer(engine)
    sound = with_pause(speech, 2.0, spoken_s=6.0)
    channel = LiveChannel(spoken, "live:1")
    n_looks = 0
    for start in range(0, len(sound), 320):
        before = engine.n_chunks
        channel.push(sound[start : start + 320], RATE)
        n_looks += engine.n_chunks > before
    assert outcome(channel) is CallOutcome.TEMPORARILY_BLOCKED
    channel.finish()
    n_needed = len(sound) / RATE / 0.3
    n_ends = 3 * (n_looks + 1)  # the silence that each look and the end add
    assert engine.n_chunks <= n_needed + n_ends


@pytest.mark.slow
@pytest.mark.parametrize("sound", ["ringing", "silence", "noise"])
def test_what_says_nothing_is_never_final(sound: str) -> None:
    at = np.arange(12 * RATE) / RATE
    noise = np.random.default_rng(5).standard_normal(len(at)).astype(np.float32)
    played_back = {
        "ringing": 0.2 * np.sin(2 * np.pi * 425 * at) * (at % 5 < 1),
        "silence": 0 * at,
        "noise": 0.003 * noise,
    }[sound].astype(np.float32)
    channel = LiveChannel(recognizer(Speaker("Номер не существует")), "live:1")
    assert played(channel, played_back) is None
