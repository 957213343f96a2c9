"""Find tones that beat: two less than 75 Hz apart, or one whose level a slow tone modulates.

Windows of 40 ms cannot part such tones. But what one bin of them holds, from window to window, is
the sound of 50 Hz around it, a hundred numbers a second: over a whole beep its spectrum parts lines
that are 10 Hz apart. A beep is only reported if its lines are those of a signal of the plan and
nearly all that sounds.

Conventions: those of `beeps`. A modulated tone has three lines: `a*b` is a-b, a and a+b.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recognizer.signals.beeps import (
    MARGIN_FRAMES,
    Beep,
    droop_db,
    edge_kind,
    is_quiet,
    power_around,
)
from recognizer.signals.gaps import runs
from recognizer.signals.spectrum import HOP_S, Floats, Frames, NearBand, near_response

__all__ = ["CloseToneFinder"]

_MIN_SHARE = 0.75  # of a frame's power near the tones: 5 dB over all other sound
_MIN_FRAMES = 22  # 0.2 s and the reach of a window: bursts of 0.4 s are the shortest there are
_MAX_FRAMES = 450  # the longest ring lasts 2 s
_MAX_DIP_FRAMES = 5  # a modulated tone is nearly silent for some 20 ms of each period
_EDGE_FRAMES = 3  # the outermost frames are half outside
_HALF_AMPLITUDE = 0.25  # as a power
_N_TRANSFORM = 1024  # 0.1 Hz between its bins
_TOLERANCE_HZ = 5.0  # E.180 asks for 1.5 % and better
# Levels of the lines against the strongest one. Tones added are of one level; a modulation of 50 to
# 100 % has sidebands 12 to 6 dB under the tone.
_MIN_OF_TWO = 0.4
_MIN_SIDEBAND, _MAX_SIDEBAND = 0.2, 0.75
_MIN_EXPLAINED, _MAX_EXPLAINED = 0.7, 1.3  # of the power, by the lines

_Complex = npt.NDArray[np.complex64]


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """Frames that may still belong to a beep: what is near the tones, and all that sounds."""

    near: _Complex
    near_power: Floats
    total: Floats

    def take(self, first: int) -> _Kept:
        return _Kept(self.near[first:], self.near_power[first:], self.total[first:])

    def join(self, frames: Frames) -> _Kept:
        return _Kept(
            np.concatenate((self.near, frames.near)),
            np.concatenate((self.near_power, frames.near_power)),
            np.concatenate((self.total, frames.total)),
        )


class CloseToneFinder:
    """Finds beeps of close tones in frames that come block by block.

    Memory is bounded: frames are kept while a beep lasts, at most five seconds of them.

    Parameters
    ----------
    lines_hz : sequence of tuple of float
        The lines of each signal looked for, from low to high: two, or three of a modulated tone.
    min_level_dbfs : float
        Weaker tones are not looked for.
    """

    def __init__(self, lines_hz: Sequence[tuple[float, ...]], min_level_dbfs: float) -> None:
        self._lines_hz = tuple(dict.fromkeys(lines_hz))
        self._min_power = 10 ** (min_level_dbfs / 10)
        self._kept: _Kept | None = None
        self._first_frame = 0  # number of the first frame kept
        self._resume = 0  # frames before this one are done with
        self._too_long_until = -1  # last frame of a sound that goes on for too long

    @property
    def settled_s(self) -> float:
        """No beep found from now on starts before this moment."""
        return max(0.0, (self._resume - _EDGE_FRAMES) * HOP_S)

    def push(self, frames: Frames) -> list[Beep]:
        """Take the next frames; return the beeps that are over."""
        if self._kept is None:
            self._kept = _Kept(frames.near, frames.near_power, frames.total)
        else:
            self._kept = self._kept.join(frames)
        return self._find(self._kept, is_last=False)

    def finish(self) -> list[Beep]:
        """Return the beeps still open at the end of the recording."""
        return [] if self._kept is None else self._find(self._kept, is_last=True)

    def _find(self, kept: _Kept, *, is_last: bool) -> list[Beep]:
        limit = len(kept.total) - (0 if is_last else MARGIN_FRAMES)
        resume = limit
        beeps = []
        for first, end in self._runs(kept):
            is_open = end > limit
            if self._goes_on_too_long(first, end):
                continue
            if is_open and not is_last:
                resume = min(resume, first)
                break
            beep = self._measure(kept, first, end, is_last=is_last)
            if beep is not None:
                beeps.append(beep)
        keep_from = max(0, resume - MARGIN_FRAMES)
        self._resume = self._first_frame + max(resume, 0)
        self._first_frame += keep_from
        self._kept = kept.take(keep_from)
        return beeps

    def _goes_on_too_long(self, first: int, end: int) -> bool:
        """Return whether frames ``[first, end)`` belong to a sound too long to be a beep."""
        starts_in_it = self._first_frame + first <= self._too_long_until + _MAX_DIP_FRAMES
        if end - first > _MAX_FRAMES or (self._too_long_until >= 0 and starts_in_it):
            self._too_long_until = self._first_frame + end
            return True
        return False

    def _runs(self, kept: _Kept) -> list[tuple[int, int]]:
        """Return runs of frames, half-open, in which hardly anything but close tones can sound."""
        is_near = (kept.near_power >= _MIN_SHARE * kept.total) & (
            kept.near_power >= 0.1 * self._min_power
        )
        done = self._resume - self._first_frame
        if self._too_long_until < self._resume:
            is_near[: max(0, done)] = False
        found: list[tuple[int, int]] = []
        for first, end in runs(is_near):
            if found and first - found[-1][1] <= _MAX_DIP_FRAMES:
                found[-1] = (found[-1][0], end)
            else:
                found.append((first, end))
        return [(first, end) for first, end in found if end - first >= _MIN_FRAMES]

    def _measure(self, kept: _Kept, first: int, end: int, *, is_last: bool) -> Beep | None:
        """Return the beep in frames ``[first, end)``, None if its lines are no signal's."""
        power = kept.near_power[first:end]
        steady = float(np.median(power))
        strong = np.flatnonzero(power >= _HALF_AMPLITUDE * steady)
        first, end = first + int(strong[0]), first + int(strong[-1]) + 1
        inner = slice(first + _EDGE_FRAMES, end - _EDGE_FRAMES)
        total = kept.total[inner]
        if end - first < _MIN_FRAMES or steady < self._min_power:
            return None
        lines = self._lines(kept.near[inner], float(np.mean(total)))
        if lines is None:
            return None
        before = power_around(kept.total, first, step=-1)
        after = power_around(kept.total, end - 1, step=1)
        start_s = (self._first_frame + first) * HOP_S
        is_cut = is_last and end >= len(kept.total) - _EDGE_FRAMES
        mean = float(np.mean(total))
        return Beep(
            start_s=start_s,
            end_s=(self._first_frame + end - 1) * HOP_S,
            frequency_hz=lines[0],
            second_hz=lines[-1],
            power=mean,
            purity=float(np.sum(kept.near_power[inner]) / np.sum(total)),
            droop_db=droop_db(kept.near_power[inner]),
            start=edge_kind(before / mean, is_cut=start_s < _EDGE_FRAMES * HOP_S),
            end=edge_kind(after / mean, is_cut=is_cut),
            is_quiet_before=is_quiet(before / mean),
            is_quiet_after=is_quiet(after / mean),
        )

    def _lines(self, near: _Complex, power: float) -> tuple[float, ...] | None:
        """Return the measured lines, in Hz, of the first signal that explains `near`."""
        for expected in self._lines_hz:
            found = _lines_near(near, expected)
            if found is None:
                continue
            lines, levels = found
            explained = float(np.sum(levels**2)) / power
            if _are_levels_right(levels) and _MIN_EXPLAINED <= explained <= _MAX_EXPLAINED:
                return lines
        return None


def _lines_near(
    near: _Complex, expected_hz: tuple[float, ...]
) -> tuple[tuple[float, ...], npt.NDArray[np.float64]] | None:
    """Return the frequency, in Hz, and the RMS of each line expected; None if one is missing."""
    column = NearBand.column_of(float(np.mean(expected_hz)))
    centre_hz = NearBand.hz_of(column)
    turns = np.exp(-2j * np.pi * centre_hz * HOP_S * np.arange(len(near)))
    window = np.hanning(len(near) + 2)[1:-1]
    transform = np.fft.fft(near[:, column] * turns * window, _N_TRANSFORM) / window.sum()
    size = np.abs(transform)
    offsets_hz = np.fft.fftfreq(_N_TRANSFORM, HOP_S)
    lines, levels = [], []
    for line_hz in expected_hz:
        around = np.flatnonzero(np.abs(offsets_hz - (line_hz - centre_hz)) <= _TOLERANCE_HZ)
        peak = int(around[np.argmax(size[around])])
        if size[peak] < max(size[peak - 1], size[(peak + 1) % _N_TRANSFORM]):
            return None  # the slope of something else
        lines.append(centre_hz + float(offsets_hz[peak]))
        levels.append(float(size[peak]) / near_response(float(offsets_hz[peak])))
    return tuple(lines), np.array(levels)


def _are_levels_right(levels: npt.NDArray[np.float64]) -> bool:
    if len(levels) == 2:
        return bool(levels.min() >= _MIN_OF_TWO * levels.max())
    sidebands = levels[[0, 2]] / levels[1]
    return bool(sidebands.min() >= _MIN_SIDEBAND and sidebands.max() <= _MAX_SIDEBAND)
