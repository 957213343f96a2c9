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

from recognizer.model import Audio

__all__ = ["FRAMES_PER_S", "HOP_S", "N_BANDS", "Floats", "log_mel", "noise_floor"]

Floats = npt.NDArray[np.float32]

HOP_S = 0.01
FRAMES_PER_S = round(1 / HOP_S)
N_BANDS = 24
_WINDOW_S = 0.032
# GSM, AMR and G.723.1 carry 200 to 3400 Hz; what lies beyond differs from line to line.
_LOWEST_HZ, _HIGHEST_HZ = 200.0, 3400.0
_SILENCE_DB = -90.0
_FLOOR_PERCENTILE = 5.0


def log_mel(audio: Audio) -> Floats:
    """Return the power of each band in dB, shape (n_frames, N_BANDS).

    Parameters
    ----------
    audio : Audio
        float32, shape (n_samples,), mono, 8000 Hz or more.
    """
    rate = audio.sample_rate
    hop, size = round(HOP_S * rate), round(_WINDOW_S * rate)
    n_frames = math.ceil(len(audio.samples) / hop)
    if n_frames == 0:
        return np.zeros((0, N_BANDS), np.float32)
    padded = np.zeros((n_frames - 1) * hop + size, np.float32)
    before = size // 2
    kept = audio.samples[: len(padded) - before]
    padded[before : before + len(kept)] = kept
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window, filters = _filters(rate, size)
    spectrum = np.fft.rfft(windows * window, axis=1)[:, : len(filters)]
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    bands: Floats = 10 * np.log10(power @ filters + np.float32(10 ** (_SILENCE_DB / 10)))
    return bands


def noise_floor(bands: Floats) -> Floats:
    """Return the level of each band in dB that is nearly always exceeded, shape (N_BANDS,)."""
    floor: Floats = np.percentile(bands, _FLOOR_PERCENTILE, axis=0).astype(np.float32)
    return floor


@functools.cache
def _filters(rate: int, size: int) -> tuple[Floats, Floats]:
    """Return the window, and triangles on the mel scale as a matrix of shape (n_bins, N_BANDS)."""
    window = np.hanning(size + 1)[:-1]
    edges_hz = _hz(np.linspace(_mel(_LOWEST_HZ), _mel(_HIGHEST_HZ), N_BANDS + 2))
    n_bins = math.floor(_HIGHEST_HZ * size / rate) + 1
    bins_hz = np.arange(n_bins)[:, None] * rate / size
    low, middle, high = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising, falling = (bins_hz - low) / (middle - low), (high - bins_hz) / (high - middle)
    triangles = np.clip(np.minimum(rising, falling), 0, None)
    # A bin is 31 Hz wide and the lowest bands 70 Hz: each has a bin inside.
    scale = 2 / (size * np.sum(window**2))
    return window.astype(np.float32), (triangles * scale).astype(np.float32)


def _mel(hz: float) -> float:
    return 2595 * math.log10(1 + hz / 700)


def _hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(700 * (10 ** (mel / 2595) - 1))
