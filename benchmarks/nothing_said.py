"""Does anything without speech reach a recogniser? 300 clips in which nobody says a word.

    python -m benchmarks.nothing_said [--clips 300] [--seed 1] [--rate 16000]

Every clip is made here, from a seed: silence, hum, line and comfort noise, street noise, keypad,
ringing, busy, special information tone, fax, clicks, clipped noise, echoed tones and hold music of
several kinds, at levels from -45 to -3 dBFS, some of them through A-law or GSM. Prints how many
have a speech segment, by kind, and how many seconds of speech were found in them.
"""

from __future__ import annotations

import argparse
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import soundfile as sf
import soxr

from recognizer.model import Audio, Samples, SegmentKind, total_duration_s
from recognizer.signals.scanner import Scan, Scanner
from recognizer.signals.tone_plans import load_known_tones

RATE = 8000
_Signal = npt.NDArray[np.float64]
_Maker = Callable[[np.random.Generator], _Signal]


def _time(seconds: float) -> _Signal:
    return np.arange(round(seconds * RATE)) / RATE


def _sine(frequency_hz: float, seconds: float) -> _Signal:
    return np.sin(2 * np.pi * frequency_hz * _time(seconds))


def _pause(seconds: float) -> _Signal:
    return np.zeros(round(seconds * RATE))


def _shaped(rng: np.random.Generator, seconds: float, slope: float) -> _Signal:
    """Return noise whose amplitude falls with frequency to the power `slope`."""
    n = round(seconds * RATE)
    spectrum = np.fft.rfft(rng.standard_normal(n))
    frequency = np.maximum(np.fft.rfftfreq(n, 1 / RATE), 60)
    noise: _Signal = np.fft.irfft(spectrum * frequency**-slope, n)
    return noise


def _silence(rng: np.random.Generator) -> _Signal:
    return rng.standard_normal(round(rng.uniform(1, 15) * RATE)) * 1e-4


def _hum(rng: np.random.Generator) -> _Signal:
    seconds = rng.uniform(3, 12)
    parts = [_sine(50 * k, seconds) * rng.uniform(0, 1) / k for k in range(1, rng.integers(3, 12))]
    hum: _Signal = np.sum(parts, axis=0)
    return hum + 0.01 * rng.standard_normal(len(parts[0]))


def _line_noise(rng: np.random.Generator) -> _Signal:
    return _shaped(rng, rng.uniform(2, 12), rng.uniform(0, 1))


def _comfort_noise(rng: np.random.Generator) -> _Signal:
    """Return noise in bursts of some seconds, as a receiver fills the gaps of a quiet line."""
    parts = [
        part
        for _ in range(rng.integers(2, 6))
        for part in (_shaped(rng, rng.uniform(0.5, 3), 0.5), _pause(rng.uniform(0.2, 1)))
    ]
    return np.concatenate(parts)


def _street(rng: np.random.Generator) -> _Signal:
    seconds = rng.uniform(4, 12)
    swell = 1 + np.sin(2 * np.pi * rng.uniform(0.1, 0.8) * _time(seconds) + rng.uniform(0, 6))
    return _shaped(rng, seconds, rng.uniform(0.7, 1.3)) * (0.3 + swell)


def _keypad(rng: np.random.Generator) -> _Signal:
    rows, columns = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
    parts = []
    for _ in range(rng.integers(1, 12)):
        on = rng.uniform(0.06, 0.25)
        parts.append(_sine(rng.choice(rows), on) + _sine(rng.choice(columns), on))
        parts.append(_pause(rng.uniform(0.05, 0.8)))
    return np.concatenate(parts)


def _beeps(frequency_hz: float, on_s: float, off_s: float, n: int) -> _Signal:
    return np.tile(np.concatenate((_sine(frequency_hz, on_s), _pause(off_s))), n)


def _ringing(rng: np.random.Generator) -> _Signal:
    return _beeps(425 + rng.uniform(-3, 3), rng.uniform(0.9, 1.1), rng.uniform(3.6, 4.4), 3)


def _busy(rng: np.random.Generator) -> _Signal:
    on_s = rng.choice((rng.uniform(0.3, 0.4), rng.uniform(0.15, 0.2)))
    return _beeps(425 + rng.uniform(-3, 3), on_s, on_s, int(rng.integers(3, 16)))


def _special_information(rng: np.random.Generator) -> _Signal:
    three = np.concatenate([_sine(f, rng.uniform(0.27, 0.38)) for f in (950, 1400, 1800)])
    return np.tile(np.concatenate((_pause(0.5), three, _pause(1.0))), rng.integers(1, 4))


def _fax(rng: np.random.Generator) -> _Signal:
    calling = _beeps(1100, 0.5, 3.0, int(rng.integers(1, 4)))
    answer = _sine(2100, rng.uniform(2.6, 4.0))
    bits = np.repeat(rng.choice((1650.0, 1850.0), 300), round(RATE / 300))
    flags = np.sin(2 * np.pi * np.cumsum(bits) / RATE)
    return np.concatenate((calling, _pause(0.3), answer, _pause(0.075), flags))


def _clicks(rng: np.random.Generator) -> _Signal:
    sound = 1e-3 * rng.standard_normal(round(rng.uniform(2, 10) * RATE))
    for at in rng.integers(0, len(sound) - 200, rng.integers(3, 40)):
        n = rng.integers(2, 120)
        sound[at : at + n] += rng.standard_normal(n) * np.exp(-np.arange(n) / 20)
    return sound


def _clipped_noise(rng: np.random.Generator) -> _Signal:
    return np.clip(5 * _shaped(rng, rng.uniform(2, 8), rng.uniform(0, 0.8)), -0.3, 0.3)


def _echoed_tones(rng: np.random.Generator) -> _Signal:
    room = rng.standard_normal(RATE // 2) * np.exp(-_time(0.5) / rng.uniform(0.05, 0.15))
    dry = rng.choice(3)
    source = (_ringing, _busy, _keypad)[dry](rng)
    return np.convolve(source, room)[: len(source)]


def _note(rng: np.random.Generator, midi: float, seconds: float, timbre: int) -> _Signal:
    """Return a note: organ, plucked string, bell, reed, or a lead with vibrato."""
    frequency_hz = 440 * 2 ** ((midi - 69) / 12)
    t = _time(seconds)
    depth = 0.008 if timbre == 4 else 0.0
    phase = 2 * np.pi * frequency_hz * (t + depth / 35 * np.sin(2 * np.pi * 5.5 * t))
    partials = {0: 6, 1: 12, 2: 4, 3: 9, 4: 7}[timbre]
    ratios = [k if timbre != 2 else k**1.4 for k in range(1, partials + 1)]
    ratios = [r for r in ratios if r * frequency_hz < 0.45 * RATE]
    tone: _Signal = np.sum([np.sin(r * phase + rng.uniform(0, 6)) / r**1.1 for r in ratios], axis=0)
    decay = {0: 9.0, 1: 0.35, 2: 0.8, 3: 4.0, 4: 9.0}[timbre]
    attack = np.minimum(t / 0.01, 1) * np.minimum((seconds - t) / 0.02, 1)
    note: _Signal = tone * np.exp(-t / decay) * attack
    return note


def _music(rng: np.random.Generator) -> _Signal:
    """Return four-part hold music with a rhythm: chords, bass, melody, drums."""
    beat_s = 60 / rng.uniform(70, 150)
    root = rng.integers(50, 62)
    scale = rng.choice(((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)))
    timbres = rng.integers(0, 5, 3)
    has_drums = rng.random() < 0.6
    n_beats = int(rng.uniform(6, 14) / beat_s)
    sound = np.zeros(round((n_beats + 4) * beat_s * RATE))

    def add(at_beat: float, part: _Signal, gain: float) -> None:
        first = round(at_beat * beat_s * RATE)
        part = part[: len(sound) - first]
        sound[first : first + len(part)] += gain * part

    for bar in range(0, n_beats, 4):
        degree = rng.choice((0, 3, 4, 5))
        chord = [root + scale[(degree + k) % 7] for k in (0, 2, 4)]
        for midi in chord:
            add(bar, _note(rng, midi, 4 * beat_s, timbres[0]), 0.4)
        add(bar, _note(rng, chord[0] - 12, 2 * beat_s, timbres[1]), 0.6)
        for beat in range(4):
            if rng.random() < 0.8:
                midi = root + 12 + scale[rng.integers(0, 7)]
                add(bar + beat, _note(rng, midi, rng.uniform(0.5, 1.5) * beat_s, timbres[2]), 0.7)
            if has_drums:
                hit = rng.standard_normal(1200) * np.exp(-np.arange(1200) / 250)
                add(bar + beat, hit, 0.5)
    return sound


MAKERS: dict[str, _Maker] = {
    "silence": _silence,
    "hum": _hum,
    "line noise": _line_noise,
    "comfort noise": _comfort_noise,
    "street": _street,
    "keypad": _keypad,
    "ringing": _ringing,
    "busy": _busy,
    "special information": _special_information,
    "fax": _fax,
    "clicks": _clicks,
    "clipped noise": _clipped_noise,
    "echoed tones": _echoed_tones,
    "music": _music,
    "more music": _music,
}


def _through_codec(rng: np.random.Generator, samples: Samples) -> Samples:
    subtype = rng.choice(("", "ALAW", "GSM610"))
    if not subtype:
        return samples
    file = io.BytesIO()
    sf.write(file, samples, RATE, format="WAV", subtype=subtype)
    file.seek(0)
    decoded: Samples = sf.read(file, dtype="float32")[0]
    return decoded


def make_clips(n_clips: int, seed: int) -> Iterator[tuple[str, Samples]]:
    """Yield the kind and the samples at 8 kHz of `n_clips` clips, the kinds in turn."""
    rng = np.random.default_rng(seed)
    kinds = list(MAKERS)
    for index in range(n_clips):
        kind = kinds[index % len(kinds)]
        sound = MAKERS[kind](rng)
        if kind != "silence":
            level = 10 ** (rng.uniform(-45, -6) / 20)
            sound = sound / max(float(np.sqrt(np.mean(sound**2))), 1e-9) * level
        samples = np.clip(sound, -1, 1).astype(np.float32)
        yield kind, _through_codec(rng, samples)


def scan_clip(samples: Samples, sample_rate: int = RATE) -> Scan:
    """Return what is heard in one clip, brought to `sample_rate` first."""
    if sample_rate != RATE:
        samples = soxr.resample(samples, RATE, sample_rate)
    scanner = Scanner(load_known_tones(), sample_rate)
    scanner.push(Audio(samples, sample_rate))
    return scanner.finish()


def main() -> None:
    """Print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=int, default=16000, choices=(8000, 16000))
    options = parser.parse_args()
    n_clips, n_with_speech = Counter[str](), Counter[str]()
    seconds: defaultdict[str, float] = defaultdict(float)
    for kind, samples in make_clips(options.clips, options.seed):
        n_clips[kind] += 1
        speech_s = total_duration_s(scan_clip(samples, options.rate).segments, SegmentKind.SPEECH)
        n_with_speech[kind] += speech_s > 0
        seconds[kind] += speech_s
    print(f"{'kind':22}{'clips':>7}{'with speech':>13}{'seconds':>9}")
    for kind, n in n_clips.items():
        print(f"{kind:22}{n:7}{n_with_speech[kind]:13}{seconds[kind]:9.1f}")
    total_s = sum(seconds.values())
    print(f"{'all':22}{n_clips.total():7}{n_with_speech.total():13}{total_s:9.1f}")


if __name__ == "__main__":
    main()
