from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from telephone_sounds import RATE, beeps, join, pause, white_noise

from recognizer.base.errors import DataFileError
from recognizer.model import Audio, ToneKind
from recognizer.signals.tone_plans import load_known_tones, load_tone_plan
from recognizer.signals.tones import detect_tones

GOOD = """\
[xx]
name = "Nowhere"
source = "nobody"

[[xx.tone]]
kind = "busy"
name = "busy"
standard = "400/500,0/500"
source = "nobody"
frequencies_hz = [400]
tolerance_hz = 10
on_ms = [400, 600]
off_ms = [400, 600]
period_ms = [900, 1100]
min_beeps = 2
"""


def read(tmp_path: Path, text: str, country: str = "xx") -> None:
    path = tmp_path / "plans.toml"
    path.write_text(text, encoding="utf-8")
    load_tone_plan(country, path)


def test_the_russian_plan_has_every_kind_of_signal() -> None:
    assert {tone.kind for tone in load_tone_plan("ru").tones} == set(ToneKind)


# The order on tones and ITU-T E.180, not our file.
@pytest.mark.parametrize(
    ("kind", "on_ms", "off_ms"),
    [
        (ToneKind.RINGBACK, (900, 1100), (3600, 4400)),
        (ToneKind.BUSY, (300, 400), (300, 400)),
        (ToneKind.CONGESTION, (150, 200), (150, 200)),
    ],
)
def test_the_russian_plan_covers_the_tolerances_of_the_order(
    kind: ToneKind, on_ms: tuple[float, float], off_ms: tuple[float, float]
) -> None:
    (spec,) = load_tone_plan("ru").of_kind(kind)
    assert spec.off_ms is not None
    assert spec.period_ms is not None
    for frequency_hz in (422, 425, 428):
        assert spec.matches_frequency(frequency_hz)
    for (low, high), (shortest, longest) in (
        (spec.on_ms, on_ms),
        (spec.off_ms, off_ms),
        (spec.period_ms, (on_ms[0] + off_ms[0], on_ms[1] + off_ms[1])),
    ):
        assert low < shortest
        assert high > longest


def test_periods_of_one_frequency_do_not_overlap() -> None:
    specs = [s for s in load_tone_plan("ru").tones if s.period_ms and s.frequencies_hz == (425,)]
    ranges = sorted(spec.period_ms for spec in specs if spec.period_ms)
    assert all(ranges[i][1] <= ranges[i + 1][0] for i in range(len(ranges) - 1))


def test_a_plan_of_ones_own_is_read(tmp_path: Path) -> None:
    path = tmp_path / "plans.toml"
    path.write_text(GOOD.replace("on_ms = [400, 600]", "on_ms = [400]"), encoding="utf-8")
    (tone,) = load_tone_plan("xx", path).tones
    assert tone.on_ms == (400, math.inf)


def test_an_unknown_country_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"no tone plan for 'zz'; there are: xx"):
        read(tmp_path, GOOD, "zz")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "busy"', 'kind = "engaged"', r"line 6: .*'engaged'"),
        ("min_beeps = 2", "min_beeps = 0", r"line 15: min_beeps: expected 1 or more, got 0"),
        ("on_ms = [400, 600]", "on_ms = [600, 400]", r"line 12: on_ms: expected \[shortest"),
        ("on_ms = [400, 600]", "on_ms = []", r"line 12: on_ms: expected \[shortest"),
        ("on_ms = [400, 600]", 'on_ms = ["a"]', r"line 12: Expected `float`"),
        ("[400]\n", "[40]\n", r"line 10: frequencies_hz: expected frequencies of 50\.\.\.3900 Hz"),
        ("[400]\n", "[400, 450]\n", r"line 10: .* or sequence = true"),
        ("frequencies_hz = [400]\n", "", r"one of frequencies_hz, band_hz"),
        ("tolerance_hz = 10", "tolerance = 10", r"line 5: .*tolerance"),
        ("[[xx.tone]]", "[[xx.tune]]", r"line 1: .*`tune`"),
    ],
)
def test_mistakes_are_named_with_their_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(DataFileError, match=message):
        read(tmp_path, GOOD.replace(old, new))


def test_two_signals_of_one_name_are_refused(tmp_path: Path) -> None:
    second = GOOD[GOOD.index("[[xx.tone]]") :]
    with pytest.raises(DataFileError, match=r"line 18: name 'busy' is already used"):
        read(tmp_path, GOOD + second)


# Asterisk's indications.conf: [us], [uk], [cn], [fr], [tr]; not our file.
@pytest.mark.parametrize(
    ("frequencies_hz", "on_s", "off_s", "kind"),
    [
        ((480, 620), 0.5, 0.5, ToneKind.BUSY),
        ((480, 620), 0.25, 0.25, ToneKind.CONGESTION),
        ((400,), 0.375, 0.375, ToneKind.BUSY),
        ((450,), 1.0, 4.0, ToneKind.RINGBACK),
        ((450,), 0.35, 0.35, ToneKind.BUSY),
        ((440,), 1.5, 3.5, ToneKind.RINGBACK),
        ((450,), 2.0, 4.0, ToneKind.RINGBACK),
        ((350, 440), 12.0, 0.5, ToneKind.DIAL),
    ],
)
@pytest.mark.parametrize("noise_dbfs", [-60.0, -35.0])
def test_signals_of_other_countries_are_known(
    frequencies_hz: tuple[float, ...], on_s: float, off_s: float, kind: ToneKind, noise_dbfs: float
) -> None:
    sound = sum(beeps(hz, on_s, off_s, round(12 / (on_s + off_s)) + 1) for hz in frequencies_hz)
    assert isinstance(sound, np.ndarray)
    noisy = join(pause(0.7), sound) + white_noise(len(sound) + round(0.7 * RATE), noise_dbfs)
    found = detect_tones(Audio(noisy, RATE), load_known_tones())
    assert {tone.kind for tone in found} == {kind}


def test_what_is_known_abroad_does_not_change_what_is_heard_at_home() -> None:
    home, known = load_tone_plan("ru"), load_known_tones("ru")
    assert known.tones[: len(home.tones)] == home.tones
    for on_off_s in ((1.0, 4.0), (0.35, 0.35), (0.175, 0.175)):
        sound = Audio(join(pause(0.5), beeps(425, *on_off_s, 6)), RATE)
        assert detect_tones(sound, known) == detect_tones(sound, home)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('busy = "400"/375', r"abroad\.toml"),
        ('busy = "fast"', r"abroad\.toml, line 4: expected Hz/ms"),
        ('ring = "400/90,0/90,400/90,0/90,400/90,0/900"', r"line 4: .*is not heard"),
        ('ring = "400+425+450/400,0/200"', r"line 4: .*is not heard"),
        ('ring = "400/400,0/200,450/400,0/2000"', r"line 4: .*is not heard"),
        ('dial = "413+438"', r"line 4: .*is not heard"),
        ('ring = "300*25/1000,0/3000"', r"line 4: .*is not heard"),
        ('ring = "400/1000,0/3000"\nnot_heard = ["ring"]', r"line 4: .*is heard"),
        ('ring = "400/1000,0/3000,400/1000"', r"line 4: expected Hz/ms"),
        ('rung = "400"', r"line 1: .*rung"),
    ],
)
def test_a_country_that_cannot_be_read_is_refused_with_its_line(
    tmp_path: Path, line: str, message: str
) -> None:
    path = tmp_path / "abroad.toml"
    path.write_text(f'[xx]\nname = "Nowhere"\nsource = "nobody"\n{line}\n', encoding="utf-8")
    with pytest.raises(DataFileError, match=message):
        load_known_tones(abroad=path)
