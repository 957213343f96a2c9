"""Measure memory and time of reading long recordings: ``python -m benchmarks.long_audio``.

For each format, files of two lengths are made in a temporary folder (a ringback cadence and a
warbling tone, stereo where the format is named so), and each is read by `open_audio` in a
process of its own: opened, scanned from end to end in blocks, then ten parts are read again.
Printed are the peak memory of that process, the same without any file, and the seconds of CPU. If
memory grew with duration, the two lengths would differ.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from recognizer.audio import open_audio

# name: container, subtype, sample rate in Hz, channels
FORMATS = {
    "wav-alaw-8k": ("WAV", "ALAW", 8_000, 1),
    "wav-pcm-8k-stereo": ("WAV", "PCM_16", 8_000, 2),
    "wav-gsm-8k": ("WAV", "GSM610", 8_000, 1),
    "flac-16k": ("FLAC", "PCM_16", 16_000, 1),
    "mp3-8k-stereo": ("MP3", "MPEG_LAYER_III", 8_000, 2),
    "ogg-opus-16k": ("OGG", "OPUS", 16_000, 1),
    "wav-float-192k": ("WAV", "FLOAT", 192_000, 1),
}
_SLOW_TO_MAKE = ("wav-float-192k",)


def make(path: Path, name: str, duration_s: int) -> None:
    """Write a recording of `duration_s` seconds, one second at a time."""
    container, subtype, sample_rate, n_channels = FORMATS[name]
    with soundfile.SoundFile(
        path, "w", sample_rate, n_channels, subtype=subtype, format=container
    ) as file:
        for second in range(duration_s):
            file.write(_second(second, sample_rate, n_channels))


def _second(second: int, sample_rate: int, n_channels: int) -> npt.NDArray[np.float32]:
    times_s = second + np.arange(sample_rate) / sample_rate
    ringing = np.sin(2 * np.pi * 425 * times_s) * (second % 5 == 0)
    warble = np.sin(2 * np.pi * (300 + 200 * np.sin(3 * times_s)) * times_s)
    channels = np.stack([0.2 * ringing, 0.1 * warble], axis=1).astype(np.float32)
    return channels if n_channels == 2 else channels.sum(axis=1)


def read(path: str) -> None:
    """Read one file as the pipeline does; print peak MB, seconds of CPU, seconds of sound."""
    started = time.process_time()
    n_samples = 0
    if path:
        with open_audio(path) as reader:
            for block in reader.blocks():
                n_samples += len(block.samples)
            total_s = n_samples / 16_000
            for part in range(10):
                reader.read(part * total_s / 10, part * total_s / 10 + 5)
    elapsed_s = time.process_time() - started
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(peak_mb, elapsed_s, n_samples / 16_000)


def _measure(path: str) -> tuple[float, float, float]:
    command = [sys.executable, "-m", "benchmarks.long_audio", "--read", path]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    peak_mb, elapsed_s, read_s = map(float, out.split())
    return peak_mb, elapsed_s, read_s


def main() -> None:
    """Make, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, nargs="+", default=[10, 120])
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=None)
    parser.add_argument("--read", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read is not None:
        read(options.read)
        return
    print(f"{'nothing read':20} {_measure('')[0]:8.1f} MB peak")
    for name in options.formats or [name for name in FORMATS if name not in _SLOW_TO_MAKE]:
        for minutes in options.minutes:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"long.{FORMATS[name][0].lower()}"
                make(path, name, minutes * 60)
                peak_mb, elapsed_s, read_s = _measure(str(path))
            print(
                f"{name:20} {peak_mb:8.1f} MB peak {minutes:5} min {elapsed_s:7.2f} s of CPU "
                f"{read_s / elapsed_s:7.0f} times real time",
                flush=True,
            )


if __name__ == "__main__":
    main()
