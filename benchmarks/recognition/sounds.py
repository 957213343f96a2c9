"""Everything on a line that is not speech: tones, noise, music, made from literal numbers.

Conventions: float32, shape (n_samples,), mono, 16 kHz. Tones have peak 1, noises RMS 1. Nothing
here is read from the program's own tone plan, so that it is not measured against itself.

Sources: ITU-T E.180 and the Russian order on tones (425 Hz; ringback 1 s on, 4 s off; busy
0.35/0.35; congestion 0.175/0.175; special information 950, 1400, 1800 Hz, 330 ms each), ITU-T
Q.23 (DTMF), T.30 (1100 Hz calling, 2100 Hz answering).
"""

from __future__ import annotations

import numpy as np

from benchmarks.recognition.voices import SAMPLE_RATE, Samples

__all__ = ["NOISES", "dtmf", "fax", "music", "noise", "periodic", "silence", "sit", "tone"]

NOISES = ("white", "pink", "babble", "street", "hum")

_DTMF_HZ = {
    key: (low, high)
    for low, row in zip((697, 770, 852, 941), ("123", "456", "789", "*0#"), strict=True)
    for high, key in zip((1209, 1336, 1477), row, strict=True)
}


def _n(duration_s: float) -> int:
    return round(duration_s * SAMPLE_RATE)


def silence(duration_s: float) -> Samples:
    """Return digital silence."""
    return np.zeros(_n(duration_s), dtype=np.float32)


def tone(frequencies_hz: tuple[float, ...], duration_s: float) -> Samples:
    """Return the sum of sines of equal strength, with 5 ms ramps."""
    time_s = np.arange(_n(duration_s)) / SAMPLE_RATE
    wave = sum(np.sin(2 * np.pi * f * time_s) for f in frequencies_hz) / len(frequencies_hz)
    ramp = np.minimum(1.0, np.minimum(time_s, time_s[::-1]) / 0.005)
    return np.asarray(wave * ramp, dtype=np.float32)


def periodic(frequency_hz: float, on_s: float, off_s: float, n_periods: int) -> Samples:
    """Return `n_periods` beeps, each followed by its pause."""
    period = np.concatenate([tone((frequency_hz,), on_s), silence(off_s)])
    return np.tile(period, n_periods)


def ringback(n_periods: int) -> Samples:
    """Return Russian ringing."""
    return periodic(425, 1.0, 4.0, n_periods)


def busy(n_periods: int) -> Samples:
    """Return Russian busy tone."""
    return periodic(425, 0.35, 0.35, n_periods)


def congestion(n_periods: int) -> Samples:
    """Return Russian congestion tone."""
    return periodic(425, 0.175, 0.175, n_periods)


def sit() -> Samples:
    """Return the special information tone."""
    return np.concatenate([tone((f,), 0.33) for f in (950, 1400, 1800)])


def fax(rng: np.random.Generator) -> Samples:
    """Return a fax machine's answer (2100 Hz) or call (1100 Hz, 0.5 s on, 3 s off)."""
    if rng.random() < 0.5:
        return np.concatenate([silence(1.0), tone((2100,), 3.0), silence(1.0)])
    return periodic(1100, 0.5, 3.0, 3)


def dtmf(rng: np.random.Generator) -> Samples:
    """Return four to eleven keys."""
    keys = rng.choice(list(_DTMF_HZ), size=rng.integers(4, 12))
    return np.concatenate(
        [np.concatenate([tone(_DTMF_HZ[str(key)], 0.12), silence(0.15)]) for key in keys]
    )


def music(rng: np.random.Generator, duration_s: float) -> Samples:
    """Return a plucked accompaniment with a melody: chords, decaying partials, a steady beat."""
    out = np.zeros(_n(duration_s) + SAMPLE_RATE * 2, dtype=np.float64)
    beat_s = float(rng.uniform(0.35, 0.6))
    root = float(rng.uniform(110, 196))
    scale = (0, 2, 4, 5, 7, 9, 11, 12)
    chords = [(0, 4, 7), (5, 9, 12), (7, 11, 14), (9, 12, 16)]
    for beat in range(int(duration_s / beat_s)):
        notes = [(int(rng.choice(scale)) + 12, 0.8)]
        if beat % 2 == 0:
            notes += [(step, 0.5) for step in chords[(beat // 4) % 4]]
        for step, strength in notes:
            first = _n(beat * beat_s)
            note = strength * _pluck(root * 2 ** (step / 12))
            out[first : first + len(note)] += note
    wave = out[: _n(duration_s)]
    return np.asarray(wave / max(1e-9, float(np.max(np.abs(wave)))), dtype=np.float32)


def _pluck(frequency_hz: float) -> np.ndarray:
    time_s = np.arange(_n(1.2)) / SAMPLE_RATE
    partials = sum(
        np.sin(2 * np.pi * k * frequency_hz * time_s) * np.exp(-time_s * (2 + k)) / k
        for k in range(1, 6)
    )
    return np.asarray(partials * np.minimum(1.0, time_s / 0.01))


def noise(kind: str, n_samples: int, rng: np.random.Generator, speech: list[Samples]) -> Samples:
    """Return one of `NOISES` with RMS 1; babble is made of at least four clips of `speech`."""
    if kind == "white":
        wave = rng.standard_normal(n_samples)
    elif kind == "pink":
        wave = _coloured(n_samples, rng, -0.5)
    elif kind == "babble":
        turned = [np.roll(clip, int(rng.integers(len(clip)))) for clip in speech]
        wave = np.sum([np.resize(clip, n_samples) for clip in turned], axis=0)
    elif kind == "street":
        wave = _street(n_samples, rng)
    elif kind == "hum":
        time_s = np.arange(n_samples) / SAMPLE_RATE
        partials = [np.sin(2 * np.pi * 50 * k * time_s + k) / k**0.5 for k in range(1, 24)]
        wave = np.sum(partials, axis=0)
        wave = wave / np.std(wave) + 0.3 * rng.standard_normal(n_samples)
    else:
        raise ValueError(f"noise: expected one of {', '.join(NOISES)}, got {kind!r}")
    return np.asarray(wave / max(1e-9, float(np.std(wave))), dtype=np.float32)


def _coloured(n_samples: int, rng: np.random.Generator, slope: float) -> np.ndarray:
    """Return noise whose amplitude falls as frequency to the power `slope`."""
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    frequency = np.fft.rfftfreq(n_samples, 1 / SAMPLE_RATE)
    return np.fft.irfft(spectrum * np.maximum(frequency, 50.0) ** slope, n_samples)


def _street(n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return traffic: a rumble, and passing cars that swell and fade."""
    time_s = np.arange(n_samples) / SAMPLE_RATE
    wave = _coloured(n_samples, rng, -0.8)
    wave /= np.std(wave)
    cars = _coloured(n_samples, rng, -0.4)
    swell = np.zeros(n_samples)
    for _ in range(int(rng.integers(1, 4))):
        middle_s = rng.uniform(0, max(1e-9, time_s[-1]))
        swell += np.exp(-(((time_s - middle_s) / rng.uniform(0.5, 1.5)) ** 2))
    return np.asarray(wave + 2 * swell * cars / np.std(cars))
