"""Change the sample rate: the one module that calls soxr."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import soxr

from recognizer.model import Audio, Samples

__all__ = ["StreamResampler", "resampled", "stretch_time"]


def resampled(chunks: Iterable[Samples], from_hz: int, to_hz: int) -> Iterator[Samples]:
    """Yield the same sound at another rate, within [-1, 1]."""
    resampler = StreamResampler(from_hz, to_hz)
    for chunk in chunks:
        yield resampler.push(chunk)
    if from_hz != to_hz:
        yield resampler.finish()


class StreamResampler:
    """Changes the rate of sound that comes chunk by chunk, within [-1, 1].

    Parameters
    ----------
    from_hz, to_hz : int
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._stream = (
            None if from_hz == to_hz else soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32")
        )

    def push(self, samples: Samples) -> Samples:
        """Return what can be told by now: float32, shape (n_samples,)."""
        if self._stream is None:
            return samples
        clipped: Samples = np.clip(self._stream.resample_chunk(samples), -1.0, 1.0)
        return clipped

    def finish(self) -> Samples:
        """Return the rest."""
        nothing = np.zeros(0, np.float32)
        if self._stream is None:
            return nothing
        clipped: Samples = np.clip(self._stream.resample_chunk(nothing, last=True), -1.0, 1.0)
        return clipped


def stretch_time(audio: Audio, times: float) -> Audio:
    """Return a sound so many times longer, and as much lower, as a tape played slower is."""
    rate = audio.sample_rate
    slowed = soxr.resample(audio.samples, rate, rate * times)
    return replace(audio, samples=np.clip(slowed, -1.0, 1.0))
