"""How fast and how surely tones are heard.

    python -m benchmarks.tones [--signals 300] [--seed 1] [--folder DIR ...]

Prints seconds of sound per second of one processor for `detect_tones` alone, at 8 and 16 kHz; then
how many of randomly drawn signals come out as exactly one event of the right kind, by kind and by
what was done to them (codec, noise of 10-30 dB, level of -45...-3 dBFS, cut ends). Signals are made
of the numbers of the Russian order and ITU-T E.180, not of the shipped plan. With `--folder`, also
lists every tone heard in the recordings below a folder: there should be none in speech and music.
"""

from __future__ import annotations

import argparse
import io
import os
import time
from collections import Counter
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # before numpy is loaded: one thread

import numpy as np  # noqa: E402
import soundfile as sf  # noqa: E402
import soxr  # noqa: E402

from recognizer.model import Audio, Samples  # noqa: E402
from recognizer.signals.tone_plans import load_known_tones  # noqa: E402
from recognizer.signals.tones import detect_tones  # noqa: E402

RATE = 8000
PLAN = load_known_tones()


def _tone(frequency_hz: float, seconds: float) -> Samples:
    t = np.arange(round(seconds * RATE)) / RATE
    wave: Samples = np.sin(2 * np.pi * frequency_hz * t).astype(np.float32)
    return wave


def _pause(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


def _beeps(rng: np.random.Generator, on_s: float, off_s: float, n: int) -> Samples:
    """Return beeps of about 425 Hz; half of the time the first and last are cut."""
    frequency_hz = 425 + rng.uniform(-10, 10)
    sound = np.tile(np.concatenate((_tone(frequency_hz, on_s), _pause(off_s))), n)
    if n > 2 and rng.random() < 0.5:
        first = round(rng.uniform(0, on_s) * RATE)
        last = len(sound) - round(rng.uniform(0, off_s + 0.5 * on_s) * RATE)
        return sound[first:last]
    return np.concatenate((_pause(rng.uniform(0.1, 1.5)), sound))


def make_signal(rng: np.random.Generator, kind: str) -> Samples:
    """Return a signal of `kind` anywhere within its tolerances, at full scale."""
    match kind:
        case "ringback":
            return _beeps(
                rng, rng.uniform(0.9, 1.1), rng.uniform(3.6, 4.4), int(rng.integers(1, 4))
            )
        case "busy":
            return _beeps(
                rng, rng.uniform(0.3, 0.4), rng.uniform(0.3, 0.4), int(rng.integers(2, 9))
            )
        case "congestion":
            return _beeps(
                rng, rng.uniform(0.15, 0.2), rng.uniform(0.15, 0.2), int(rng.integers(3, 14))
            )
        case "dial":
            parts = [_tone(425 + rng.uniform(-10, 10), rng.uniform(2, 6))]
        case "sit":
            parts = []
            for frequency_hz in (950, 1400, 1800):
                parts.append(_tone(frequency_hz + rng.uniform(-50, 50), rng.uniform(0.26, 0.4)))
                parts.append(_pause(rng.uniform(0, 0.03)))
        case "fax":
            parts = [_tone(2100 + rng.uniform(-15, 15), rng.uniform(2.6, 4.0))]
        case _:
            parts = [_tone(rng.uniform(600, 1900), rng.uniform(0.25, 1.0))]
    return np.concatenate((_pause(0.4), *parts, _pause(0.6)))


def _coded(samples: Samples, subtype: str) -> Samples:
    if not subtype:
        return samples
    file = io.BytesIO()
    sf.write(file, samples, RATE, format="WAV", subtype=subtype)
    file.seek(0)
    decoded: Samples = sf.read(file, dtype="float32")[0]
    return decoded


def measure_recall(n_signals: int, seed: int) -> None:
    """Print how many signals are heard, by everything that was varied."""
    rng = np.random.default_rng(seed)
    kinds = ("ringback", "busy", "busy", "congestion", "congestion", "dial", "sit", "fax", "beep")
    right, drawn = Counter[str](), Counter[str]()
    for index in range(n_signals):
        kind = kinds[index % len(kinds)]
        level_db = rng.uniform(-42, -3)
        codec = str(rng.choice(("", "ALAW", "GSM610")))
        snr_db = float(rng.choice((np.inf, rng.uniform(10, 30))))
        samples = make_signal(rng, kind) * np.float32(10 ** (level_db / 20))
        noise = rng.standard_normal(len(samples)) * 10 ** ((level_db - 3 - snr_db) / 20)
        samples = np.clip(samples + noise, -1, 1).astype(np.float32)
        events = detect_tones(Audio(_coded(samples, codec), RATE), PLAN)
        is_right = [event.kind.value for event in events] == [kind]
        labels = (
            kind,
            f"codec {codec or 'none'}",
            "noise 10-30 dB" if np.isfinite(snr_db) else "no noise",
            f"{10 * int(level_db // 10)}...{10 * int(level_db // 10) + 10} dBFS",
            "all",
        )
        drawn.update(labels)
        right.update(labels if is_right else ())
    for label in sorted(drawn):
        print(f"{label:20}{right[label]:6} of {drawn[label]}")


def measure_speed() -> None:
    """Print the speed on ringing, busy tone and noise with nothing in it."""
    rng = np.random.default_rng(1)
    parts = [make_signal(rng, kind) * 0.1 for kind in ("ringback", "busy", "congestion")]
    parts.append((0.05 * rng.standard_normal(20 * RATE)).astype(np.float32))
    minute = np.resize(np.concatenate(parts), 60 * RATE).astype(np.float32)
    for rate in (8000, 16000):
        sound = np.tile(soxr.resample(minute, RATE, rate), 3).astype(np.float32)
        taken_s = []
        for _ in range(3):
            start = time.process_time()
            detect_tones(Audio(sound, rate), PLAN)
            taken_s.append(time.process_time() - start)
        print(f"{rate} Hz: {len(sound) / rate / min(taken_s):.0f} seconds of sound a second")


def list_tones(folder: Path) -> None:
    """Print every tone heard in the recordings below `folder`."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix in {".wav", ".flac", ".ogg"})
    n_with_tones = 0
    for path in paths:
        samples, rate = sf.read(path, dtype="float32", always_2d=True)
        events = detect_tones(Audio(samples.mean(axis=1), rate), PLAN)
        n_with_tones += bool(events)
        for event in events:
            print(f"{path}: {event.kind} {event.start_s:.2f}-{event.end_s:.2f} s")
    print(f"{folder}: tones in {n_with_tones} of {len(paths)} recordings")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--signals", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, action="append", default=[])
    options = parser.parse_args()
    measure_speed()
    measure_recall(options.signals, options.seed)
    for folder in options.folder:
        list_tones(folder)


if __name__ == "__main__":
    main()
