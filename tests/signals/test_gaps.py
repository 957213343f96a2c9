"""Lost packets in the sound: found where they are, and not where a voice pauses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recognizer.audio import read_audio
from recognizer.model import Audio, GapKind, SoundGap
from recognizer.signals.gaps import find_gaps, quietest_moment

CALLS = Path(__file__).parents[1] / "data" / "calls"
RATE = 8000


def spoken() -> np.ndarray:
    return np.array(
        read_audio(CALLS / "announcements/temporarily-blocked-number.wav", sample_rate=RATE).samples
    )


def gaps_near(samples: np.ndarray, start_s: float, end_s: float) -> list[SoundGap]:
    found = find_gaps(Audio(samples.astype(np.float32), RATE))
    return [g for g in found if g.start_s < end_s + 0.05 and g.end_s > start_s - 0.05]


def hole(kind: str, start_s: float, length_s: float) -> np.ndarray:
    samples = spoken()
    first, n = round(start_s * RATE), round(length_s * RATE)
    if kind == "zeros":
        samples[first : first + n] = 0
    elif kind == "comfort noise":
        samples[first : first + n] = np.random.default_rng(1).normal(0, 0.003, n)
    else:  # concealment: the last 20 ms again and again, each 10 % quieter
        frame = samples[first - 160 : first].copy()
        for number, place in enumerate(range(first, first + n, 160)):
            part = samples[place : min(place + 160, first + n)]
            part[:] = frame[: len(part)] * max(0.0, 1 - 0.1 * number)
    return samples


@pytest.mark.parametrize("start_s", [0.3, 0.9, 1.3])
@pytest.mark.parametrize("kind", ["zeros", "comfort noise", "concealment"])
def test_hole_in_a_word_is_found_where_it_is(kind: str, start_s: float) -> None:
    found = gaps_near(hole(kind, start_s, 0.4), start_s, start_s + 0.4)
    assert found
    assert min(abs(g.start_s - start_s) for g in found) < 0.06
    expected = (
        {GapKind.REPEATED} if kind == "concealment" else {GapKind.ZEROS, GapKind.COMFORT_NOISE}
    )
    assert {g.kind for g in found} & expected


@pytest.mark.parametrize(
    "name",
    ["announcements/blocked.wav", "announcements/not-in-use.ogg", "announcements/misdialled.flac"],
)
def test_intact_announcement_has_no_gap_as_long_as_a_word(name: str) -> None:
    found = find_gaps(read_audio(CALLS / name, sample_rate=RATE))
    assert [g for g in found if g.end_s - g.start_s >= 0.14] == []


def test_end_of_a_tone_is_no_gap() -> None:
    time_s = np.arange(RATE) / RATE
    beep = (0.3 * np.sin(2 * np.pi * 425 * time_s)).astype("f4")
    samples = np.concatenate([beep, np.zeros(RATE // 2, "f4"), beep])
    assert find_gaps(Audio(samples, RATE)) == ()


@pytest.mark.parametrize("n_samples", [0, 1, 39, 200])
def test_sound_too_short_to_tell_has_no_gap(n_samples: int) -> None:
    assert find_gaps(Audio(np.ones(n_samples, "f4"), RATE)) == ()


def test_silence_and_noise_have_no_gap() -> None:
    noise = np.random.default_rng(2).normal(0, 0.05, RATE).astype("f4")
    assert find_gaps(Audio(np.zeros(RATE, "f4"), RATE)) == ()
    assert find_gaps(Audio(noise, RATE)) == ()


def test_quietest_moment_is_the_pause_between_two_sounds() -> None:
    loud = np.full(16_000, 0.5, np.float32)
    sound = np.concatenate([loud, np.zeros(3200, np.float32), loud])
    assert quietest_moment(Audio(sound, 16_000, start_s=3.0), 0.4, 0.6) == pytest.approx(
        4.1, abs=0.1
    )
    assert quietest_moment(Audio(loud[:100], 16_000), 0.4, 0.6) == pytest.approx(0.003, abs=0.001)
