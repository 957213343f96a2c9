"""Find steady tones: the beeps that call-progress signals are made of.

Conventions: a *frame* is a window of 40 ms, one every 10 ms; frame ``i`` is centred on the moment
``i`` x 10 ms, so the first one is half outside the recording. Powers are mean squares (a full-scale
sine has 0.5, -3 dBFS). Sound arrives in pieces of any length and is worked through in blocks of
fixed length, so the result does not depend on the pieces.

Not handled: signals of two tones less than 75 Hz apart (North American ringback), vibrato.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recognizer.errors import AudioError
from recognizer.types import Samples

__all__ = ["HOP_S", "Beep", "BeepFinder"]

HOP_S = 0.01
_HOPS_A_WINDOW = 4
_BLOCK_FRAMES = 200
_LOWEST_PEAK_HZ, _HIGHEST_PEAK_HZ = 340.0, 2620.0
# Hum lies below this band, and nothing of a telephone line above it.
_LOWEST_HZ, _HIGHEST_HZ = 215.0, 3700.0
_LOBE_BINS = 2  # a Hann window spreads a sine over this many bins to each side
_MIN_SHARE = 0.6  # of a frame's power in the tone: 1.8 dB over all other sound
_MIN_SHARE_OF_TWO = 0.75
_MAX_TWIST = 10.0  # Q.24 allows 8 dB between the two tones of a key
_MAX_JUMP_HZ = 16.0  # from frame to frame
_MIN_FRAMES = 4
_MAX_RUN_FRAMES = 1000
_MARGIN_FRAMES = 12
_JOIN_S = 0.08  # no signal pauses shorter; a lost packet, a click or a phase reversal does
_JOIN_HZ = 12.0
_MAX_SPREAD_HZ = 14.0
_MIN_LENGTH_S = 0.035
_EDGE_S = 0.03  # a beep this near to the recording's start or end may have been cut by it
_QUIET_RATIO = 0.2  # -7 dB
_COVERED_RATIO = 0.4  # -4 dB

_Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Beep:
    """A steady tone, or two sounding together.

    Attributes
    ----------
    start_s, end_s : float
        Where its amplitude passes half of its steady value.
    frequency_hz : float
    second_hz : float or None
        The higher one of two tones.
    power : float
        Mean square.
    purity : float
        Part of the sound's power that is in the tone, 0-1.
    is_start_known, is_end_known : bool
        False where the recording or another sound cuts it: it may have been longer.
    is_quiet_before, is_quiet_after : bool
        Whether the sound around it is clearly weaker.
    """

    start_s: float
    end_s: float
    frequency_hz: float
    second_hz: float | None
    power: float
    purity: float
    is_start_known: bool
    is_end_known: bool
    is_quiet_before: bool
    is_quiet_after: bool

    @property
    def length_s(self) -> float:
        """Seconds."""
        return self.end_s - self.start_s


class _Frames(NamedTuple):
    """What is kept of each frame; `n` rows."""

    spectrum: _Floats  # (n, n_bins) mean square in each bin
    total: _Floats  # (n,) mean square in the telephone band
    share: _Floats  # (n,) part of `total` in the strongest tone
    share_of_two: _Floats
    frequency_hz: _Floats  # of the strongest tone
    second_hz: _Floats  # of the second strongest

    def __len__(self) -> int:
        return len(self.total)

    def take(self, first: int) -> _Frames:
        return _Frames(*(column[first:] for column in self))

    def join(self, other: _Frames) -> _Frames:
        pairs = zip(self, other, strict=True)
        return _Frames(*(np.concatenate(pair) for pair in pairs))


class _Spectrum:
    """Turns samples into frames."""

    def __init__(self, sample_rate: int) -> None:
        self.hop = round(sample_rate * HOP_S)
        self.size = self.hop * _HOPS_A_WINDOW
        self.bin_hz = sample_rate / self.size
        window = np.hanning(self.size + 1)[:-1]
        self._window = window.astype(np.float32)
        self._scale = np.float32(2.0 / (self.size * float(np.sum(window**2))))
        self._band = slice(
            math.ceil(_LOWEST_HZ / self.bin_hz), math.floor(_HIGHEST_HZ / self.bin_hz) + 1
        )
        self._peaks = slice(
            math.ceil(_LOWEST_PEAK_HZ / self.bin_hz),
            math.floor(_HIGHEST_PEAK_HZ / self.bin_hz) + 1,
        )
        self._n_kept = self._peaks.stop + _LOBE_BINS + 1

    def bin(self, frequency_hz: float) -> int:
        return round(frequency_hz / self.bin_hz)

    def analyse(self, samples: Samples) -> _Frames:
        """Return the frames of `samples`, which hold a whole number of hops and a window more."""
        windows = np.lib.stride_tricks.sliding_window_view(samples, self.size)[:: self.hop]
        transform = np.fft.rfft(windows * self._window, axis=1)[:, : self._band.stop]
        power = (transform.real**2 + transform.imag**2).astype(np.float32) * self._scale
        total = power[:, self._band].sum(axis=1) + np.float32(1e-12)
        kept = power[:, : self._n_kept]
        first = self._strongest(kept)
        lobe = self._lobe(kept, first)
        rest = kept.copy()
        rows = np.arange(len(kept))
        for offset in range(-_LOBE_BINS, _LOBE_BINS + 1):
            rest[rows, first + offset] = 0.0
        second = self._strongest(rest)
        second_lobe = self._lobe(rest, second)
        is_twisted = second_lobe * np.float32(_MAX_TWIST) < lobe
        share_of_two = np.where(is_twisted, 0, (lobe + second_lobe) / total)
        return _Frames(
            spectrum=kept,
            total=total,
            share=lobe / total,
            share_of_two=share_of_two.astype(np.float32),
            frequency_hz=self._refine(kept, first),
            second_hz=self._refine(rest, second),
        )

    def _strongest(self, power: _Floats) -> npt.NDArray[np.intp]:
        return np.argmax(power[:, self._peaks], axis=1) + self._peaks.start

    @staticmethod
    def _lobe(power: _Floats, centre: npt.NDArray[np.intp]) -> _Floats:
        rows = np.arange(len(power))
        offsets = range(-_LOBE_BINS, _LOBE_BINS + 1)
        return sum((power[rows, centre + o] for o in offsets), np.zeros(len(power), np.float32))

    def _refine(self, power: _Floats, centre: npt.NDArray[np.intp]) -> _Floats:
        """Return the frequency between bins, by a parabola through three logarithms."""
        rows = np.arange(len(power))
        left, mid, right = (np.log(power[rows, centre + o] + 1e-20) for o in (-1, 0, 1))
        curve = np.minimum(left - 2 * mid + right, -1e-6)
        shift = np.clip(0.5 * (left - right) / curve, -0.5, 0.5)
        return ((centre + shift) * self.bin_hz).astype(np.float32)


class BeepFinder:
    """Finds beeps in sound that comes piece by piece.

    Memory is bounded: frames are kept while a beep lasts, at most ten seconds of them.

    Parameters
    ----------
    sample_rate : int
        Hz, 8000 or more.
    min_level_dbfs : float
        Weaker tones are not looked for.

    Raises
    ------
    AudioError
        If the rate is below 8000 Hz.
    """

    def __init__(self, sample_rate: int, min_level_dbfs: float) -> None:
        if sample_rate < 8000:
            raise AudioError(
                f"tones are found at 8000 Hz or more, got {sample_rate} Hz; resample first",
                kind="sample_rate",
            )
        self._spectrum = _Spectrum(sample_rate)
        self._min_power = np.float32(10 ** (min_level_dbfs / 10))
        self._pending: list[Samples] = [np.zeros(self._spectrum.size // 2, np.float32)]
        self._n_pending = self._spectrum.size // 2
        self._frames: _Frames | None = None
        self._first_frame = 0  # number of the first frame kept
        self._resume = 0  # frames before this one are done with
        self._last: Beep | None = None

    @property
    def settled_s(self) -> float:
        """No beep found from now on starts before this moment."""
        if self._last is not None:
            return self._last.start_s
        return max(0.0, (self._resume - _MARGIN_FRAMES) * HOP_S)

    def push(self, samples: Samples) -> list[Beep]:
        """Take more sound; return the beeps that are over."""
        self._pending.append(np.asarray(samples, np.float32))
        self._n_pending += len(samples)
        block = self._spectrum.hop * _BLOCK_FRAMES
        overlap = self._spectrum.size - self._spectrum.hop
        if self._n_pending < block + overlap:
            return []
        sound = np.concatenate(self._pending)
        found: list[Beep] = []
        start = 0
        while len(sound) - start >= block + overlap:
            found += self._work(sound[start : start + block + overlap], is_last=False)
            start += block
        self._pending = [sound[start:].copy()]
        self._n_pending = len(sound) - start
        return found

    def finish(self) -> list[Beep]:
        """Return the beeps still open at the end of the recording."""
        hop, size = self._spectrum.hop, self._spectrum.size
        sound = np.concatenate([*self._pending, np.zeros(size // 2, np.float32)])
        n_frames = max(0, (len(sound) - size) // hop + 1)
        found: list[Beep] = []
        if n_frames or self._frames is not None:
            found = self._work(sound[: (n_frames - 1) * hop + size], is_last=True)
        if self._last is not None:
            found.append(self._last)
            self._last = None
        return found

    def _work(self, samples: Samples, *, is_last: bool) -> list[Beep]:
        if len(samples) >= self._spectrum.size:
            new = self._spectrum.analyse(samples)
            self._frames = new if self._frames is None else self._frames.join(new)
        frames = self._frames
        if frames is None:
            return []
        limit = len(frames) - (0 if is_last else _MARGIN_FRAMES)
        beeps: list[Beep] = []
        resume = limit
        for first, end in self._runs(frames):
            if end > limit and not is_last:
                if end - first < _MAX_RUN_FRAMES:
                    resume = min(resume, first)
                    break
                end = limit  # noqa: PLW2901 - the rest of it is joined on later
            beep = self._measure(frames, first, end, is_last=is_last)
            if beep is not None:
                beeps.append(beep)
        resume = max(resume, 0)
        keep_from = max(0, resume - _MARGIN_FRAMES)
        self._resume = self._first_frame + resume
        self._first_frame += keep_from
        self._frames = frames.take(keep_from)
        return self._joined(beeps)

    def _runs(self, frames: _Frames) -> list[tuple[int, int]]:
        """Return stretches of frames, half-open, that hold one steady tone or pair of tones."""
        loud = frames.total * np.maximum(frames.share, frames.share_of_two) >= self._min_power
        single = (frames.share >= _MIN_SHARE) & loud
        double = ~single & (frames.share_of_two >= _MIN_SHARE_OF_TWO) & loud
        kind = single.astype(np.int8) + 2 * double.astype(np.int8)
        kind[: self._resume - self._first_frame] = 0
        low = np.where(double, np.minimum(frames.frequency_hz, frames.second_hz), 0)
        pitch = np.where(double, low, frames.frequency_hz)
        changes = np.diff(kind, prepend=0, append=0) != 0
        changes[1:-1] |= (np.abs(np.diff(pitch)) > _MAX_JUMP_HZ) & (kind[1:] > 0)
        edges = np.flatnonzero(changes)
        first, end = edges[:-1], edges[1:]
        is_run = (end - first >= _MIN_FRAMES) & (kind[np.minimum(first, len(kind) - 1)] > 0)
        return list(zip(first[is_run].tolist(), end[is_run].tolist(), strict=True))

    def _measure(self, frames: _Frames, first: int, end: int, *, is_last: bool) -> Beep | None:
        """Return the beep in frames ``[first, end)``, None if its pitch is not steady."""
        inner = slice(first + 1, end - 1)
        is_pair = bool(np.median(frames.share[inner]) < _MIN_SHARE)
        pitches = [frames.frequency_hz[inner]]
        if is_pair:
            both = np.stack([frames.frequency_hz[inner], frames.second_hz[inner]])
            pitches = [both.min(axis=0), both.max(axis=0)]
        for pitch in pitches:
            low, high = np.percentile(pitch, [10, 90])
            if high - low > _MAX_SPREAD_HZ:
                return None
        hz = [float(np.median(pitch)) for pitch in pitches]
        tone = sum(self._tone_power(frames, f) for f in hz)
        assert isinstance(tone, np.ndarray)
        centre = self._spectrum.bin(hz[0])
        amplitude = np.sqrt(frames.spectrum[:, centre])
        begin = _crossing(amplitude, first, step=-1)
        until = _crossing(amplitude, end - 1, step=1)
        if (until - begin) * HOP_S < _MIN_LENGTH_S:
            return None
        power = float(np.median(tone[inner]))
        before = _around(frames.total, begin, step=-1)
        after = _around(frames.total, until, step=1)
        start_s = (self._first_frame + begin) * HOP_S
        end_s = (self._first_frame + until) * HOP_S
        is_cut = is_last and until > len(frames) - 1 - _EDGE_S / HOP_S
        return Beep(
            start_s=max(0.0, start_s),
            end_s=end_s,
            frequency_hz=hz[0],
            second_hz=hz[1] if is_pair else None,
            power=power,
            purity=float(np.median((frames.share_of_two if is_pair else frames.share)[inner])),
            is_start_known=start_s > _EDGE_S and before < _COVERED_RATIO * power,
            is_end_known=not is_cut and after < _COVERED_RATIO * power,
            is_quiet_before=before < _QUIET_RATIO * power,
            is_quiet_after=after < _QUIET_RATIO * power,
        )

    def _tone_power(self, frames: _Frames, frequency_hz: float) -> _Floats:
        centre = self._spectrum.bin(frequency_hz)
        lobe = frames.spectrum[:, centre - _LOBE_BINS : centre + _LOBE_BINS + 1]
        power: _Floats = lobe.sum(axis=1)
        return power

    def _joined(self, beeps: list[Beep]) -> list[Beep]:
        """Join beeps that only a dropout parts; hold the last one back, it may go on."""
        done: list[Beep] = []
        for beep in beeps:
            last = self._last
            if last is not None and _is_continued(last, beep):
                self._last = _join(last, beep)
                continue
            if last is not None:
                done.append(last)
            self._last = beep
        is_over = self._last is not None and (
            self._last.end_s + _JOIN_S < (self._resume - _MARGIN_FRAMES) * HOP_S
        )
        if is_over and self._last is not None:
            done.append(self._last)
            self._last = None
        return done


def _crossing(amplitude: _Floats, inside: int, *, step: int) -> float:
    """Return where, going outwards from frame `inside`, the amplitude falls to half."""
    n = len(amplitude)
    # What is steady is judged a little way in: the run's outermost frames are half outside.
    deep = [inside - step * i for i in range(2, 8) if 0 <= inside - step * i < n]
    half = 0.5 * float(np.median(amplitude[deep])) if deep else 0.5 * float(amplitude[inside])
    at = min(max(inside - 3 * step, 0), n - 1)
    for _ in range(_MARGIN_FRAMES):
        beyond = at + step
        if not 0 <= beyond < n:
            return float(at)
        inner, outer = float(amplitude[at]), float(amplitude[beyond])
        if outer < half <= inner:
            return at + step * (inner - half) / (inner - outer)
        at = beyond
    return float(inside)


def _around(total: _Floats, edge: float, *, step: int) -> float:
    """Return the power just outside an edge, clear of the window's reach; 0 outside the sound."""
    near = round(edge) + 3 * step
    far = round(edge) + 9 * step
    first, end = (near, far) if step > 0 else (far + 1, near + 1)
    part = total[max(0, first) : max(0, end)]
    return float(np.mean(part)) if len(part) else 0.0


def _is_continued(last: Beep, beep: Beep) -> bool:
    if (last.second_hz is None) is not (beep.second_hz is None):
        return False
    if beep.start_s - last.end_s > (_JOIN_S if last.second_hz is None else 0.02):
        return False
    return abs(beep.frequency_hz - last.frequency_hz) <= _JOIN_HZ


def _join(last: Beep, beep: Beep) -> Beep:
    longer = last if last.length_s >= beep.length_s else beep
    return Beep(
        start_s=last.start_s,
        end_s=max(last.end_s, beep.end_s),
        frequency_hz=longer.frequency_hz,
        second_hz=longer.second_hz,
        power=longer.power,
        purity=longer.purity,
        is_start_known=last.is_start_known,
        is_end_known=beep.is_end_known,
        is_quiet_before=last.is_quiet_before,
        is_quiet_after=beep.is_quiet_after,
    )
