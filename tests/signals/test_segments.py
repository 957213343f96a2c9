from __future__ import annotations

import itertools
import math
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from telephone_sounds import (
    RATE,
    at_16_khz,
    beeps,
    join,
    pause,
    through_codec,
    through_file,
    tone,
    white_noise,
)

from benchmarks.nothing_said import make_clips, scan_clip
from recognizer.base.errors import AudioError
from recognizer.model import Audio, Samples, Segment, SegmentKind, ToneKind
from recognizer.signals.scanner import Scan, Scanner
from recognizer.signals.tone_plans import load_known_tones

PLAN = load_known_tones("ru")
PROMPTS = Path("/usr/share/asterisk/sounds/ru_RU_f_IvrvoiceRU")


def scan(samples: Samples, sample_rate: int = RATE) -> Scan:
    scanner = Scanner(PLAN, sample_rate)
    scanner.push(Audio(samples, sample_rate))
    return scanner.finish()


def prompt(name: str) -> Samples:
    """Return a human prompt at 8 kHz."""
    path = PROMPTS / f"{name}.wav"
    if not path.is_file():
        message = "no prompts: apt-get install asterisk-core-sounds-ru-wav"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    samples: Samples = sf.read(path, dtype="float32")[0]
    return samples


def of_kind(scanned: Scan, kind: SegmentKind) -> list[Segment]:
    return [segment for segment in scanned.segments if segment.kind is kind]


def assert_covers(segments: tuple[Segment, ...], start_s: float, end_s: float) -> None:
    assert segments[0].start_s == start_s
    assert segments[-1].end_s == pytest.approx(end_s)
    for before, after in itertools.pairwise(segments):
        assert before.end_s == after.start_s
        assert before.kind is not after.kind


@pytest.mark.slow
@pytest.mark.parametrize("rate", [8000, 16000])
def test_what_was_heard_so_far_is_what_a_recording_of_it_holds(rate: int) -> None:
    words = join(beeps(425, 1.0, 2.0, 2), prompt("ss-noservice"), white_noise(2 * RATE, -35.0))
    sound = words if rate == RATE else at_16_khz(words)
    growing = Scanner(PLAN, rate)
    piece = round(0.7 * rate)
    for start in range(0, len(sound), piece):
        growing.push(Audio(sound[start : start + piece], rate, "<samples>", start / rate))
        assert growing.so_far() == scan(sound[: start + piece], rate)
    assert growing.finish() == scan(sound, rate)


def test_a_call_is_split_into_ringing_words_and_busy() -> None:
    words = prompt("ss-noservice")
    before = beeps(425, 1.0, 4.0, 2)
    found = scan(join(before, words, pause(0.5), beeps(425, 0.35, 0.35, 6)))
    words_end_s = (len(before) + len(words)) / RATE
    (speech,) = of_kind(found, SegmentKind.SPEECH)
    assert speech.start_s == pytest.approx(10.0, abs=0.5)
    assert speech.end_s == pytest.approx(words_end_s, abs=0.5)
    ringing, busy = of_kind(found, SegmentKind.TONE)
    assert (ringing.start_s, ringing.end_s) == pytest.approx((0.0, 6.0), abs=0.1)
    assert busy.end_s == pytest.approx(words_end_s + 0.5 + 3.85, abs=0.1)
    assert [event.kind for event in found.tones] == [ToneKind.RINGBACK, ToneKind.BUSY]
    assert_covers(found.segments, 0.0, found.duration_s)


def test_a_voice_between_two_rings_stays_speech() -> None:
    words = prompt("hello")
    ring = tone(425, 1.0)
    found = scan(join(ring, pause(1.5), words, pause(2.5 - len(words) / RATE), ring, pause(1)))
    assert [event.kind for event in found.tones] == [ToneKind.RINGBACK]
    (speech,) = of_kind(found, SegmentKind.SPEECH)
    assert speech.start_s < 2.6
    assert speech.end_s > 2.5 + len(words) / RATE - 0.3


@pytest.mark.parametrize("level_dbfs", [-45, -25, -10])
def test_speech_is_found_at_any_level(level_dbfs: float) -> None:
    words = prompt("vm-isunavail")
    gain = 10 ** (level_dbfs / 20) / np.sqrt(np.mean(words**2))
    (speech,) = of_kind(scan(words * np.float32(gain)), SegmentKind.SPEECH)
    assert speech.duration_s > 0.9 * len(words) / RATE


@pytest.mark.parametrize("damage", ["gsm", "opus", "g723", "noise"])
def test_damaged_speech_is_still_speech(damage: str) -> None:
    words = join(pause(0.5), prompt("ss-noservice"), pause(0.5))
    level_dbfs = 10 * math.log10(float(np.mean(words**2)))
    match damage:
        case "gsm":
            damaged = through_file(words, "GSM610")
        case "opus":
            damaged = through_codec(words, "libopus", 8000)
        case "g723":
            damaged = through_codec(words, "g723_1", 6300)
        case _:
            damaged = words + white_noise(len(words), level_dbfs - 10)
    speech = of_kind(scan(damaged), SegmentKind.SPEECH)
    assert sum(s.duration_s for s in speech) > 0.9 * (len(words) / RATE - 1)


@pytest.mark.parametrize("name", ["digits/1", "digits/5", "letters/e", "vm-no", "vm-and"])
def test_one_short_word_is_speech(name: str) -> None:
    words = prompt(name)
    (speech,) = of_kind(scan(at_16_khz(words), 16000), SegmentKind.SPEECH)
    power = np.cumsum(words**2) / np.sum(words**2)
    first, last = np.searchsorted(power, [0.02, 0.98]) / RATE
    assert speech.start_s <= first
    assert speech.end_s >= last


@pytest.mark.slow
def test_nobody_speaks_in_tones_noise_and_music() -> None:
    for kind, samples in make_clips(30, seed=7):
        assert not of_kind(scan_clip(samples), SegmentKind.SPEECH), kind


def test_music_is_told_from_noise_and_silence() -> None:
    # A minor, F, C, G on an organ: steady harmonics, half a second a chord.
    t = np.arange(RATE // 2) / RATE
    chords = [(220, 261.6, 329.6), (174.6, 220, 261.6), (261.6, 329.6, 392), (196, 246.9, 293.7)]
    bars = [
        sum(np.sin(2 * np.pi * f * k * t) / k for f in chord for k in (1, 2, 3, 4))
        for chord in chords
    ]
    music = np.tile(np.concatenate(bars) * 0.03, 4).astype(np.float32)
    kinds = [s.kind for s in scan(join(pause(3), music, pause(3))).segments]
    assert kinds == [SegmentKind.SILENCE, SegmentKind.MUSIC, SegmentKind.SILENCE]
    assert [s.kind for s in scan(white_noise(5 * RATE, -25)).segments] == [SegmentKind.NOISE]


def test_hum_and_a_constant_offset_are_silence() -> None:
    sound = tone(50, 5.0, -20) + np.float32(0.1)
    assert SegmentKind.SPEECH not in {s.kind for s in scan(sound).segments}
    assert scan(sound[RATE : 4 * RATE]).segments[-1].level_dbfs < -30


@pytest.mark.parametrize("sample_rate", [8000, 16000])
def test_digital_silence_is_one_segment(sample_rate: int) -> None:
    found = scan(np.zeros(sample_rate * 3, np.float32), sample_rate)
    assert [(s.kind, s.start_s, s.end_s) for s in found.segments] == [
        (SegmentKind.SILENCE, 0.0, 3.0)
    ]
    assert found.duration_s == 3.0


def test_an_empty_recording_has_no_segments() -> None:
    assert scan(pause(0.0)) == Scan((), (), 0.0)
    assert Scanner(PLAN, RATE).finish() == Scan((), (), 0.0)


@pytest.mark.parametrize("n_samples", [1, 79, 80, 81, 511, 513])
def test_tiny_recordings_are_covered(n_samples: int) -> None:
    found = scan(np.full(n_samples, 0.5, np.float32))
    assert_covers(found.segments, 0.0, n_samples / RATE)


def test_clipped_noise_is_not_speech() -> None:
    found = scan(np.clip(white_noise(4 * RATE, 6), -1, 1))
    assert [s.kind for s in found.segments] == [SegmentKind.NOISE]


def test_a_rate_that_the_model_does_not_know_is_refused() -> None:
    with pytest.raises(AudioError, match="8000 or 16000 Hz, got 11025 Hz"):
        Scanner(PLAN, 11025)


def test_segments_and_tones_are_in_seconds_of_the_source() -> None:
    audio = Audio(join(beeps(425, 1.0, 4.0, 1), prompt("hello"), pause(1)), RATE, start_s=5.0)
    scanner = Scanner(PLAN, RATE)
    scanner.push(audio)
    found = scanner.finish()
    assert_covers(found.segments, 5.0, 5.0 + audio.duration_s)
    assert found.tones[0].start_s == pytest.approx(5.0, abs=0.02)


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.property
@given(st.lists(st.integers(0, 3 * RATE), min_size=1, max_size=12))
def test_any_blocks_give_the_scan_of_the_whole(sizes: list[int]) -> None:
    sound = join(beeps(425, 1.0, 4.0, 1), prompt("hello"), white_noise(RATE, -30), pause(2))
    scanner = Scanner(PLAN, RATE)
    start = 0
    for size in [*sizes, len(sound)]:
        scanner.push(Audio(sound[start : start + size], RATE, start_s=start / RATE))
        start += size
    assert scanner.finish() == scan(sound)


@pytest.mark.slow
def test_memory_does_not_hold_the_sound() -> None:
    block = join(beeps(425, 0.35, 0.35, 10), white_noise(3 * RATE, -40))
    scanner = Scanner(PLAN, RATE)
    scanner.push(Audio(block, RATE))  # loads the model
    tracemalloc.start()
    for _ in range(10):
        scanner.push(Audio(block, RATE))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    seconds = 10 * len(block) / RATE
    assert kept < 1_000_000 + 1_000 * seconds  # the sound itself has 32,000 bytes a second
