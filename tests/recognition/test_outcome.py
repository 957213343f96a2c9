from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pytest
from fakes import ScriptedEngine, ScriptedSpeech
from phrase_lists import shipped_judge, shipped_matcher, shipped_verifier
from telephone_sounds import RATE, join, pause, white_noise
from telephone_sounds import tone as sine

from recognizer.audio import open_audio
from recognizer.model import (
    Audio,
    Cadence,
    CallOutcome,
    Outcome,
    PhraseListName,
    Samples,
    Segment,
    SegmentKind,
    ToneEvent,
    ToneKind,
    Veto,
    VetoEffect,
    phrase_list_of,
)
from recognizer.recognition.calibration import EngineFit, load_calibration
from recognizer.recognition.outcome import decide_call, on_one_scale
from recognizer.recognition.utterance_classifier import UtteranceClassifier
from recognizer.recognition.verdicts import SpokenVerdict
from recognizer.recognition.verification import Verifier
from recognizer.signals.scanner import Scanner
from recognizer.signals.tone_plans import load_known_tones

FOREIGN = Veto("foreign-language", VetoEffect.UNDETERMINED, "not Russian", "не по-русски")


@pytest.fixture(scope="module")
def judge() -> UtteranceClassifier:
    return shipped_judge()


# Regulation, section G, and the two sentences of a live person under it.
@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("абонент временно заблокирован", CallOutcome.TEMPORARILY_BLOCKED),
        ("абонент заблокирован", CallOutcome.BLOCKED),
        ("номер временно заблокирован", CallOutcome.TEMPORARILY_BLOCKED),
        ("обслуживание номера временно приостановлено", CallOutcome.SERVICE_SUSPENDED),
        ("номер не обслуживается", CallOutcome.NOT_IN_SERVICE),
        ("номер временно недоступен", CallOutcome.TEMPORARILY_UNAVAILABLE),
        ("номер не существует", CallOutcome.DOES_NOT_EXIST),
        ("номер не зарегистрирован в сети", CallOutcome.NOT_REGISTERED),
        ("номер не используется", CallOutcome.NOT_IN_SERVICE),
        ("номер телефона доступен для приобретения", CallOutcome.AVAILABLE_FOR_PURCHASE),
        ("данный вид связи недоступен", CallOutcome.SERVICE_TYPE_UNAVAILABLE),
        ("ваш номер заблокирован", CallOutcome.CALLER_RESTRICTED),
        ("карту временно заблокировали", CallOutcome.LIVE_PERSON),
        ("этот номер больше не используется мужем", CallOutcome.LIVE_PERSON),
    ],
)
def test_fixed_pair_of_the_regulation(
    judge: UtteranceClassifier, text: str, outcome: CallOutcome
) -> None:
    assert judge.judge_text(text).outcome is outcome


@pytest.mark.parametrize(
    "text",
    [
        "Уважаемый абонент вашу номер заблокирован не сеты оплату.",
        "уважаемый абонент вашь номер заблокирован",
        "дременно номер заблокирован",
    ],
)
def test_a_word_beside_that_may_reverse_a_wording_takes_the_mark_away(
    judge: UtteranceClassifier, text: str
) -> None:
    assert phrase_list_of(judge.judge_text(text).outcome) is not PhraseListName.INVALID_NUMBER
    sure = ScriptedSpeech(text, scores={})
    heard = shipped_verifier().hear(
        ScriptedEngine(default=sure).listen(Audio(np.zeros(48_000, np.float32), 16_000))
    )
    assert phrase_list_of(judge.judge(heard).outcome) is not PhraseListName.INVALID_NUMBER


@pytest.mark.parametrize(
    "text",
    [
        "алло номер заблокирован говорите",
        "у меня номер был заблокирован в банке",
        "да вы неправильно набрали номер девушка",
        "мой старый номер не существует уже год",
        "я говорю абонент заблокирован мне так сказали",
        "такого человека тут не существует",
        "номер машины заблокирован в базе",
        "пустые конференции не существует",
        "других аналогичных записей не существует",
        "конференция заблокирована",
        "такого номера не существует у нас в компании вы что-то путаете",
        "номер не обслуживается у них в сервисе уже давно",
        "абонент заблокирован так мне ответили вчера",
        "жена сменила телефон этот номер больше не обслуживается она сказала",
        "вы неправильно набрали номер это не автосервис",
        "вы неправильно набрали номер",
        "неправильно набран номер это не автосервис",
        "такого номера не существует это не контора",
        "номер набран неправильно тут не офис",
    ],
)
def test_person_with_trigger_words_never_gets_a_mark(judge: UtteranceClassifier, text: str) -> None:
    outcome = judge.judge_text(text).outcome
    assert phrase_list_of(outcome) is not PhraseListName.INVALID_NUMBER


@pytest.mark.parametrize(
    "text",
    [
        "номер набрали неправильно наверное",
        "у него телефон отключен мы сами дозвониться не можем",
        "абонент занят шучу это я",
        "доступ временно заблокирован пишет",
        "занят перезвоните",
        "муж сейчас вне зоны доступа на рыбалке",
        "перезваниваю а мне говорят номер не обслуживается",
    ],
)
def test_person_with_the_words_of_an_announcement_gets_no_status(
    judge: UtteranceClassifier, text: str
) -> None:
    assert judge.judge_text(text).outcome in {CallOutcome.LIVE_PERSON, CallOutcome.UNDETERMINED}


@pytest.mark.parametrize(
    "text", ["Продолжение следует...", "Субтитры сделал Имярек", "ПЕСНЯ", "Спасибо за просмотр!"]
)
def test_what_recognisers_make_up_is_nobodys_words(judge: UtteranceClassifier, text: str) -> None:
    assert judge.judge_text(text).outcome is CallOutcome.UNDETERMINED
    spoken = judge.judge_text(f"Алло, да, слушаю вас. {text.split(maxsplit=1)[0]}")
    assert spoken.outcome is CallOutcome.LIVE_PERSON


def test_hello_after_a_menu_is_a_person(judge: UtteranceClassifier) -> None:
    menu = "для связи с отделом продаж нажмите два"
    assert judge.judge_text(menu).outcome is CallOutcome.COMPANY_IVR
    assert judge.judge_text(f"{menu} алло").outcome is CallOutcome.LIVE_PERSON


def test_advice_that_denies_what_carriers_deny_leaves_the_mark(judge: UtteranceClassifier) -> None:
    advised = "номер не существует пожалуйста уточните номер абонент не обслуживается"
    assert phrase_list_of(judge.judge_text(advised).outcome) is PhraseListName.INVALID_NUMBER


def test_one_word_of_a_person_beside_a_wording_takes_the_mark_away(
    judge: UtteranceClassifier,
) -> None:
    assert judge.judge_text("номер набран неправильно").outcome is CallOutcome.MISDIALLED
    beside = judge.judge_text("номер набран неправильно наверное")
    assert beside.outcome is CallOutcome.UNDETERMINED


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (
            "абонент временно недоступен the subscriber is temporarily unavailable",
            CallOutcome.TEMPORARILY_UNAVAILABLE,
        ),
        (
            "здравствуйте вы позвонили в компанию нажмите один соединяю алло да слушаю вас",
            CallOutcome.LIVE_PERSON,
        ),
        (
            "абонент не отвечает оставьте сообщение после сигнала",
            CallOutcome.VOICEMAIL,
        ),
        (
            "продолжаем дозваниваться до абонента телефон абонента выключен",
            CallOutcome.SWITCHED_OFF_OR_OUT_OF_COVERAGE,
        ),
    ],
)
def test_transcript_with_several_things_gives_the_one_that_decides(
    judge: UtteranceClassifier, text: str, outcome: CallOutcome
) -> None:
    assert judge.judge_text(text).outcome is outcome


@pytest.mark.parametrize("text", ["", "   ", "э", "...", "42", "hello there"])
def test_text_that_says_nothing_gets_no_announcement(judge: UtteranceClassifier, text: str) -> None:
    assert judge.judge_text(text).outcome in {CallOutcome.UNDETERMINED, CallOutcome.LIVE_PERSON}


def verdict(outcome: CallOutcome, confidence: float = 0.95) -> SpokenVerdict:
    return SpokenVerdict(outcome, confidence, None, None)


@pytest.mark.parametrize(
    ("heard", "outcome"),
    [
        ([CallOutcome.COMPANY_IVR, CallOutcome.LIVE_PERSON], CallOutcome.LIVE_PERSON),
        ([CallOutcome.LIVE_PERSON, CallOutcome.BLOCKED], CallOutcome.LIVE_PERSON),
        ([CallOutcome.CALL_PROGRESS, CallOutcome.DOES_NOT_EXIST], CallOutcome.DOES_NOT_EXIST),
        ([CallOutcome.BLOCKED, CallOutcome.TEMPORARILY_BLOCKED], CallOutcome.TEMPORARILY_BLOCKED),
        ([CallOutcome.BLOCKED, CallOutcome.CALLER_RESTRICTED], CallOutcome.CALLER_RESTRICTED),
        ([CallOutcome.UNDETERMINED, CallOutcome.NO_ANSWER], CallOutcome.NO_ANSWER),
    ],
)
def test_what_decides_among_several_utterances(
    heard: list[CallOutcome], outcome: CallOutcome
) -> None:
    found, deciding = decide_call(20.0, (), (), [verdict(kind) for kind in heard])
    assert found.kind is outcome
    assert deciding is not None


def test_no_mark_where_more_was_said_that_was_not_understood() -> None:
    heard = [verdict(CallOutcome.BLOCKED), verdict(CallOutcome.UNDETERMINED)]
    assert decide_call(20.0, (), (), heard)[0].kind is CallOutcome.UNDETERMINED


def test_a_foreign_half_does_not_take_the_mark_away() -> None:
    english = replace(verdict(CallOutcome.UNDETERMINED), is_foreign=True)
    found, _ = decide_call(20.0, (), (), [verdict(CallOutcome.BLOCKED), english])
    assert found.kind is CallOutcome.BLOCKED


def test_a_person_whose_words_were_taken_for_another_language_takes_the_mark_away() -> None:
    demoted = verdict(CallOutcome.LIVE_PERSON).vetoed([FOREIGN])
    heard = [verdict(CallOutcome.BLOCKED), replace(demoted, is_foreign=True)]
    assert decide_call(20.0, (), (), heard)[0].kind is CallOutcome.UNDETERMINED


@pytest.mark.parametrize(
    ("russian", "outcome"),
    [
        (CallOutcome.VOICEMAIL, CallOutcome.UNDETERMINED),
        (CallOutcome.LIVE_PERSON, CallOutcome.UNDETERMINED),
        (CallOutcome.TEMPORARILY_UNAVAILABLE, CallOutcome.TEMPORARILY_UNAVAILABLE),
    ],
)
def test_of_a_long_talk_in_another_language_one_utterance_decides_nothing_unless_a_carriers(
    russian: CallOutcome, outcome: CallOutcome
) -> None:
    english = replace(verdict(CallOutcome.UNDETERMINED), is_foreign=True)
    heard = [english, replace(verdict(russian), confidence=0.6), english, english]
    assert decide_call(160.0, (), (), heard)[0].kind is outcome


def tone(kind: ToneKind, start_s: float, end_s: float, n_periods: int) -> ToneEvent:
    return ToneEvent(kind, start_s, end_s, (425.0,), Cadence((1000, 4000)), n_periods, -20.0)


def sound(kind: SegmentKind, start_s: float, end_s: float) -> Segment:
    return Segment(kind, start_s, end_s, -20.0)


@pytest.mark.parametrize(
    ("duration_s", "tones", "segments", "outcome"),
    [
        (30.0, [tone(ToneKind.RINGBACK, 0, 26, 6)], [], CallOutcome.RINGBACK_ONLY),
        (6.0, [tone(ToneKind.BUSY, 0, 6, 8)], [], CallOutcome.BUSY_TONE),
        (6.0, [tone(ToneKind.CONGESTION, 0, 6, 15)], [], CallOutcome.BUSY_TONE),
        (
            14.0,
            [tone(ToneKind.RINGBACK, 0, 6, 2), tone(ToneKind.BUSY, 8, 14, 8)],
            [],
            CallOutcome.BUSY_TONE,
        ),
        (
            40.0,
            [tone(ToneKind.RINGBACK, 0, 31, 7), tone(ToneKind.BUSY, 34, 40, 8)],
            [],
            CallOutcome.RINGBACK_ONLY,
        ),
        (9.0, [tone(ToneKind.FAX, 1, 5, 2)], [], CallOutcome.FAX),
        (20.0, [], [sound(SegmentKind.MUSIC, 1, 19)], CallOutcome.MUSIC),
        (20.0, [], [sound(SegmentKind.SILENCE, 0, 20)], CallOutcome.SILENCE),
        (1.0, [], [sound(SegmentKind.SILENCE, 0, 1)], CallOutcome.DISCONNECTED),
        (20.0, [], [sound(SegmentKind.NOISE, 0, 20)], CallOutcome.UNDETERMINED),
        (
            20.0,
            [tone(ToneKind.RINGBACK, 0, 11, 3)],
            [sound(SegmentKind.NOISE, 11, 20)],
            CallOutcome.UNDETERMINED,
        ),
        (0.0, [], [], CallOutcome.DISCONNECTED),
    ],
)
def test_call_without_speech_is_what_its_sounds_say(
    duration_s: float, tones: list[ToneEvent], segments: list[Segment], outcome: CallOutcome
) -> None:
    found, deciding = decide_call(duration_s, tones, segments, [])
    assert found.kind is outcome
    assert deciding is None


def bursts(on_s: float, off_s: float, seconds: float, level_dbfs: float) -> Samples:
    """Return noise that comes and goes, as of cloth or breath at a microphone."""
    n = round(seconds / (on_s + off_s))
    return join(
        *(join(white_noise(round(on_s * RATE), level_dbfs, k), pause(off_s)) for k in range(n))
    )


def what_a_recording_comes_to(samples: Samples) -> CallOutcome:
    scanner = Scanner(load_known_tones(), RATE)
    scanner.push(Audio(samples, RATE))
    scan = scanner.finish()
    assert not scan.has_speech
    found, _ = decide_call(
        scan.duration_s,
        scan.tones,
        scan.segments,
        [],
        unknown=scan.unknown,
    )
    return found.kind


@pytest.mark.parametrize("seconds", [0.6, 1.8, 2.9])
@pytest.mark.parametrize(
    ("on_s", "off_s"), [(0.05, 0.1), (0.08, 0.12), (0.3, 0.3), (0.6, 0.0), (0.02, 0.01)]
)
@pytest.mark.parametrize("level_dbfs", [-40.0, -15.0])
def test_a_short_recording_with_noise_in_it_is_no_dropped_call(
    seconds: float, on_s: float, off_s: float, level_dbfs: float
) -> None:
    sound = bursts(on_s, off_s, seconds, level_dbfs)
    assert what_a_recording_comes_to(sound) is CallOutcome.UNDETERMINED


@pytest.mark.parametrize("seconds", [3.5, 5.0])
def test_a_longer_recording_full_of_short_noises_is_not_silent(seconds: float) -> None:
    assert what_a_recording_comes_to(bursts(0.1, 0.1, seconds, -30)) is CallOutcome.UNDETERMINED


@pytest.mark.parametrize(("seconds", "outcome"), [(1.0, "disconnected"), (5.0, "silence")])
@pytest.mark.parametrize(
    "noise",
    [
        pause(0.0),
        white_noise(40, -12),
        join(white_noise(80, -12), pause(0.3), white_noise(80, -15)),
        sine(50, 0.5, -20),
    ],
    ids=["nothing", "a click", "a hook", "hum"],
)
def test_a_click_or_hum_before_the_end_is_nothing(
    noise: Samples, seconds: float, outcome: str
) -> None:
    sound = join(pause(0.2), noise, pause(seconds)) + white_noise(
        round((seconds + 0.2) * RATE) + len(noise), -65
    )
    assert what_a_recording_comes_to(sound) is CallOutcome(outcome)


HALF_A_SIT = join(sine(950, 0.33), sine(1400, 0.33))


@pytest.mark.parametrize("seconds", [2.0, 3.0, 10.0, 30.0])
@pytest.mark.parametrize("level_dbfs", [-25.0, 0.0])
@pytest.mark.parametrize(
    "signal",
    [
        HALF_A_SIT,
        sine(440, 0.7) + sine(480, 0.7),
        join(sine(400, 0.4) + sine(450, 0.4), pause(0.2), sine(400, 0.4) + sine(450, 0.4)),
        sine(523, 0.7) + sine(659, 0.7) + sine(784, 0.7),
        join(*(join(sine(400, 0.1), pause(0.2)) for _ in range(3))),
    ],
    ids=["half a sit", "half a ring", "one ring abroad", "a chord", "three pips"],
)
def test_silence_with_a_tone_in_it_that_no_plan_knows_is_not_silence(
    signal: Samples, level_dbfs: float, seconds: float
) -> None:
    sound = join(pause(0.5), signal * np.float32(10 ** (level_dbfs / 20)), pause(seconds))
    sound += white_noise(len(sound), -70)
    assert what_a_recording_comes_to(sound) is CallOutcome.UNDETERMINED


def swept(seconds: float, rate_hz: float, *, is_square: bool) -> Samples:
    """Return a siren between 600 and 1000 Hz, at full scale."""
    swing = np.sin(2 * np.pi * rate_hz * np.arange(round(seconds * RATE)) / RATE)
    hz = 800 + 200 * (np.sign(swing) if is_square else swing)
    return np.sin(2 * np.pi * np.cumsum(hz) / RATE).astype(np.float32)


def modulated(hz: float, rate_hz: float, seconds: float) -> Samples:
    swell = 1 + 0.9 * np.sin(2 * np.pi * rate_hz * np.arange(round(seconds * RATE)) / RATE)
    return (sine(hz, seconds) * swell / 1.9).astype(np.float32)


# Made anew for every length: what sounds all the time, and is none of the signals of a plan.
UNKNOWN_SOUNDS: dict[str, Callable[[float], Samples]] = {
    **{
        f"{hz} Hz": partial(sine, hz, level_dbfs=-3)
        for hz in (150, 200, 300, 700, 1000, 2000, 2700, 3000, 3400)
    },
    "600 and 1500 Hz": lambda s: sine(600, s, -9) + sine(1500, s, -9),
    "two-tone siren": lambda s: swept(s, 1.0, is_square=True),
    "wailing siren": lambda s: swept(s, 0.4, is_square=False),
    "yelping siren": lambda s: swept(s, 4.0, is_square=False),
    "trembling 1000 Hz": lambda s: modulated(1000, 8, s),
    "trembling 3000 Hz": lambda s: modulated(3000, 20, s),
}


@pytest.mark.parametrize("level_dbfs", [-45.0, -30.0, -10.0])
@pytest.mark.parametrize("seconds", [5.0, 20.0])
@pytest.mark.parametrize("around_s", [0.0, 4.0])
@pytest.mark.parametrize("name", UNKNOWN_SOUNDS)
def test_sound_that_fills_a_recording_and_that_no_plan_knows_is_not_silence(
    name: str, around_s: float, seconds: float, level_dbfs: float
) -> None:
    if name in {"150 Hz", "200 Hz"}:  # softer, it is on many a line; louder, a recogniser hears it
        level_dbfs = -30.0
    sound = UNKNOWN_SOUNDS[name](seconds)
    sound *= np.float32(10 ** (level_dbfs / 20) / np.sqrt(np.mean(sound**2)))
    sound = join(pause(around_s), sound, pause(around_s))
    sound += white_noise(len(sound), -66)
    assert what_a_recording_comes_to(sound) is CallOutcome.UNDETERMINED


def test_a_melody_over_chords_is_music_and_no_siren() -> None:
    folder = Path(__file__).parents[1] / "data" / "calls" / "signals"
    for name in ("music.ogg", "music-gsm.gsm"):
        with open_audio(folder / name, sample_rate=RATE) as reader:
            samples = np.concatenate([block.samples for block in reader.blocks()])
        assert what_a_recording_comes_to(samples) is CallOutcome.MUSIC


@pytest.mark.parametrize("hz", [2700, 3000, 3400, 3600])
@pytest.mark.parametrize("level_dbfs", [-40.0, -12.0])
def test_a_short_high_tone_in_silence_is_not_silence(hz: float, level_dbfs: float) -> None:
    sound = join(pause(1.0), sine(hz, 0.4, level_dbfs), pause(15.0))
    sound += white_noise(len(sound), -70)
    assert what_a_recording_comes_to(sound) is CallOutcome.UNDETERMINED


@pytest.mark.parametrize(
    "noise",
    [
        pause(10.0),
        white_noise(10 * RATE, -60),
        sine(50, 10.0, -30),
        sum((sine(50 * k, 10.0, -60 - 2 * k) for k in (1, 2, 3, 5, 7)), pause(10.0)),
        sine(150, 10.0, -50),
        sine(3000, 10.0, -60),
    ],
    ids=["digital", "line noise", "50 Hz", "soft hum", "soft third harmonic", "a whistle"],
)
def test_what_is_hardly_heard_is_silence(noise: Samples) -> None:
    sound = noise + white_noise(len(noise), -70)
    assert what_a_recording_comes_to(sound) is CallOutcome.SILENCE


@pytest.mark.parametrize("n_rings", [2, 5])
@pytest.mark.parametrize("gap_s", [0.0, 1.0, 3.0])
@pytest.mark.parametrize(
    "signal",
    [HALF_A_SIT, sine(950, 0.33), sine(523, 0.7) + sine(659, 0.7), sine(3000, 0.5)],
    ids=["half a sit", "a third of one", "two notes", "a whistle"],
)
def test_a_signal_that_no_plan_knows_after_ringing_is_not_nobody_who_answers(
    signal: Samples, gap_s: float, n_rings: int
) -> None:
    ring = join(sine(425, 1.0, -20), pause(4.0))
    sound = join(pause(0.5), *[ring] * n_rings, pause(gap_s), signal * np.float32(0.1), pause(2.0))
    sound += white_noise(len(sound), -66)
    assert what_a_recording_comes_to(sound) is not CallOutcome.RINGBACK_ONLY
    rings = sound[: round((0.5 + 5.0 * n_rings) * RATE)]
    assert what_a_recording_comes_to(rings) is CallOutcome.RINGBACK_ONLY


@pytest.mark.parametrize("n", [3, 12])
def test_silence_with_clicks_in_it_is_silence(n: int) -> None:
    clicks = (join(white_noise(60, -15, k), pause(1.0)) for k in range(n))
    sound = join(*clicks, pause(3.0))
    assert what_a_recording_comes_to(sound) is CallOutcome.SILENCE


@pytest.mark.parametrize("n_rings", [1, 5])
def test_ringing_before_the_tones_of_an_announcement_is_not_unanswered(n_rings: int) -> None:
    tones = [tone(ToneKind.RINGBACK, 0, 5.0 * n_rings - 4, n_rings)]
    end_s = 5.0 * n_rings
    after = [*tones, tone(ToneKind.SIT, end_s, end_s + 1, 1)]
    found = [decide_call(end_s + 4, t, [], [])[0].kind for t in (tones, after)]
    assert found == [CallOutcome.RINGBACK_ONLY, CallOutcome.UNDETERMINED]


def test_one_beep_is_less_certain_than_a_cadence() -> None:
    one, _ = decide_call(3.0, [tone(ToneKind.RINGBACK, 0, 1, 1)], [], [])
    many, _ = decide_call(30.0, [tone(ToneKind.RINGBACK, 0, 26, 6)], [], [])
    assert one.confidence < many.confidence


# ---- speech whose wordings were compared with the sound -----------------------------------------


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return shipped_verifier()


@pytest.fixture(scope="module")
def listening_judge() -> UtteranceClassifier:
    """Believe the scripted engine as Whisper is believed."""
    calibration = load_calibration()
    fitted = EngineFit(
        engine="scripted",
        model="script",
        mark_cutoff=calibration.mark_cutoff,
        min_heard_logprob=calibration.min_heard_logprob,
        unclear_probability=calibration.unclear_probability,
        coefficients=calibration.whisper,
    )
    return UtteranceClassifier(
        shipped_matcher(),
        msgspec.structs.replace(calibration, fits={"scripted": fitted}),
    )


def judged(
    judge: UtteranceClassifier, verifier: Verifier, text: str, scores: Mapping[str, float]
) -> SpokenVerdict:
    audio = Audio(np.zeros(64_000, np.float32), 16_000)
    engine = ScriptedEngine(default=ScriptedSpeech(text, scores))
    return judge.judge(verifier.hear(engine.listen(audio)))


def test_wording_that_the_sound_confirms_is_believed(
    listening_judge: UtteranceClassifier, verifier: Verifier
) -> None:
    scores = {"Номер не существует.": -1.0}
    verdict = judged(listening_judge, verifier, "Номер не существует.", scores)
    assert verdict.outcome is CallOutcome.DOES_NOT_EXIST
    assert verdict.match is not None
    assert (verdict.match.start_s, verdict.match.end_s) == (0.0, 4.0)


@pytest.mark.parametrize(
    ("rival", "outcome"), [(-20.0, CallOutcome.NOT_IN_SERVICE), (-2.0, CallOutcome.UNDETERMINED)]
)
def test_a_sentence_that_no_list_has_marks_only_where_the_sound_has_no_rival(
    listening_judge: UtteranceClassifier, verifier: Verifier, rival: float, outcome: CallOutcome
) -> None:
    text = "Номер, который вы набираете, выведен из эксплуатации."
    other = "Номер, который вы набираете, временно выведен из эксплуатации."
    verdict = judged(listening_judge, verifier, text, {text: -1.0, other: rival})
    assert verdict.outcome is outcome


def test_wording_that_the_sound_confirms_is_believed_however_it_was_spelt(
    listening_judge: UtteranceClassifier, verifier: Verifier
) -> None:
    text, spoken = "Абонен визирегистрирован в сети.", "Абонент не зарегистрирован в сети."
    verdict = judged(listening_judge, verifier, text, {text: -5.0, spoken: -4.0})
    assert verdict.outcome is CallOutcome.NOT_REGISTERED


def test_wording_far_behind_what_was_heard_is_not_believed(
    listening_judge: UtteranceClassifier, verifier: Verifier
) -> None:
    text = "Записей не существует."
    verdict = judged(listening_judge, verifier, text, {text: -1.0, "Номер не существует.": -25.0})
    assert verdict.outcome not in {CallOutcome.DOES_NOT_EXIST, CallOutcome.LIVE_PERSON}
    assert phrase_list_of(verdict.outcome) is None


@pytest.mark.parametrize(
    ("rest", "outcome"),
    [
        ("Проверьте номеры, попробуйте еще раз.", CallOutcome.MISDIALLED),
        ("Это не автосервис.", CallOutcome.UNDETERMINED),
        ("", CallOutcome.UNDETERMINED),
    ],
)
def test_what_people_say_too_is_an_announcement_only_with_its_advice(
    listening_judge: UtteranceClassifier, verifier: Verifier, rest: str, outcome: CallOutcome
) -> None:
    text = f"Вы неправильно набрали номер. {rest}".strip()
    advised = "Вы неправильно набрали номер, проверьте номер и попробуйте ещё раз."
    verdict = judged(listening_judge, verifier, text, {text: -2.0, advised: -6.0})
    assert verdict.outcome is outcome


def test_similarity_of_words_alone_decides_nothing(
    listening_judge: UtteranceClassifier, verifier: Verifier
) -> None:
    # A prompt of a voicemail system, which begins as «вы не можете позвонить на этот номер» does.
    text = "Вы не можете ответить на это сообщение, так как отправитель не имеет почты."
    verdict = judged(listening_judge, verifier, text, {text: -2.0})
    assert verdict.outcome is not CallOutcome.CALLER_RESTRICTED


@pytest.mark.parametrize(
    ("confidence", "is_believed"),
    [pytest.param(0.9, False, id="clear"), pytest.param(0.4, True, id="misrecognized")],
)
def test_clear_words_that_no_carrier_uses_take_the_status_away(
    listening_judge: UtteranceClassifier, verifier: Verifier, confidence: float, is_believed: bool
) -> None:
    text = "Абонент временно недоступен. Возьму ручку, запишу."
    audio = Audio(np.zeros(64_000, np.float32), 16_000)
    speech = ScriptedSpeech(text, {text: -2.0}, confidence=confidence)
    verdict = listening_judge.judge(verifier.hear(ScriptedEngine(default=speech).listen(audio)))
    assert (verdict.outcome is CallOutcome.TEMPORARILY_UNAVAILABLE) is is_believed


def test_no_mark_where_a_person_may_speak_beside_the_wording(
    listening_judge: UtteranceClassifier, verifier: Verifier
) -> None:
    text = "Такого номера не существует у нас в компании, вы что-то путаете."
    verdict = judged(listening_judge, verifier, text, {text: -2.0})
    assert phrase_list_of(verdict.outcome) is not PhraseListName.INVALID_NUMBER


def test_sound_that_prefers_the_rival_takes_the_mark_away(
    listening_judge: UtteranceClassifier, verifier: Verifier
) -> None:
    text = "Номер заблокирован."
    verdict = judged(
        listening_judge, verifier, text, {text: -3.0, "Номер временно заблокирован.": -1.0}
    )
    assert verdict.outcome is CallOutcome.TEMPORARILY_BLOCKED


def test_what_was_considered_has_what_the_outcome_leaves_and_never_more_than_it() -> None:
    considered = [
        (CallOutcome.BLOCKED, 0.98),
        (CallOutcome.LINE_BUSY, 0.4),
        (CallOutcome.BLOCKED, 0.3),
        (CallOutcome.UNDETERMINED, 0.9),
    ]
    for kind, confidence in (
        (CallOutcome.UNDETERMINED, 0.5),
        (CallOutcome.LIVE_PERSON, 0.6),
        (CallOutcome.TEMPORARILY_BLOCKED, 0.3),
        (CallOutcome.TEMPORARILY_BLOCKED, 1.0),
    ):
        scaled = on_one_scale(Outcome(kind, confidence), considered)
        assert sum(p for _, p in scaled) <= 1.0 - confidence + 1e-3
        assert all(0.0 <= p <= confidence for _, p in scaled)
        assert not scaled or scaled[0][0] is CallOutcome.BLOCKED
    assert on_one_scale(Outcome(CallOutcome.BLOCKED, 0.9), ()) == ()


def test_a_call_that_is_not_decided_is_no_less_than_half_sure_of_that() -> None:
    unsure = replace(verdict(CallOutcome.UNDETERMINED), confidence=0.15)
    assert decide_call(20.0, (), (), [unsure])[0].confidence == 0.5
