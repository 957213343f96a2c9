"""How often a call of signals alone is what they say: ``python -m benchmarks.signal_confidence``.

Makes clips in which nobody speaks, from a seed: ringing, short beeps, fax, hold music, silence and
calls dropped at once, and as many sounds that are none of these (keypad, dial tones of several
countries, call waiting, special information, sirens, street, friction), at levels from -45 to
-6 dBFS, in noise, through codecs, some of them with holes. Counts by outcome, and by the periods it
rests on, how often it was claimed and how often rightly, with the calibration error of the
confidences given. ``--fit`` prints the counts as data/signal_confidence.toml wants them; judge with
another seed. Clips with a speech segment are counted apart: a recogniser decides those.
"""

from __future__ import annotations

import argparse
import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soundfile as sf

from benchmarks import nothing_said
from benchmarks.recognition.measures import expected_calibration_error
from recognizer.model import CallOutcome, Outcome, Samples
from recognizer.recognition.outcome import decide_call
from recognizer.recognition.signal_confidence import periods_of

RATE = nothing_said.RATE
_Signal = npt.NDArray[np.float64]
_Maker = Callable[[np.random.Generator], _Signal]
_RING, _BUSY, _FAX = CallOutcome.RINGBACK_ONLY, CallOutcome.BUSY_TONE, CallOutcome.FAX
_NOTHING = (CallOutcome.SILENCE, CallOutcome.DISCONNECTED)
_QUIET_DBFS = -40.0  # line noise below this is silence, too


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of sound: how it is made, and what may be claimed of it."""

    make: _Maker
    right: tuple[CallOutcome, ...] = ()
    right_if_quiet: tuple[CallOutcome, ...] = ()


def _time(seconds: float) -> _Signal:
    return np.arange(round(seconds * RATE)) / RATE


def _sounding(what: str, seconds: float) -> _Signal:
    """Return ``a``, ``a+b``, or ``a*b``: a tone whose level another one modulates."""
    t = _time(seconds)
    if "*" in what:
        carrier, modulation = map(float, what.split("*"))
        swell: _Signal = 1 + 0.9 * np.sin(2 * np.pi * modulation * t)
        return swell * np.sin(2 * np.pi * carrier * t)
    parts = [np.sin(2 * np.pi * float(hz) * t) for hz in what.split("+")]
    total: _Signal = np.sum(parts, axis=0)
    return total


def _cadence(what: str, times_s: Sequence[float], n_periods: int) -> _Signal:
    parts = [
        _sounding(what, seconds) if place % 2 == 0 else np.zeros(round(seconds * RATE))
        for _ in range(n_periods)
        for place, seconds in enumerate(times_s)
    ]
    return np.concatenate((np.zeros(RATE // 3), *parts))


def _ringing(rng: np.random.Generator) -> _Signal:
    times_s = (rng.uniform(0.9, 1.1), rng.uniform(3.6, 4.4))
    return _cadence(str(425 + rng.uniform(-3, 3)), times_s, int(rng.integers(1, 6)))


def _ringing_abroad(rng: np.random.Generator) -> _Signal:
    double = (0.4, 0.2, 0.4, 2.0)
    kinds = (
        ("400+450", double),
        ("440+480", (2.0, 4.0)),
        ("400*16", (1.0, 2.0)),
        ("400*25", double),
        ("440", (1.5, 3.5)),
        ("450", (1.0, 4.0)),
    )
    what, times_s = kinds[rng.integers(len(kinds))]
    return _cadence(what, times_s, int(rng.integers(2, 5)))


def _busy(rng: np.random.Generator) -> _Signal:
    whats = ("425", "425", "425", "480+620", "400", "450")
    on_s = rng.choice((rng.uniform(0.3, 0.4), rng.uniform(0.15, 0.2), 0.5))
    what = str(rng.choice(whats))
    return _cadence(what, (on_s, on_s) if what == "425" else (0.5, 0.5), int(rng.integers(2, 12)))


def _fax(rng: np.random.Generator) -> _Signal:
    if rng.random() < 0.5:
        return _cadence("1100", (0.5, 3.0), int(rng.integers(1, 4)))
    return np.concatenate((np.zeros(RATE // 2), _sounding("2100", rng.uniform(2.6, 4.0))))


def _with_holes(rng: np.random.Generator) -> _Signal:
    sound = (_ringing, _ringing_abroad)[int(rng.integers(2))](rng)
    for _ in range(int(rng.integers(1, 12))):
        first = int(rng.integers(len(sound)))
        sound[first : first + round(rng.uniform(0.02, 0.2) * RATE)] = 0.0
    return sound


def _dial(rng: np.random.Generator) -> _Signal:
    """Return a dial tone: stuttering, interrupted as in Italy, Greece and Czechia, or steady."""
    stutter = _cadence("425", (0.1, 0.1), 6)
    return (
        np.concatenate((stutter, _sounding("425", 4.0))),
        _cadence("425", (0.2, 0.2, 0.6, 1.0), 4),
        _cadence("425", (0.2, 0.3, 0.7, 0.8), 4),
        _cadence("425", (0.33, 0.33, 0.66, 0.66), 4),
        _cadence("425", (0.4, 0.04), 10),
        _sounding("350+440", 6.0),
    )[rng.integers(6)]


def _waiting(rng: np.random.Generator) -> _Signal:
    return (
        _cadence("425", (0.2, 5.0), 3),
        _cadence("440", (0.3, 10.0), 2),
        _cadence("1400", (0.4, 15.0), 2),
        _cadence("400", (0.1, 4.0), 3),
    )[rng.integers(4)]


def _siren(rng: np.random.Generator) -> _Signal:
    seconds, rate = rng.uniform(3, 10), rng.uniform(0.2, 4)
    swing = np.sin(2 * np.pi * rate * _time(seconds))
    if rng.random() < 0.5:
        swing = np.sign(swing)
    tone: _Signal = np.sin(2 * np.pi * np.cumsum(800 + rng.uniform(100, 350) * swing) / RATE)
    return tone


def _modem(rng: np.random.Generator) -> _Signal:
    bits = np.repeat(rng.choice((980.0, 1180.0), 900), round(RATE / 300))
    tone: _Signal = np.sin(2 * np.pi * np.cumsum(bits) / RATE)
    return tone


def _friction(rng: np.random.Generator) -> _Signal:
    seconds = rng.uniform(0.5, 5)
    spectrum = np.fft.rfft(rng.standard_normal(round(seconds * RATE)))
    spectrum[: round(1500 * seconds)] = 0.0
    knots = np.arange(0, seconds + 0.2, rng.uniform(0.05, 0.2))
    swell = np.interp(_time(seconds), knots, np.abs(rng.standard_normal(len(knots))))
    noise: _Signal = np.fft.irfft(spectrum, round(seconds * RATE))
    return noise * swell


def _dropped(rng: np.random.Generator) -> _Signal:
    return rng.standard_normal(round(rng.uniform(0.3, 2.9) * RATE)) * 1e-4


_MADE = nothing_said.MAKERS
KINDS: dict[str, Kind] = {
    "ringing": Kind(_ringing, (_RING,)),
    "ringing abroad": Kind(_ringing_abroad, (_RING,)),
    "ringing with holes": Kind(_with_holes, (_RING,)),
    "short beeps": Kind(_busy, (_BUSY,)),
    "fax": Kind(_fax, (_FAX,)),
    "music": Kind(_MADE["music"], (CallOutcome.MUSIC,)),
    "silence": Kind(_MADE["silence"], _NOTHING),
    "dropped": Kind(_dropped, (CallOutcome.DISCONNECTED,)),
    "hum": Kind(_MADE["hum"], _NOTHING),
    "clicks": Kind(_MADE["clicks"], _NOTHING),
    "line noise": Kind(_MADE["line noise"], (), _NOTHING),
    "comfort noise": Kind(_MADE["comfort noise"], (), _NOTHING),
    "street": Kind(_MADE["street"], (), _NOTHING),
    "friction": Kind(_friction, (), _NOTHING),
    "keypad": Kind(_MADE["keypad"]),
    "special information": Kind(_MADE["special information"]),
    "dial": Kind(_dial),
    "call waiting": Kind(_waiting),
    "siren": Kind(_siren),
    "modem": Kind(_modem, (_FAX,)),
}


def _on_a_line(rng: np.random.Generator, sound: _Signal) -> tuple[Samples, float]:
    """Return a sound at some level, in noise, through a codec; and that level in dBFS."""
    level_dbfs = float(rng.uniform(-45, -6))
    loud = np.sqrt(np.mean(sound[np.abs(sound) > 1e-3] ** 2)) if np.any(sound) else 1.0
    scaled = sound / loud * 10 ** (level_dbfs / 20)
    snr_db = float(rng.choice((60.0, rng.uniform(6, 30))))
    noise = rng.standard_normal(len(scaled)) * 10 ** ((level_dbfs - snr_db) / 20)
    samples = np.clip(scaled + noise, -1, 1).astype(np.float32)
    codec = str(rng.choice(("", "ALAW", "GSM610")))
    if not codec:
        return samples, level_dbfs
    file = io.BytesIO()
    sf.write(file, samples, RATE, format="WAV", subtype=codec)
    file.seek(0)
    decoded: Samples = sf.read(file, dtype="float32")[0]
    return decoded, level_dbfs


def decide_clip(kind: str, rng: np.random.Generator) -> tuple[Outcome, int, bool] | None:
    """Return what one clip comes to, the periods it rests on, and whether that is right.

    None where something in it is taken for speech.
    """
    sound = KINDS[kind].make(rng)
    if kind in {"silence", "dropped"}:
        samples, level_dbfs = sound.astype(np.float32), -80.0
    else:
        samples, level_dbfs = _on_a_line(rng, sound)
    scan = nothing_said.scan_clip(samples, 16000)
    if scan.has_speech:
        return None
    outcome, _ = decide_call(
        scan.duration_s,
        scan.tones,
        scan.segments,
        [],
        unknown=scan.unknown,
    )
    right = KINDS[kind].right
    if level_dbfs < _QUIET_DBFS:
        right += KINDS[kind].right_if_quiet
    return outcome, periods_of(outcome.kind, scan.tones), outcome.kind in right


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--fit", action="store_true", help="print the counts as the data file's")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    kinds = list(KINDS)
    claimed, right = Counter[tuple[CallOutcome, int]](), Counter[tuple[CallOutcome, int]]()
    wrong, abstained = Counter[tuple[str, str]](), Counter[str]()
    told: list[tuple[float, bool]] = []
    n_speech = 0
    for index in range(options.clips):
        kind = kinds[index % len(kinds)]
        found = decide_clip(kind, rng)
        if found is None:
            n_speech += 1
            continue
        outcome, n_periods, is_right = found
        if outcome.kind is CallOutcome.UNDETERMINED:
            abstained[kind] += 1
            continue
        key = (outcome.kind, n_periods)
        claimed[key] += 1
        right[key] += is_right
        told.append((outcome.confidence, is_right))
        if not is_right:
            wrong[kind, outcome.kind.value] += 1
    for (outcome_kind, n_periods), n in sorted(claimed.items()):
        n_right = right[outcome_kind, n_periods]
        if options.fit:
            print(f'[[claim]]\noutcome = "{outcome_kind.value}"\nfrom_periods = {n_periods}')
            print(f"n_claimed = {n}\nn_right = {n_right}\n")
        else:
            print(f"{outcome_kind.value:16}{n_periods:3} periods{n_right:6} right of {n}")
    confidence = np.array([c for c, _ in told])
    error = expected_calibration_error(confidence, np.array([float(r) for _, r in told]))
    print(f"# {options.clips} clips, seed {options.seed}: {len(told)} answered, calibration error")
    print(f"# {error:.3f}; {n_speech} with something like speech; wrong: {dict(wrong)};")
    print(f"# undetermined: {dict(abstained)}")


if __name__ == "__main__":
    main()
