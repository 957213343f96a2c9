"""Log-mel features in which a recording of an announcement is compared with another of it.

Conventions: a *frame* is a Hann window of 32 ms, one every 10 ms; frame ``i`` is centred on the
moment ``i`` x 10 ms. Values are real, in dB of mean square, in `N_BANDS` mel bands over what every
telephone codec carries. Nothing here is binary: the features keep how strong each band is.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

from recognizer.model import Audio, Samples

__all__ = [
    "FRAMES_PER_S",
    "HOP_S",
    "N_BANDS",
    "Floats",
    "LogMelStream",
    "decibels",
    "local_floor",
    "log_mel",
    "noise_floor",
    "powers_of",
    "smoothed",
]

Floats = npt.NDArray[np.float32]

HOP_S = 0.01
FRAMES_PER_S = round(1 / HOP_S)
N_BANDS = 24
_WINDOW_S = 0.032
# GSM, AMR and G.723.1 carry 200 to 3400 Hz; what lies beyond differs from line to line.
_LOWEST_HZ, _HIGHEST_HZ = 200.0, 3400.0
_SILENCE_DB = -90.0
_FLOOR_PERCENTILE = 5.0
_SMOOTH = 5  # frames: the noise of a line hardly moves over so many


def log_mel(audio: Audio) -> Floats:
    """Return the power of each band in dB, shape (n_frames, N_BANDS).

    Parameters
    ----------
    audio : Audio
        float32, shape (n_samples,), mono, 8000 Hz or more.
    """
    stream = LogMelStream(audio.sample_rate)
    return np.concatenate([stream.push(audio.samples), stream.finish()])


class LogMelStream:
    """The same of sound that comes block by block.

    Parameters
    ----------
    rate : int
        Hz, 8000 or more.
    """

    def __init__(self, rate: int) -> None:
        self._hop, self._size = round(HOP_S * rate), round(_WINDOW_S * rate)
        self._waves, self._filters = _filters(rate, self._size)
        self._kept = np.zeros(self._size // 2, np.float32)  # before the first sample
        self._n_samples = self._n_frames = 0

    def push(self, samples: Samples) -> Floats:
        """Return the frames whose windows are heard by now, shape (n_frames, N_BANDS)."""
        self._n_samples += len(samples)
        self._kept = np.concatenate([self._kept, samples])
        n_frames = max(0, (len(self._kept) - self._size) // self._hop + 1)
        return self._take(n_frames)

    def finish(self) -> Floats:
        """Return the rest, in silence."""
        n_left = math.ceil(self._n_samples / self._hop) - self._n_frames
        missing = max(0, (n_left - 1) * self._hop + self._size - len(self._kept))
        self._kept = np.concatenate([self._kept, np.zeros(missing, np.float32)])
        return self._take(n_left)

    def _take(self, n_frames: int) -> Floats:
        if n_frames <= 0:
            return np.zeros((0, N_BANDS), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(self._kept, self._size)
        spectrum = windows[: n_frames * self._hop : self._hop] @ self._waves
        real, imaginary = np.split(spectrum, 2, axis=1)
        power = real**2 + imaginary**2
        self._kept = self._kept[n_frames * self._hop :]
        self._n_frames += n_frames
        return decibels(power @ self._filters + np.float32(10 ** (_SILENCE_DB / 10)))


def decibels(powers: Floats) -> Floats:
    """Return powers above 0 in dB (numpy takes four times as long for `log10`)."""
    levels: Floats = np.log(powers) * np.float32(10 / math.log(10))
    return levels


def powers_of(levels: Floats) -> Floats:
    """Return the powers of levels in dB (numpy takes four times as long for `10 ** x`)."""
    powers: Floats = np.exp(levels * np.float32(math.log(10) / 10))
    return powers


def noise_floor(bands: Floats) -> Floats:
    """Return the level of each band in dB that is nearly always exceeded, shape (N_BANDS,)."""
    floor: Floats = np.percentile(bands, _FLOOR_PERCENTILE, axis=0).astype(np.float32)
    return floor


def local_floor(levels: Floats, span_s: float) -> Floats:
    """Return the level of each band in dB below which it does not fall near each frame.

    What swells and fades slower than `span_s`, as a passing car does, is followed; what is
    shorter, as a syllable is, stands out.

    Parameters
    ----------
    levels : float32, shape (n_frames, n_bands)
        In dB, of `smoothed` powers.
    span_s : float
    """
    reach = min(len(levels) - 1, round(span_s * FRAMES_PER_S)) // 2
    return _extreme(_extreme(levels, reach, np.minimum), reach, np.maximum)


def smoothed(powers: Floats) -> Floats:
    """Return the mean of each band over `_SMOOTH` frames."""
    padded = _with_edges(powers, _SMOOTH // 2 + 1, _SMOOTH // 2)
    padded[0] = 0
    sums = np.cumsum(padded, axis=0, dtype=np.float64)
    means = (sums[_SMOOTH:] - sums[:-_SMOOTH]) / _SMOOTH
    smooth: Floats = np.maximum(means, 1e-9).astype(np.float32)
    return smooth


def _extreme(values: Floats, reach: int, extreme: np.ufunc) -> Floats:
    """Return the minimum or maximum over so many frames on either side of each."""
    n, size = len(values), 2 * reach + 1
    found = _with_edges(values, reach, reach)
    span = 1
    while 2 * span <= size:
        found = extreme(found[:-span], found[span:])
        span *= 2
    widest: Floats = extreme(found[:n], found[size - span : size - span + n])
    return widest


def _with_edges(values: Floats, n_before: int, n_after: int) -> Floats:
    """Return values with the first and the last of them repeated (`np.pad` takes ten times it)."""
    n = len(values)
    padded = np.empty((n_before + n + n_after, *values.shape[1:]), values.dtype)
    padded[:n_before], padded[n_before : n_before + n] = values[0], values
    padded[n_before + n :] = values[-1]
    return padded


@functools.cache
def _filters(rate: int, size: int) -> tuple[Floats, Floats]:
    """Return windowed waves, shape (size, 2 x n_bins), and triangles on the mel scale over them.

    A product with the cosines and sines of the hundred bins that are wanted, whatever the rate,
    takes half the time of numpy's FFT. The triangles: shape (n_bins, N_BANDS).
    """
    window = np.hanning(size + 1)[:-1]
    edges_hz = _hz(np.linspace(_mel(_LOWEST_HZ), _mel(_HIGHEST_HZ), N_BANDS + 2))
    first, last = math.ceil(_LOWEST_HZ * size / rate), math.floor(_HIGHEST_HZ * size / rate)
    bins = np.arange(first, last + 1)
    bins_hz = bins[:, None] * rate / size
    low, middle, high = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising, falling = (bins_hz - low) / (middle - low), (high - bins_hz) / (high - middle)
    triangles = np.clip(np.minimum(rising, falling), 0, None)
    # A bin is 31 Hz wide and the lowest bands 70 Hz: each has a bin inside.
    scale = 2 / (size * np.sum(window**2))
    angles = 2 * np.pi / size * (np.arange(size)[:, None] * bins % size)
    waves = window[:, None] * np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    return waves.astype(np.float32), (triangles * scale).astype(np.float32)


def _mel(hz: float) -> float:
    return 2595 * math.log10(1 + hz / 700)


def _hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(700 * (10 ** (mel / 2595) - 1))
