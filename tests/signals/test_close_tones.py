"""Ringing of two near tones, or of one that a slow tone modulates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from telephone_sounds import RATE, join, pause, through_file, tone, white_noise

from recognizer.model import Audio, CallOutcome, Samples, ToneEvent, ToneKind
from recognizer.recognition.outcome import decide_call
from recognizer.signals.scanner import Scanner
from recognizer.signals.tone_plans import load_known_tones
from recognizer.signals.tones import ToneDetector, detect_tones

PLAN = load_known_tones()
DOUBLE = (0.4, 0.2, 0.4, 2.0)
# National tones as ITU-T lists them and Asterisk's indications.conf plays them; not our file.
RINGING: dict[str, tuple[str, Sequence[float]]] = {
    "uk": ("400+450", DOUBLE),
    "us": ("440+480", (2.0, 4.0)),
    "jp": ("400*16", (1.0, 2.0)),
    "in": ("400*25", DOUBLE),
    "au": ("413+438", DOUBLE),
    "sg": ("425*24", DOUBLE),
    "za": ("400*33", DOUBLE),
    "tw": ("440+480", (1.0, 2.0)),
    "my": ("425", DOUBLE),
}


def sounding(what: str, seconds: float, depth: float = 0.9, level_dbfs: float = -20.0) -> Samples:
    """Return `seconds` of ``a``, ``a+b``, or ``a*b``: a, modulated by b to `depth`."""
    if "*" in what:
        carrier, modulation = (float(hz) for hz in what.split("*"))
        t = np.arange(round(seconds * RATE)) / RATE
        swell = 1 + depth * np.sin(2 * np.pi * modulation * t)
        wave: Samples = (tone(carrier, seconds, level_dbfs) * swell).astype(np.float32)
        return wave
    sound = pause(seconds)
    for hz in what.split("+"):
        sound = sound + tone(float(hz), seconds, level_dbfs)
    return sound


def ringing(
    what: str,
    times_s: Sequence[float],
    n_periods: int = 3,
    depth: float = 0.9,
    before_s: float = 0.7,
) -> Samples:
    parts = [
        sounding(what, seconds, depth) if place % 2 == 0 else pause(seconds)
        for _ in range(n_periods)
        for place, seconds in enumerate(times_s)
    ]
    return join(pause(0.7), *parts)


def heard(samples: Samples, noise_dbfs: float = -70.0, seed: int = 1) -> tuple[ToneEvent, ...]:
    noisy = samples + white_noise(len(samples), noise_dbfs, seed)
    return detect_tones(Audio(noisy, RATE), PLAN)


@pytest.mark.parametrize("country", RINGING)
@pytest.mark.parametrize("noise_dbfs", [-70.0, -30.0])
def test_ringing_of_other_countries_is_ringing(country: str, noise_dbfs: float) -> None:
    what, times_s = RINGING[country]
    (event,) = heard(ringing(what, times_s), noise_dbfs)
    assert (event.kind, event.n_periods) == (ToneKind.RINGBACK, 3)
    assert event.start_s == pytest.approx(0.7, abs=0.03)
    assert event.end_s == pytest.approx(0.7 + 3 * sum(times_s) - times_s[-1], abs=0.03)


@pytest.mark.parametrize("subtype", ["ALAW", "GSM610"])
@pytest.mark.parametrize("country", ["uk", "us", "jp", "in"])
def test_ringing_of_other_countries_survives_a_codec(country: str, subtype: str) -> None:
    what, times_s = RINGING[country]
    found = detect_tones(Audio(through_file(ringing(what, times_s), subtype), RATE), PLAN)
    assert [event.kind for event in found] == [ToneKind.RINGBACK]


@pytest.mark.parametrize("modulation_hz", [15, 16, 20])
@pytest.mark.parametrize("depth", [0.6, 0.9])
def test_japanese_ringing_is_known_over_all_that_its_order_allows(
    modulation_hz: int, depth: float
) -> None:
    (event,) = heard(ringing(f"400*{modulation_hz}", (1.0, 2.0), depth=depth))
    assert event.kind is ToneKind.RINGBACK


def test_british_congestion_is_short_beeps() -> None:
    (event,) = heard(ringing("400", (0.4, 0.35, 0.225, 0.525), n_periods=5))
    assert (event.kind, event.n_periods) == (ToneKind.CONGESTION, 5)


@pytest.mark.parametrize(
    ("what", "times_s"),
    [
        ("400+450", (1.0, 1.0)),
        ("400+450", (0.4, 0.2, 0.4, 0.2)),
        ("440+480", DOUBLE),
        ("440+480", (2.0, 1.5)),
        ("400*16", (1.0, 1.0)),
        ("400*16", (2.0, 4.0)),
        ("400*25", (0.75, 0.75)),
        ("410+460", DOUBLE),
        ("440+494", (2.0, 4.0)),
        ("400+450+500", DOUBLE),
        ("330+440+480", (2.0, 4.0)),
    ],
)
@pytest.mark.parametrize("noise_dbfs", [-70.0, -30.0])
def test_another_cadence_or_another_chord_is_no_ringing(
    what: str, times_s: Sequence[float], noise_dbfs: float
) -> None:
    found = heard(ringing(what, times_s, n_periods=5), noise_dbfs)
    assert {event.kind for event in found} <= {ToneKind.BEEP}


@pytest.mark.parametrize("country", ["uk", "us", "jp"])
def test_one_ring_alone_is_not_enough(country: str) -> None:
    what, times_s = RINGING[country]
    assert not heard(ringing(what, times_s, n_periods=1))


@pytest.mark.parametrize("country", ["uk", "us", "jp", "in"])
def test_the_ringing_of_another_country_decides_as_ringing_does(country: str) -> None:
    what, times_s = RINGING[country]
    sound = ringing(what, times_s, n_periods=5)
    scanner = Scanner(PLAN, RATE)
    scanner.push(Audio(sound + white_noise(len(sound), -60), RATE))
    scan = scanner.finish()
    found, _ = decide_call(
        scan.duration_s,
        scan.tones,
        scan.segments,
        [],
        unknown=scan.unknown,
    )
    assert found.kind is CallOutcome.RINGBACK_ONLY
    assert not scan.has_speech


@pytest.mark.parametrize("country", ["uk", "us", "jp", "in", "my"])
@pytest.mark.parametrize("n_chunk", [160, 4001])
def test_what_is_heard_does_not_depend_on_the_chunks(country: str, n_chunk: int) -> None:
    what, times_s = RINGING[country]
    sound = join(ringing(what, times_s), ringing("425", (0.35, 0.35), 5))
    detector = ToneDetector(PLAN, RATE)
    events: list[ToneEvent] = []
    for start in range(0, len(sound), n_chunk):
        events += detector.push(sound[start : start + n_chunk])
    assert (*events, *detector.finish()) == detect_tones(Audio(sound, RATE), PLAN)


def test_a_chord_that_does_not_end_is_no_beep_and_is_not_kept() -> None:
    detector = ToneDetector(PLAN, RATE)
    for _ in range(30):
        assert not detector.push(sounding("400+450", 1.0))
    assert not detector.push(pause(1.0))
    found = [*detector.push(ringing("400+450", DOUBLE)), *detector.finish()]
    assert [event.kind for event in found] == [ToneKind.RINGBACK]


def test_a_detector_that_was_forked_hears_the_same() -> None:
    sound = ringing("440+480", (2.0, 4.0))
    detector = ToneDetector(PLAN, RATE)
    detector.push(sound[: 9 * RATE])
    fork = detector.forked()
    ends = [(*one.push(sound[9 * RATE :]), *one.finish()) for one in (fork, detector)]
    assert ends[0] == ends[1] == detect_tones(Audio(sound, RATE), PLAN)
