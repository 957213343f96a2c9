"""Change the sample rate: the one module that calls soxr."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import soxr

from recognizer.model import Audio, Samples

__all__ = ["resampled", "stretch_time"]


def resampled(chunks: Iterable[Samples], from_hz: int, to_hz: int) -> Iterator[Samples]:
    """Yield the same sound at another rate, within [-1, 1]."""
    if from_hz == to_hz:
        yield from chunks
        return
    stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32")
    for chunk in chunks:
        yield np.clip(stream.resample_chunk(chunk), -1.0, 1.0)
    yield np.clip(stream.resample_chunk(np.zeros(0, np.float32), last=True), -1.0, 1.0)


def stretch_time(audio: Audio, times: float) -> Audio:
    """Return a sound so many times longer, and as much lower, as a tape played slower is."""
    rate = audio.sample_rate
    slowed = soxr.resample(audio.samples, rate, rate * times)
    return replace(audio, samples=np.clip(slowed, -1.0, 1.0))
