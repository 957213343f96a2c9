"""A known announcement is known through any line; nothing else is taken for it."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from announced import CALLS, RATE, at_speed, library, noisy, outcomes, pause, sound_of, tones_in

from benchmarks.recognition.channel import CODECS, through_codec
from recognizer.audio import read_audio
from recognizer.model import Audio, CallOutcome, Samples
from recognizer.recognition.announcements.learning import learn
from recognizer.recognition.announcements.library import AnnouncementLibrary, Recognized

pytestmark = pytest.mark.slow  # a library of all clips is learned first

BLOCKED = "temporarily-blocked-number.wav"
MARKS = "not-in-service.wav"


def recognize(samples: Samples) -> Recognized:
    return library().recognize(Audio(np.asarray(samples, np.float32), RATE))


def library_of_mark(samples: Samples) -> AnnouncementLibrary:
    """Return a library that knows this recording alone, as one that marks."""
    known = learn(
        Audio(samples, RATE),
        announcement_id="one",
        outcome=CallOutcome.BLOCKED,
        text="",
        carrier="",
        confirmed_by="a test",
        overrule=True,
    )
    return AnnouncementLibrary([known])


def ids(found: Recognized) -> list[str]:
    return [match.announcement.id for match in found.matches if match.is_known]


def by_line(samples: Samples, codec: str) -> Samples:
    narrow = np.asarray(soxr.resample(samples, RATE, 8000), np.float32)
    narrow = narrow * np.float32(0.5 / np.abs(narrow).max())
    return np.asarray(soxr.resample(through_codec(narrow, codec), 8000, RATE), np.float32)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("name", [BLOCKED, MARKS, "line-busy.wav", "blocked.wav"])
def test_it_is_known_through_a_codec_in_15_db_of_noise(name: str, codec: str) -> None:
    found = recognize(by_line(noisy(sound_of(name), 15.0), codec))
    assert ids(found) == [name.partition(".")[0]]
    assert found.is_whole


@pytest.mark.parametrize("speed", [0.98, 0.99, 1.01, 1.02])
def test_it_is_known_a_little_faster_or_slower(speed: float) -> None:
    found = recognize(by_line(at_speed(sound_of(MARKS), speed), "alaw"))
    assert ids(found) == ["not-in-service"]
    assert found.is_whole


@pytest.mark.parametrize("gain", [0.01, 0.05, 1.0])
def test_its_level_does_not_matter(gain: float) -> None:
    assert recognize(sound_of(MARKS) * np.float32(gain)).is_whole


def test_every_announcement_is_known_as_itself_and_nothing_else() -> None:
    for name in outcomes():
        found = library().recognize(Audio(sound_of(name), RATE), tones_in(name))
        assert (ids(found), found.is_whole) == ([name.partition(".")[0]], True), name


def test_what_was_not_learned_is_not_known() -> None:
    for folder in ("pairs", "people", "prompts", "mixed", "signals"):
        for path in sorted((CALLS / folder).iterdir()):
            found = recognize(read_audio(path, sample_rate=RATE).samples)
            assert not found.is_whole, path
            assert not ids(found), path


def test_an_announcement_with_its_keyword_cut_out_is_another() -> None:
    sound = sound_of(BLOCKED)
    for first_s in np.arange(1.0, 2.2, 0.2):
        first, end = round(first_s * RATE), round((first_s + 0.45) * RATE)
        spliced = np.concatenate([sound[:first], sound[end:]])
        assert not recognize(spliced).is_whole, first_s


def test_sound_put_into_it_makes_it_another() -> None:
    sound, other = sound_of(MARKS), sound_of("line-busy.wav")
    for at_s in np.arange(0.8, 4.8, 0.4):
        first = round(at_s * RATE)
        piece = other[round(1.0 * RATE) : round(1.3 * RATE)]
        spliced = np.concatenate([sound[:first], piece, sound[first:]])
        assert not recognize(spliced).is_whole, at_s


@pytest.mark.parametrize("hole_s", [0.3, 0.5])
def test_a_hole_in_its_words_leaves_it_unknown(hole_s: float) -> None:
    for at_s in np.arange(0.6, 2.2, 0.2):  # «Данный номер не обслуживается»
        sound = sound_of(MARKS).copy()
        sound[round(at_s * RATE) : round((at_s + hole_s) * RATE)] = 0
        assert not recognize(sound).is_whole, at_s


@pytest.mark.parametrize("word_s", [0.12, 0.25, 0.6])
def test_a_word_before_or_after_it_is_not_explained(word_s: float) -> None:
    word = sound_of("line-busy.wav")[round(0.5 * RATE) :][: round(word_s * RATE)]
    sound = sound_of(MARKS)
    for whole in ([word, sound[round(0.25 * RATE) :]], [sound, word], [sound[: -RATE // 4], word]):
        found = recognize(np.concatenate(whole))
        assert not found.is_whole, len(whole)


def test_a_person_after_it_is_not_explained() -> None:
    person = read_audio(CALLS / "people" / "hello.wav", sample_rate=RATE).samples
    assert not recognize(np.concatenate([sound_of(MARKS), person])).is_whole


def test_it_may_be_said_twice_or_follow_another() -> None:
    twice = recognize(np.concatenate([sound_of(MARKS), sound_of(MARKS)]))
    assert (ids(twice), twice.is_whole) == (["not-in-service"] * 2, True)
    two = recognize(np.concatenate([sound_of(BLOCKED), sound_of("line-busy.wav")]))
    assert (ids(two), two.is_whole) == (["temporarily-blocked-number", "line-busy"], True)


def test_half_of_it_is_not_known() -> None:
    sound = sound_of(MARKS)
    assert not recognize(np.concatenate([sound[: 3 * RATE], pause(0.5)])).is_whole
    assert not recognize(np.concatenate([pause(0.5), sound[2 * RATE :]])).is_whole


def test_nothing_is_known_of_silence_or_of_nothing() -> None:
    for samples in (np.zeros(0), np.zeros(1), np.zeros(RATE), np.ones(RATE)):
        assert not recognize(samples.astype(np.float32)).is_whole


def test_an_empty_library_knows_nothing() -> None:
    empty = AnnouncementLibrary([])
    assert not empty.recognize(Audio(sound_of(MARKS), RATE)).matches


def swelling(samples: Samples, snr_db: float, seed: int = 1) -> Samples:
    """Return a copy with a car that passes: noise 12 dB louder for a second or so than before."""
    rng = np.random.default_rng(seed)
    at_s = np.arange(len(samples)) / RATE
    middle_s = rng.uniform(0.3, 0.7) * at_s[-1]
    swell = 1 + 3 * np.exp(-(((at_s - middle_s) / rng.uniform(0.8, 1.5)) ** 2))
    noise = rng.standard_normal(len(samples)) * swell
    loud = np.abs(samples) > 0.03 * np.abs(samples).max()
    rms = float(np.sqrt(np.mean(samples[loud] ** 2) / np.mean(noise**2)))
    return np.asarray(samples + noise * rms * 10 ** (-snr_db / 20), np.float32)


@pytest.mark.parametrize("name", [BLOCKED, MARKS, "line-busy.wav", "blocked.wav"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_is_known_while_a_car_passes(name: str, seed: int) -> None:
    found = recognize(swelling(sound_of(name), 18.0, seed))
    assert (ids(found), found.is_whole) == ([name.partition(".")[0]], True)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_word_is_noticed_while_a_car_passes(seed: int) -> None:
    person = read_audio(CALLS / "people" / "hello.wav", sample_rate=RATE).samples
    for samples in ([sound_of(MARKS), person], [person, sound_of(MARKS)]):
        found = recognize(swelling(np.concatenate(samples), 15.0, seed))
        assert not found.is_whole


@pytest.mark.parametrize("gap_s", [0.05, 0.12, 0.3])
@pytest.mark.parametrize("is_before", [True, False])
def test_a_piece_of_a_word_beside_it_is_noticed(gap_s: float, is_before: bool) -> None:
    # 80 ms of a vowel, as loud as the announcement.
    vowel = sound_of("line-busy.wav")[round(1.0 * RATE) :]
    vowel = vowel[int(np.argmax(np.abs(vowel))) :][: round(0.08 * RATE)]
    inside = sound_of(MARKS)[round(0.3 * RATE) : -round(0.3 * RATE)]
    parts = [pause(0.4), vowel, pause(gap_s), inside, pause(0.4)]
    whole = np.concatenate(parts if is_before else parts[::-1])
    assert recognize(np.concatenate([pause(0.4), inside, pause(0.4)])).is_whole
    assert not recognize(whole).is_whole


def test_the_level_of_speech_in_one_breath_is_not_taken_for_swollen_noise() -> None:
    said = np.tile(sound_of("does-not-exist.wav")[round(0.3 * RATE) : -round(0.3 * RATE)], 2)
    loudness = np.sqrt(np.convolve(said**2, np.ones(800) / 800, "same"))
    even = said / np.maximum(loudness, 0.15 * loudness.max()) ** 0.9
    sound = np.concatenate([pause(0.4), even / np.abs(even).max() / 2, pause(0.4)])
    sound = np.asarray(sound, np.float32)
    assert library_of_mark(sound).recognize(Audio(noisy(sound, 20), RATE)).is_whole
    # Noise that swells over it is noise: a word could hide there.
    wave = np.random.default_rng(2).standard_normal(len(sound)).astype(np.float32)
    car = np.exp(-((np.linspace(-2, 2, len(sound)) / 0.5) ** 2))
    in_passing_car = np.asarray(sound + 0.25 * wave * car, np.float32)
    assert not library_of_mark(sound).recognize(Audio(in_passing_car, RATE)).is_whole


@pytest.mark.parametrize("gain_db", [-6, 0, 12])
@pytest.mark.parametrize("name", [BLOCKED, MARKS, "not-registered.alaw"])
def test_a_word_changed_under_a_burst_of_noise_does_not_mark(name: str, gain_db: float) -> None:
    sound, other = sound_of(name).copy(), sound_of("line-busy.wav")
    known = library_of_mark(sound)
    first, n, margin = RATE, round(0.5 * RATE), round(0.2 * RATE)
    sound[first : first + n] = other[first : first + n]
    loud = float(np.std(sound)) * 10 ** (gain_db / 20)
    burst = np.random.default_rng(1).standard_normal(n + 2 * margin).astype(np.float32)
    sound[first - margin : first + n + margin] += loud * burst
    assert not known.recognize(Audio(sound, RATE)).is_whole
