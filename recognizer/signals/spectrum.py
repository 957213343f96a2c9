"""Short-time spectra of telephone sound, and the strongest tones in them.

Conventions: a *frame* is a window of 40 ms, one every 10 ms; frame ``i`` is centred on the moment
``i`` x 10 ms, so the first one is half outside the recording. Powers are mean squares (a full-scale
sine has 0.5, -3 dBFS). Sound arrives in chunks of any length and is worked through in blocks of
fixed length, so the numbers do not depend on the chunks.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from recognizer.model import Samples

__all__ = [
    "HOP_S",
    "LOBE_BINS",
    "Floats",
    "FrameStream",
    "Frames",
    "NearBand",
    "near_response",
]

HOP_S = 0.01
LOBE_BINS = 2  # a Hann window spreads a sine over this many bins to each side
_HOPS_A_WINDOW = 4
_BLOCK_FRAMES = 200
_LOWEST_PEAK_HZ, _HIGHEST_PEAK_HZ = 340.0, 2620.0
_LOWEST_LONE_HZ, _HIGHEST_LONE_HZ = 300.0, 3650.0  # of a tone that no plan needs to know
# Hum lies below this band, and nothing of a telephone line above it.
_LOWEST_HZ, _HIGHEST_HZ = 215.0, 3700.0
_MAX_TWIST = 10.0  # Q.24 allows 8 dB between the two tones of a key

Floats = npt.NDArray[np.float32]
_BIN_HZ = 1 / (_HOPS_A_WINDOW * HOP_S)  # at every sample rate


class NearBand:
    """The bins in which signals of close tones lie: `Frames.near` keeps what they hold."""

    _LOWEST_HZ, _HIGHEST_HZ = 400.0, 475.0  # between the lines of a signal
    _REACH_HZ = 75.0  # a line beside, and how far a window spreads it
    N_COLUMNS = round((_HIGHEST_HZ - _LOWEST_HZ) / _BIN_HZ) + 1

    @classmethod
    def column_of(cls, frequency_hz: float) -> int:
        """Return the column of `Frames.near` nearest to a frequency."""
        return min(max(0, round((frequency_hz - cls._LOWEST_HZ) / _BIN_HZ)), cls.N_COLUMNS - 1)

    @classmethod
    def hz_of(cls, column: int) -> float:
        """Return the frequency of a column of `Frames.near`."""
        return cls._LOWEST_HZ + column * _BIN_HZ

    @classmethod
    def bins(cls) -> slice:
        """Return the bins of the columns."""
        first = round(cls._LOWEST_HZ / _BIN_HZ)
        return slice(first, first + cls.N_COLUMNS)

    @classmethod
    def wide_bins(cls) -> slice:
        """Return all bins that the tones of a signal in the band reach."""
        first = round((cls._LOWEST_HZ - cls._REACH_HZ) / _BIN_HZ)
        return slice(first, round((cls._HIGHEST_HZ + cls._REACH_HZ) / _BIN_HZ) + 1)


def near_response(offset_hz: float) -> float:
    """Return how much of a sine the bin `offset_hz` beside it holds, 0-1 (a Hann window)."""
    x = offset_hz / _BIN_HZ
    return float(np.sinc(x) + 0.5 * np.sinc(x - 1) + 0.5 * np.sinc(x + 1))


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Consecutive frames.

    Attributes
    ----------
    spectrum : float32, shape (n, n_bins)
        Mean square in each bin, from 0 Hz to a little over the highest tone looked for.
    total : float32, shape (n,)
        Mean square in the telephone band.
    share : float32, shape (n,)
        Part of `total` in the strongest tone, 0-1.
    share_anywhere : float32, shape (n,)
        Part of `total` in the strongest tone, above and below those looked for, too.
    share_of_two : float32, shape (n,)
        Part of `total` in the two strongest tones; 0 where their levels differ too much.
    frequency_hz, second_hz : float32, shape (n,)
        Of the strongest and the second strongest tone.
    near : complex64, shape (n, NearBand.N_COLUMNS)
        What the bins of `NearBand` hold; a sine in the middle of one has its RMS there.
    near_power : float32, shape (n,)
        Mean square in and around those bins.
    """

    spectrum: Floats
    total: Floats
    share: Floats
    share_anywhere: Floats
    share_of_two: Floats
    frequency_hz: Floats
    second_hz: Floats
    near: npt.NDArray[np.complex64]
    near_power: Floats

    def __len__(self) -> int:
        return len(self.total)

    def take(self, first: int) -> Frames:
        """Return the frames from number `first` on."""
        return Frames(*(getattr(self, field.name)[first:] for field in fields(self)))

    def join(self, other: Frames) -> Frames:
        """Return these frames followed by `other`."""
        return Frames(
            *(
                np.concatenate((getattr(self, field.name), getattr(other, field.name)))
                for field in fields(self)
            )
        )


class _Transform:
    """Turns samples into frames."""

    def __init__(self, sample_rate: int) -> None:
        self.hop = round(sample_rate * HOP_S)
        self.size = self.hop * _HOPS_A_WINDOW
        self.bin_hz = sample_rate / self.size
        window = np.hanning(self.size + 1)[:-1]
        self._window = window.astype(np.float32)
        self._near_scale = np.float32(math.sqrt(2) / float(np.sum(window)))
        self._scale = np.float32(2.0 / (self.size * float(np.sum(window**2))))
        self._band = slice(
            math.ceil(_LOWEST_HZ / self.bin_hz), math.floor(_HIGHEST_HZ / self.bin_hz) + 1
        )
        self._peaks = slice(
            math.ceil(_LOWEST_PEAK_HZ / self.bin_hz),
            math.floor(_HIGHEST_PEAK_HZ / self.bin_hz) + 1,
        )
        self._n_kept = self._peaks.stop + LOBE_BINS + 1
        self._lone = slice(
            math.ceil(_LOWEST_LONE_HZ / self.bin_hz) - LOBE_BINS,
            math.floor(_HIGHEST_LONE_HZ / self.bin_hz) + LOBE_BINS + 1,
        )

    def analyse(self, samples: Samples) -> Frames:
        """Return the frames of `samples`, which hold a whole number of hops and a window more."""
        windows = np.lib.stride_tricks.sliding_window_view(samples, self.size)[:: self.hop]
        transform = np.fft.rfft(windows * self._window, axis=1)[:, : self._band.stop]
        power: Floats = (transform.real**2 + transform.imag**2).astype(np.float32) * self._scale
        total = power[:, self._band].sum(axis=1) + np.float32(1e-12)
        kept = power[:, : self._n_kept]
        first = self._strongest(kept)
        lobe = self._lobe(kept, first)
        rest = kept.copy()
        rows = np.arange(len(kept))
        for offset in range(-LOBE_BINS, LOBE_BINS + 1):
            rest[rows, first + offset] = 0.0
        second = self._strongest(rest)
        second_lobe = self._lobe(rest, second)
        is_twisted = second_lobe * np.float32(_MAX_TWIST) < lobe
        share_of_two = np.where(is_twisted, 0, (lobe + second_lobe) / total)
        return Frames(
            spectrum=kept,
            total=total,
            share=lobe / total,
            share_anywhere=self._strongest_lobe(power) / total,
            share_of_two=share_of_two.astype(np.float32),
            frequency_hz=self._refine(kept, first),
            second_hz=self._refine(rest, second),
            near=(transform[:, NearBand.bins()] * self._near_scale).astype(np.complex64),
            near_power=power[:, NearBand.wide_bins()].sum(axis=1),
        )

    def _strongest(self, power: Floats) -> npt.NDArray[np.intp]:
        strongest: npt.NDArray[np.intp] = np.argmax(power[:, self._peaks], axis=1)
        return strongest + self._peaks.start

    @staticmethod
    def _lobe(power: Floats, centre: npt.NDArray[np.intp]) -> Floats:
        rows = np.arange(len(power))
        lobe: Floats = np.zeros(len(power), np.float32)
        for offset in range(-LOBE_BINS, LOBE_BINS + 1):
            lobe += power[rows, centre + offset]
        return lobe

    def _strongest_lobe(self, power: Floats) -> Floats:
        """Return the power of the strongest tone, whether a plan needs to know it or not."""
        width = 2 * LOBE_BINS + 1
        sums = np.cumsum(np.pad(power[:, self._lone], ((0, 0), (1, 0))), axis=1, dtype=np.float64)
        strongest: Floats = (sums[:, width:] - sums[:, :-width]).max(axis=1).astype(np.float32)
        return strongest

    def _refine(self, power: Floats, centre: npt.NDArray[np.intp]) -> Floats:
        """Return the frequency between bins, by a parabola through three logarithms."""
        rows = np.arange(len(power))
        left, mid, right = (np.log(power[rows, centre + o] + 1e-20) for o in (-1, 0, 1))
        curve = np.minimum(left - 2 * mid + right, -1e-6)
        shift = np.clip(0.5 * (left - right) / curve, -0.5, 0.5)
        refined: Floats = ((centre + shift) * self.bin_hz).astype(np.float32)
        return refined


class FrameStream:
    """Turns sound that comes chunk by chunk into frames, a block of them at a time.

    Parameters
    ----------
    sample_rate : int
        Hz, 8000 or more.
    """

    def __init__(self, sample_rate: int) -> None:
        self._transform = _Transform(sample_rate)
        self.bin_hz = self._transform.bin_hz
        before = np.zeros(self._transform.size // 2, np.float32)
        self._pending: list[Samples] = [before]
        self._n_pending = len(before)

    def push(self, samples: Samples) -> Iterator[Frames]:
        """Take more sound; yield the blocks of frames that are complete (consume them all)."""
        self._pending.append(np.asarray(samples, np.float32))
        self._n_pending += len(samples)
        block = self._transform.hop * _BLOCK_FRAMES
        needed = block + self._transform.size - self._transform.hop
        if self._n_pending < needed:
            return
        sound = np.concatenate(self._pending)
        start = 0
        while len(sound) - start >= needed:
            yield self._transform.analyse(sound[start : start + needed])
            start += block
        self._pending = [sound[start:].copy()]
        self._n_pending = len(sound) - start

    def forked(self) -> FrameStream:
        """Return a stream of the same sound that goes on by itself."""
        fork: FrameStream = copy.copy(self)
        fork._pending = list(self._pending)
        return fork

    def finish(self) -> Iterator[Frames]:
        """Yield the last block, shorter than the others; nothing may be pushed afterwards."""
        hop, size = self._transform.hop, self._transform.size
        sound = np.concatenate([*self._pending, np.zeros(size // 2, np.float32)])
        n_frames = (len(sound) - size) // hop + 1
        if n_frames > 0:
            yield self._transform.analyse(sound[: (n_frames - 1) * hop + size])
