"""Signals here are made of the standards' own numbers, never of the shipped tone plan.

Sources: order of the Ministry of Communications (425 Hz +-3; ringback 1.0 +-0.1 / 4.0 +-0.4 s; busy
0.3-0.4 / 0.3-0.4; congestion 0.15-0.2 / 0.15-0.2), ITU-T E.180 (special information tone), T.30
(fax), Q.23 (keypad).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from telephone_sounds import (
    RATE,
    at_16_khz,
    babble,
    beeps,
    join,
    pause,
    through_codec,
    through_file,
    tone,
    white_noise,
)

from recognizer.base.errors import AudioError
from recognizer.model import Audio, Samples, ToneEvent, ToneKind
from recognizer.signals.tone_plans import load_known_tones
from recognizer.signals.tones import ToneDetector, detect_tones

PLAN = load_known_tones("ru")
PROMPTS = Path("/usr/share/asterisk/sounds/ru_RU_f_IvrvoiceRU")


def heard(samples: Samples, sample_rate: int = RATE) -> tuple[ToneEvent, ...]:
    return detect_tones(Audio(samples, sample_rate), PLAN)


def kinds(samples: Samples, sample_rate: int = RATE) -> list[str]:
    return [event.kind.value for event in heard(samples, sample_rate)]


RINGING = join(pause(0.5), beeps(425, 1.0, 4.0, 2))
BUSY = join(pause(0.5), beeps(425, 0.35, 0.35, 5))
CONGESTION = join(pause(0.5), beeps(425, 0.175, 0.175, 8))
SPECIAL = join(pause(0.5), tone(950, 0.33), tone(1400, 0.33), tone(1800, 0.33), pause(1.0))
DIAL = join(pause(0.2), tone(425, 3.0))
FAX_CALLING = join(pause(0.5), beeps(1100, 0.5, 3.0, 2))
FAX_ANSWERING = join(pause(0.5), tone(2100, 3.0), pause(0.5))
MAILBOX = join(pause(0.5), tone(1000, 0.4), pause(0.5))
EVERY_KIND = [
    ("ringback", RINGING),
    ("busy", BUSY),
    ("congestion", CONGESTION),
    ("sit", SPECIAL),
    ("dial", DIAL),
    ("fax", FAX_CALLING),
    ("fax", FAX_ANSWERING),
    ("beep", MAILBOX),
]


@pytest.mark.parametrize(("kind", "samples"), EVERY_KIND)
@pytest.mark.parametrize("sample_rate", [8000, 16000])
def test_each_signal_is_told_from_the_others(kind: str, samples: Samples, sample_rate: int) -> None:
    sound = samples if sample_rate == RATE else at_16_khz(samples)
    assert kinds(sound, sample_rate) == [kind]


def test_a_ringing_tone_is_measured() -> None:
    (event,) = heard(RINGING)
    assert event.start_s == pytest.approx(0.5, abs=0.02)
    assert event.end_s == pytest.approx(6.5, abs=0.02)
    assert event.frequencies_hz == pytest.approx((425,), abs=1)
    assert event.cadence is not None
    assert event.cadence.on_off_ms == pytest.approx((1000, 4000), abs=20)
    assert event.n_periods == 2
    assert event.level_dbfs == pytest.approx(-20, abs=0.5)


def test_a_busy_tone_is_measured() -> None:
    (event,) = heard(BUSY)
    assert (event.start_s, event.end_s) == pytest.approx((0.5, 3.65), abs=0.02)
    assert event.cadence is not None
    assert event.cadence.on_off_ms == pytest.approx((350, 350), abs=15)
    assert event.n_periods == 5


def test_a_special_information_tone_is_measured() -> None:
    (event,) = heard(SPECIAL)
    assert event.frequencies_hz == pytest.approx((950, 1400, 1800), abs=3)
    assert (event.start_s, event.end_s) == pytest.approx((0.5, 1.49), abs=0.02)


@pytest.mark.parametrize("on_s", [0.3, 0.35, 0.4])
@pytest.mark.parametrize("off_s", [0.3, 0.35, 0.4])
@pytest.mark.parametrize("frequency_hz", [411, 422, 428, 439])
def test_busy_over_its_whole_tolerance(on_s: float, off_s: float, frequency_hz: float) -> None:
    assert kinds(join(pause(0.4), beeps(frequency_hz, on_s, off_s, 3))) == ["busy"]


@pytest.mark.parametrize("on_s", [0.15, 0.175, 0.2])
@pytest.mark.parametrize("off_s", [0.15, 0.175, 0.2])
@pytest.mark.parametrize("frequency_hz", [411, 422, 428, 439])
def test_congestion_over_its_whole_tolerance(
    on_s: float, off_s: float, frequency_hz: float
) -> None:
    assert kinds(join(pause(0.4), beeps(frequency_hz, on_s, off_s, 4))) == ["congestion"]


@pytest.mark.parametrize(
    ("on_s", "off_s"), [(0.9, 3.6), (0.9, 4.4), (1.1, 3.6), (1.1, 4.4), (0.8, 3.2)]
)
def test_ringback_over_its_whole_tolerance(on_s: float, off_s: float) -> None:
    assert kinds(join(pause(0.4), beeps(428, on_s, off_s, 2))) == ["ringback"]


@pytest.mark.parametrize(
    "frequencies_hz", [(900, 1350, 1750), (1000, 1450, 1850), (985.2, 1428.5, 1776.7)]
)
@pytest.mark.parametrize("lengths_s", [(0.26, 0.26, 0.26), (0.4, 0.4, 0.4), (0.38, 0.276, 0.38)])
@pytest.mark.parametrize("gap_s", [0.0, 0.03])
def test_special_information_over_its_whole_tolerance(
    frequencies_hz: tuple[float, ...], lengths_s: tuple[float, ...], gap_s: float
) -> None:
    parts = [
        join(tone(f, seconds), pause(gap_s))
        for f, seconds in zip(frequencies_hz, lengths_s, strict=True)
    ]
    assert kinds(join(pause(0.5), *parts, pause(0.5))) == ["sit"]


@pytest.mark.parametrize("level_dbfs", [-45, -30, -12, -3.02])
def test_tones_are_heard_at_any_level(level_dbfs: float) -> None:
    busy = join(pause(0.4), beeps(425, 0.3, 0.4, 4, level_dbfs))
    congestion = join(pause(0.4), beeps(425, 0.2, 0.15, 5, level_dbfs))
    assert kinds(busy) == ["busy"]
    assert kinds(congestion) == ["congestion"]


CODECS: list[Callable[[Samples], Samples]] = [
    pytest.param(lambda x: through_file(x, "ALAW"), id="a-law"),  # type: ignore[list-item]
    pytest.param(lambda x: through_file(x, "GSM610"), id="gsm"),  # type: ignore[list-item]
    pytest.param(lambda x: through_codec(x, "libopus", 8000), id="opus"),  # type: ignore[list-item]
    pytest.param(lambda x: through_codec(x, "g723_1", 6300), id="g723"),  # type: ignore[list-item]
]


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("level_dbfs", [-40, -10])
def test_signals_survive_telephone_codecs(
    codec: Callable[[Samples], Samples], level_dbfs: float
) -> None:
    gain = np.float32(10 ** ((level_dbfs + 20) / 20))
    for kind, samples in EVERY_KIND:
        assert kinds(codec(samples * gain)) == [kind]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("noise", [white_noise, babble])
def test_signals_survive_10_db_of_noise(
    noise: Callable[[int, float, int], Samples], seed: int
) -> None:
    for kind, samples in EVERY_KIND[:3]:
        noisy = samples + noise(len(samples), -30.0, seed)
        assert kinds(noisy) == [kind]
        assert kinds(through_file(noisy, "GSM610")) == [kind]


@pytest.mark.parametrize("cut_s", [0.05, 0.2, 0.33])
def test_a_cut_first_and_last_beep_change_nothing(cut_s: float) -> None:
    busy = beeps(425, 0.35, 0.35, 4)[round(cut_s * RATE) :]
    assert kinds(busy[: len(busy) - round((0.35 + cut_s) * RATE)]) == ["busy"]
    ringing = beeps(425, 1.0, 4.0, 2)[round(cut_s * RATE) :]
    assert kinds(ringing[: len(ringing) - round((4.0 + cut_s) * RATE)]) == ["ringback"]


def test_one_burst_of_ringback_is_enough() -> None:
    assert kinds(join(pause(1.0), tone(425, 1.0), pause(1.0))) == ["ringback"]
    assert kinds(join(tone(425, 0.6), pause(3.0))) == ["ringback"]  # the recording began in it


def test_two_beeps_are_enough_for_busy_and_congestion() -> None:
    assert kinds(join(pause(0.3), beeps(425, 0.35, 0.35, 2))) == ["busy"]
    assert kinds(join(pause(0.3), beeps(425, 0.175, 0.175, 2))) == ["congestion"]


def test_ringback_then_busy_are_two_events_in_order() -> None:
    sound = join(beeps(425, 1.0, 4.0, 2), beeps(425, 0.35, 0.35, 5))
    ringing, busy = heard(sound)
    assert (ringing.kind, busy.kind) == (ToneKind.RINGBACK, ToneKind.BUSY)
    assert ringing.end_s == pytest.approx(6.0, abs=0.02)
    assert busy.start_s == pytest.approx(10.0, abs=0.02)


def test_sound_beside_a_tone_does_not_hide_it() -> None:
    talk = babble(2 * RATE, -18)
    assert kinds(join(talk, pause(0.2), BUSY, pause(0.2), talk)) == ["busy"]
    assert kinds(join(RINGING[: 7 * RATE], talk)) == ["ringback"]


def test_offset_hum_clipping_and_a_step_in_level_change_nothing() -> None:
    for kind, samples in EVERY_KIND[:3]:
        hum = tone(50, len(samples) / RATE, -20)
        stepped = samples.copy()
        stepped[len(stepped) // 2 :] *= 0.5
        assert kinds(samples + np.float32(0.1) + hum) == [kind]
        assert kinds(np.clip(samples * 4, -0.3, 0.3)) == [kind]
        assert kinds(stepped) == [kind]


def test_keys_are_heard_and_grouped() -> None:
    keys = [(697, 1209), (770, 1336), (852, 1477), (941, 1633)]
    parts = [join(tone(r, 0.07) + tone(c, 0.07), pause(0.07)) for r, c in keys]
    (event,) = heard(join(pause(0.5), *parts, pause(0.5)))
    assert event.kind is ToneKind.DTMF
    assert event.n_periods == 4
    assert event.frequencies_hz == pytest.approx((697, 1209), abs=6)


def test_answer_tone_with_turned_phases_is_one_event() -> None:
    t = np.arange(round(3.3 * RATE)) / RATE
    sign = np.where((t // 0.45) % 2 == 0, 1.0, -1.0)  # ITU-T V.8
    answer = (0.1 * sign * np.sin(2 * np.pi * 2100 * t)).astype(np.float32)
    assert kinds(join(pause(0.5), answer, pause(0.5))) == ["fax"]


@pytest.mark.parametrize(
    "samples",
    [
        pause(0.0),
        np.array([0.5], np.float32),
        pause(5.0),
        np.full(3 * RATE, 0.3, np.float32),
        white_noise(5 * RATE, -10),
        np.clip(white_noise(5 * RATE, 3), -1, 1),
        babble(5 * RATE, -15),
        tone(50, 5.0, -10),
    ],
    ids=["empty", "one sample", "silence", "offset", "noise", "clipped", "babble", "hum"],
)
def test_nothing_is_heard_where_there_is_no_tone(samples: Samples) -> None:
    assert heard(samples) == ()


def test_a_tune_is_not_a_signal() -> None:
    # Notes around 425 Hz, a fifth below and a third above, each dying away into the next.
    rng = np.random.default_rng(4)
    notes = []
    for _ in range(60):
        n = round(rng.choice([0.175, 0.35, 0.7, 1.0]) * RATE)
        t = np.arange(n) / RATE
        f = rng.choice([277.2, 415.3, 440.0, 523.3])
        wave = sum(np.sin(2 * np.pi * k * f * t) / k**2 for k in (1, 2, 3))
        notes.append((0.2 * wave * np.exp(-t / 0.5)).astype(np.float32))
    assert heard(join(*notes)) == ()


def test_times_count_from_the_start_of_the_source() -> None:
    (event,) = detect_tones(Audio(BUSY, RATE, start_s=100.0), PLAN)
    assert event.start_s == pytest.approx(100.5, abs=0.02)


def test_a_rate_too_low_is_refused() -> None:
    with pytest.raises(AudioError, match="8000 Hz or more, got 4000 Hz"):
        detect_tones(Audio(pause(1.0), 4000), PLAN)


MIXED = join(RINGING, CONGESTION, SPECIAL, babble(3 * RATE, -25), tone(425, 2.2), BUSY, MAILBOX)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.property
@given(st.lists(st.integers(1, 3 * RATE), min_size=1, max_size=30))
def test_any_pieces_give_the_answer_of_the_whole(sizes: list[int]) -> None:
    detector = ToneDetector(PLAN, RATE)
    events: list[ToneEvent] = []
    start = 0
    for size in [*sizes, len(MIXED)]:
        events += detector.push(MIXED[start : start + size])
        start += size
    assert (*events, *detector.finish()) == heard(MIXED)


def test_a_signal_is_reported_once_it_is_certainly_over() -> None:
    detector = ToneDetector(PLAN, RATE)
    early = [event for _ in range(15) for event in detector.push(pause(1.0))]
    assert not early
    detector.push(beeps(425, 0.35, 0.35, 4))
    events = [event for _ in range(15) for event in detector.push(pause(1.0))]
    assert [event.kind for event in events] == [ToneKind.BUSY]
    assert detector.finish() == ()


@pytest.mark.slow
def test_no_tone_is_heard_in_human_prompts() -> None:
    if not PROMPTS.is_dir():
        message = "no prompts: apt-get install asterisk-core-sounds-ru-wav"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    tones = {"beep", "beeperr", "ascending-2tone", "descending-2tone"}
    jingles = {"confbridge-join", "confbridge-leave"}
    for path in sorted(PROMPTS.rglob("*.wav")):
        samples, rate = sf.read(path, dtype="float32")
        if path.stem not in tones | jingles:
            assert heard(samples, rate) == (), path.name
    beep, rate = sf.read(PROMPTS / "beep.wav", dtype="float32")
    assert [event.kind for event in heard(beep, rate)] == [ToneKind.BEEP]


# Dial tones that pause, as Asterisk's indications.conf has them: [gr], [it], [cz], Russian stutter.
@pytest.mark.parametrize(
    "times_s",
    [
        (0.2, 0.3, 0.7, 0.8),
        (0.2, 0.2, 0.6, 1.0),
        (0.33, 0.33, 0.66, 0.66),
        (0.9, 0.5),
        (1.2, 1.2),
    ],
)
@pytest.mark.parametrize("noise_dbfs", [-70.0, -32.0])
def test_a_beep_that_comes_back_sooner_than_a_ring_is_no_ring(
    times_s: tuple[float, ...], noise_dbfs: float
) -> None:
    parts = [
        tone(425, seconds) if place % 2 == 0 else pause(seconds)
        for place, seconds in enumerate(times_s * 4)
    ]
    sound = join(pause(0.5), *parts)
    assert "ringback" not in kinds(sound + white_noise(len(sound), noise_dbfs))


def test_a_ring_with_a_hole_in_it_is_a_ring() -> None:
    ring = tone(425, 1.0)
    ring[round(0.2 * RATE) : round(0.3 * RATE)] = 0.0
    assert "ringback" in kinds(join(pause(0.5), ring, pause(3.0)))


def test_two_tones_that_take_turns_are_no_fax() -> None:
    siren = np.tile(join(tone(450, 0.5), tone(1100, 0.5)), 6)
    assert "fax" not in kinds(siren)
    assert kinds(join(pause(0.5), beeps(1100, 0.5, 3.0, 1))) == ["fax"]
