"""A mark needs sound: what takes it away, and what does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from phrase_lists import shipped_book

from recognizer import Recognizer
from recognizer.audio import read_audio
from recognizer.model import (
    CallOutcome,
    GapKind,
    Phrase,
    PhraseListName,
    PhraseMatch,
    SoundGap,
    Transcript,
    Word,
    phrase_list_of,
)
from recognizer.recognition.sound_vetoes import veto_of_another_word, vetoes_of_sound

CALLS = Path(__file__).parents[1] / "data" / "calls"
BLOCKED = Phrase("b", "номер заблокирован", CallOutcome.BLOCKED, "ru", "a test")


def transcript(*words: tuple[str, float, float]) -> Transcript:
    spoken = tuple(Word(text, start, end, 0.9) for text, start, end in words)
    return Transcript(" ".join(w.text for w in spoken), spoken, "ru", "test", "test")


def vetoes(heard: Transcript, *gaps: SoundGap, first: int = 0) -> set[str]:
    match = PhraseMatch(BLOCKED, 90.0, first, len(heard.words))
    return {v.id for v in vetoes_of_sound(match, heard, gaps)}


WHOLE = (("Набранный", 0.0, 0.54), ("номер", 0.54, 0.9), ("заблокирован", 0.9, 1.7))


def test_whole_sound_takes_nothing_away() -> None:
    assert vetoes(transcript(*WHOLE), first=1) == set()


@pytest.mark.parametrize(("start_s", "end_s"), [(0.85, 1.0), (0.3, 0.5), (1.5, 1.75)])
def test_sound_lost_in_the_wording_or_right_before_it_takes_the_mark(
    start_s: float, end_s: float
) -> None:
    lost = SoundGap(GapKind.ZEROS, start_s, end_s)
    assert "lost-sound" in vetoes(transcript(*WHOLE), lost, first=1)


def test_sound_lost_long_after_the_wording_takes_nothing() -> None:
    lost = SoundGap(GapKind.ZEROS, 3.0, 3.5)
    assert vetoes(transcript(*WHOLE), lost, first=1) == set()


@pytest.mark.parametrize(
    "between",
    [
        (("номер", 0.5, 0.9), ("на", 0.9, 1.1), ("заблокирован", 1.1, 1.9)),
        (("номер", 0.5, 0.9), ("именно", 0.9, 1.1), ("заблокирован", 1.1, 1.9)),
        (("номерно", 0.5, 1.1), ("заблокирован", 1.1, 1.9)),
        (("номер", 0.5, 0.9), ("врезаблокирован", 0.9, 1.9)),
    ],
)
def test_remains_of_a_word_between_those_of_the_wording_take_the_mark(
    between: tuple[tuple[str, float, float], ...],
) -> None:
    assert "remains-in-wording" in vetoes(transcript(*between))


@pytest.mark.parametrize(
    "said",
    [
        (("номер", 0.5, 0.9), ("за", 0.9, 1.1), ("блокирован", 1.1, 1.9)),
        (("номер", 0.5, 0.9), ("заплакирован", 0.9, 1.7)),
        (("номир", 0.5, 0.9), ("заблотирован", 0.9, 1.7)),
    ],
)
def test_word_cut_in_two_or_misspelt_takes_nothing(
    said: tuple[tuple[str, float, float], ...],
) -> None:
    assert vetoes(transcript(*said)) == set()


def test_time_in_which_another_word_fits_takes_the_mark() -> None:
    slow = (("Набранный", 0.0, 0.54), ("номер", 0.54, 1.4), ("заблокирован", 1.4, 2.2))
    assert vetoes(transcript(*slow), first=1) == {"room-for-a-word"}


def test_words_at_one_moment_take_the_mark() -> None:
    repeated = (("номер", 2.9, 2.9), ("заблокирован", 2.9, 2.9))
    assert vetoes(transcript(*repeated)) == {"word-without-sound"}


@pytest.mark.parametrize("heard", ["лоблакирован", "облокирован", "раплакирован", "разблокирован"])
def test_long_word_with_another_beginning_takes_the_mark(heard: str) -> None:
    match = PhraseMatch(BLOCKED, 90.0, 0, 2)
    veto = veto_of_another_word(match, ["номер", heard])
    assert veto is not None
    assert veto.id == "another-word"


@pytest.mark.parametrize("heard", ["заблокирован", "заплакирован", "заблотирован."])
def test_long_word_misspelt_after_its_beginning_takes_nothing(heard: str) -> None:
    assert veto_of_another_word(PhraseMatch(BLOCKED, 90.0, 0, 2), ["номер", heard]) is None


def test_denial_joined_to_its_word_is_no_other_word() -> None:
    phrase = Phrase("e", "номер не существует", CallOutcome.DOES_NOT_EXIST, "ru", "a test")
    match = PhraseMatch(phrase, 90.0, 0, 2)
    assert veto_of_another_word(match, ["номер", "несуществует"]) is None


def damaged(kind: str, start_s: float, length_s: float) -> np.ndarray:
    sound = read_audio(CALLS / "announcements/temporarily-blocked-number.wav", sample_rate=8000)
    samples = np.array(sound.samples)
    first, n = round(start_s * 8000), round(length_s * 8000)
    if kind == "cut":
        return np.concatenate([samples[:first], samples[first + n :]])
    noise = np.random.default_rng(0).normal(0, 0.003, n)
    samples[first : first + n] = 0 if kind == "zeros" else noise
    return samples


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["zeros", "comfort noise", "cut"])
@pytest.mark.parametrize(("start_s", "length_s"), [(1.3, 0.4), (1.3, 0.5), (1.2, 0.6), (1.1, 0.5)])
def test_hole_over_temporarily_never_marks(
    whisper: Recognizer, tmp_path: Path, kind: str, start_s: float, length_s: float
) -> None:
    path = tmp_path / "call.wav"
    soundfile.write(path, damaged(kind, start_s, length_s), 8000)
    report = whisper.recognize(path)
    assert report.outcome is not None
    assert phrase_list_of(report.outcome.kind) is not PhraseListName.INVALID_NUMBER


@pytest.mark.model
def test_veto_is_named_in_the_report(whisper: Recognizer, tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    soundfile.write(path, damaged("comfort noise", 1.3, 0.5), 8000)
    report = whisper.recognize(path)
    assert report.evidence is not None
    assert "lost-sound" in {v.id for v in report.evidence.vetoes}
    assert any(g.start_s < 1.4 and g.end_s > 1.7 for g in report.evidence.gaps)


def stereo(path: Path, left: str, right: str) -> Path:
    """Write two clips as the channels of one recording, the right one quieter."""
    sounds = [
        np.array(read_audio(CALLS / name, sample_rate=8000).samples) for name in (left, right)
    ]
    both = np.zeros((max(map(len, sounds)) + 4000, 2), np.float32)
    both[: len(sounds[0]), 0] = sounds[0]
    both[4000 : 4000 + len(sounds[1]), 1] = 0.3 * sounds[1]
    soundfile.write(path, both, 8000)
    return path


@pytest.mark.model
def test_words_of_one_of_two_speaking_channels_never_mark(
    whisper: Recognizer, tmp_path: Path
) -> None:
    call = stereo(tmp_path / "call.wav", "announcements/not-in-service.wav", "people/hello.wav")
    report = whisper.recognize(call)
    assert report.outcome is not None
    assert phrase_list_of(report.outcome.kind) is not PhraseListName.INVALID_NUMBER


@pytest.mark.model
def test_channel_of_the_remote_party_that_is_named_marks_as_before(
    whisper: Recognizer, tmp_path: Path
) -> None:
    call = stereo(tmp_path / "call.wav", "announcements/not-in-service.wav", "people/hello.wav")
    report = whisper.recognize(call, channel=0)
    assert report.outcome is not None
    assert report.outcome.kind is CallOutcome.NOT_IN_SERVICE


@pytest.mark.parametrize("first", ["Помер", "Сунумер", "Умер"])
def test_first_word_with_another_beginning_takes_the_mark(first: str) -> None:
    heard = transcript((first, 0.0, 0.5), ("заблокирован", 0.5, 1.3))
    assert "another-word" in vetoes(heard)


@pytest.mark.parametrize("first", ["Номер", "Нумер", "Намир"])
def test_first_word_misspelt_after_its_beginning_takes_nothing(first: str) -> None:
    assert vetoes(transcript((first, 0.0, 0.5), ("заблокирован", 0.5, 1.3))) == set()


def test_caller_who_is_not_named_is_no_other_beginning() -> None:
    said = Phrase("m", "вы неверно набрали номер", CallOutcome.MISDIALLED, "ru", "a test")
    found = {}
    for first in ("Неверно", "Наверно", "Не"):
        heard = transcript((first, 0.0, 0.5), ("набрали", 0.5, 1.0), ("номер", 1.0, 1.4))
        found[first] = {v.id for v in vetoes_of_sound(PhraseMatch(said, 90.0, 0, 3), heard, ())}
    assert "another-word" not in found["Неверно"]
    assert "another-word" in found["Наверно"] & found["Не"]


@pytest.mark.parametrize("sign", [",", ";", " —", "…"])
def test_a_break_between_the_subject_and_what_is_said_of_it_takes_the_mark(sign: str) -> None:
    heard = transcript((f"номер{sign}", 0.5, 0.9), ("заблокирован.", 0.9, 1.7))
    assert "break-in-wording" in vetoes(heard)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("номер не обслуживается", ["номер", "не", "обслуживается,"]),
        ("номер не обслуживается", ["номер,", "набранный", "вами,", "не", "обслуживается."]),
        ("номер не обслуживается", ["номер,", "который", "вы", "набрали,", "не", "обслуживается."]),
        ("извините номер не существует", ["Извините,", "номер", "не", "существует."]),
        ("извините несуществующий номер", ["Извините,", "несуществующий", "номер."]),
        ("неправильно набран номер", ["Неправильно", "набран,", "номер."]),
        ("неверный номер, перезвоните", ["Неверный", "номер,", "перезвоните."]),
    ],
)
def test_commas_that_russian_asks_for_are_no_break(text: str, words: list[str]) -> None:
    phrase = Phrase("n", text, CallOutcome.NOT_IN_SERVICE, "ru", "a test")
    heard = transcript(*((word, 0.3 * n, 0.3 * n + 0.3) for n, word in enumerate(words)))
    match = PhraseMatch(phrase, 95.0, 0, len(words))
    assert "break-in-wording" not in {v.id for v in vetoes_of_sound(match, heard, ())}


def test_parenthetical_inside_a_wording_is_no_remains() -> None:
    words = ("Номер", "который", "вы", "набрали", "заблокирован")
    heard = transcript(*((word, 0.4 * n, 0.4 * n + 0.4) for n, word in enumerate(words)))
    match = PhraseMatch(BLOCKED, 90.0, 0, len(words))
    lists = shipped_book().words
    assert [v.id for v in vetoes_of_sound(match, heard, (), lists)] == []
    assert [v.id for v in vetoes_of_sound(match, heard, ())] == ["remains-in-wording"]


def test_a_word_that_ends_as_temporarily_does_takes_the_mark() -> None:
    said = Phrase("b", "вызываемый абонент заблокирован", CallOutcome.BLOCKED, "ru", "a test")
    found = {}
    for word in ("обламенно", "обонент"):
        heard = transcript(("вызываемый", 0, 0.7), (word, 0.7, 1.2), ("заблокирован", 1.2, 2.0))
        match = PhraseMatch(said, 90.0, 0, 3)
        found[word] = {veto.id for veto in vetoes_of_sound(match, heard, ())}
    assert "remains-in-wording" in found["обламенно"]
    assert "remains-in-wording" not in found["обонент"]
