"""The picture of a recording and the copy of it that every browser can play.

Conventions: a *peak* is the largest magnitude in one of `N_PEAKS` equal parts, 0-1 of the loudest;
an *interval* is half-open, and of one kind of sound, as an operator names it.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

from recognizer.audio import open_audio
from recognizer.model import Audio, Samples

__all__ = ["N_PEAKS", "Interval", "Listening", "prepare", "wav_of", "wave_paths"]

N_PEAKS = 600
_SAMPLE_RATE = 16_000
_FINE_S = 0.01


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval of one kind: a key of `wording.INTERVAL_NAMES`; `label` says which signal."""

    kind: str
    label: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Listening:
    """What the page needs to show and play a recording.

    Attributes
    ----------
    wav : Path
        16-bit mono WAV, 16 kHz.
    peaks : tuple of float
        `N_PEAKS` values 0-1.
    duration_s : float
    """

    wav: Path
    peaks: tuple[float, ...]
    duration_s: float


def prepare(source: Path, folder: Path, name: str) -> Listening:
    """Return the playable copy of `source` under `folder`, made once.

    Parameters
    ----------
    name : str
        Of the copy, without a suffix: the recording's digest.

    Raises
    ------
    AudioError
        If the recording cannot be read.
    """
    wav, peaks = folder / f"{name}.wav", folder / f"{name}.peaks.json"
    if not (wav.is_file() and peaks.is_file()):
        folder.mkdir(parents=True, exist_ok=True)
        _convert(source, wav, peaks)
    kept = json.loads(peaks.read_text("utf-8"))
    return Listening(wav, tuple(kept["peaks"]), kept["duration_s"])


def wav_of(audio: Audio) -> bytes:
    """Return sound as a 16-bit mono WAV."""
    written = io.BytesIO()
    sf.write(written, audio.samples, audio.sample_rate, "PCM_16", format="WAV")
    return written.getvalue()


def _convert(source: Path, wav: Path, peaks: Path) -> None:
    """Write both files, each under another name until it is whole."""
    fine: list[float] = []
    n_samples = 0
    handle, unfinished = tempfile.mkstemp(dir=wav.parent, suffix=".part")
    os.close(handle)
    try:
        with (
            open_audio(source, sample_rate=_SAMPLE_RATE) as reader,
            sf.SoundFile(unfinished, "w", _SAMPLE_RATE, 1, "PCM_16", format="WAV") as copy,
        ):
            for block in reader.blocks():
                copy.write(block.samples)
                fine.extend(_block_peaks(block.samples))
                n_samples += len(block.samples)
        Path(unfinished).replace(wav)
    finally:
        Path(unfinished).unlink(missing_ok=True)
    summary = {"duration_s": n_samples / _SAMPLE_RATE, "peaks": coarse_peaks(fine)}
    draft = peaks.with_suffix(".part")
    draft.write_text(json.dumps(summary), "utf-8")
    draft.replace(peaks)


def _block_peaks(samples: Samples) -> Iterator[float]:
    step = round(_FINE_S * _SAMPLE_RATE)
    for start in range(0, len(samples), step):
        yield float(np.abs(samples[start : start + step]).max())


def coarse_peaks(fine: Sequence[float]) -> list[float]:
    """Return `N_PEAKS` peaks of equal parts, 0-1 of the loudest; all zero for silence."""
    if not fine:
        return [0.0] * N_PEAKS
    edges = np.linspace(0, len(fine), N_PEAKS + 1)
    values = np.array(
        [
            max(fine[int(first) : max(int(first) + 1, int(np.ceil(last)))])
            for first, last in itertools.pairwise(edges)
        ]
    )
    loudest = values.max()
    scaled = values / loudest if loudest > 1e-4 else np.zeros(N_PEAKS)
    return [round(float(value), 3) for value in scaled]


def wave_paths(
    peaks: Sequence[float], intervals: Iterable[Interval], duration_s: float
) -> tuple[tuple[str, str], ...]:
    """Return (kind, SVG path) pairs that draw the wave in a box of `len(peaks)` by 100.

    Each peak is a vertical line in the middle of its part; the kind is that of the interval under
    it, `silence` where there is none.
    """
    lines: dict[str, list[str]] = {}
    ordered = sorted(intervals, key=lambda interval: interval.start_s)
    for number, peak in enumerate(peaks):
        at_s = (number + 0.5) / len(peaks) * duration_s
        kind = next((s.kind for s in ordered if s.start_s <= at_s < s.end_s), "silence")
        half = max(0.6, 48 * peak)
        lines.setdefault(kind, []).append(f"M{number + 0.5:g} {50 - half:.1f}v{2 * half:.1f}")
    return tuple((kind, "".join(parts)) for kind, parts in lines.items())
