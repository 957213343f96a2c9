"""Find steady tones: the beeps that call-progress signals are made of.

Conventions: frames are those of `spectrum`; powers are mean squares (a full-scale sine has 0.5,
-3 dBFS).

Not handled: two tones less than 75 Hz apart (`close_tones` finds those), vibrato.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

import numpy as np

from recognizer.signals.spectrum import HOP_S, LOBE_BINS, Floats, Frames

__all__ = [
    "Beep",
    "BeepFinder",
    "Edge",
    "droop_db",
    "edge_kind",
    "is_quiet",
    "join",
    "power_around",
]

_MIN_SHARE = 0.6  # of a frame's power in the tone: 1.8 dB over all other sound
_MIN_SHARE_OF_TWO = 0.75
_MIN_PURITY = 0.7
_MAX_JUMP_HZ = 16.0  # from frame to frame
_MIN_FRAMES = 4
_MAX_RUN_FRAMES = 1000
MARGIN_FRAMES = 12
"""Frames kept before a run and waited for after it, for its edges and what is around it."""
_JOIN_S = 0.08  # no signal pauses shorter; a lost packet, a click or a phase reversal does
_JOIN_HZ = 12.0
# Of the middle half of a beep's frames. A real tone keeps to 5 Hz through bad codecs with 10 dB of
# noise; codecs that are short of bits at low levels make its level sway by 10 dB.
_MAX_SPREAD_HZ = 8.0
_MAX_SPREAD = 0.007
_MAX_LEVEL_SPREAD = 4.0
_MAX_LEVEL_SPREAD_IF_WEAK = 10.0
_PURE = 0.9
_WEAK = 10**-3.5  # -35 dBFS
_SWAY = 0.1  # frames this much weaker than the weakest tone looked for still belong to it
_MIN_LENGTH_S = 0.035
_EDGE_S = 0.03  # a beep this near to the recording's start or end may have been cut by it
_QUIET_RATIO = 0.2  # -7 dB
_COVERED_RATIO = 0.4  # -4 dB


class Edge(enum.Enum):
    """How a beep begins or ends."""

    CLEAN = "clean"
    CUT = "cut"  # the recording begins or ends in it
    COVERED = "covered"  # another sound as loud is right there


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
    droop_db : float
        By how much its last third is weaker than its first: a machine's beep keeps its level, a
        struck or plucked note dies away.
    start, end : Edge
        How it begins and ends.
    is_quiet_before, is_quiet_after : bool
        Whether the sound around it is clearly weaker.
    """

    start_s: float
    end_s: float
    frequency_hz: float
    second_hz: float | None
    power: float
    purity: float
    droop_db: float
    start: Edge
    end: Edge
    is_quiet_before: bool
    is_quiet_after: bool

    @property
    def is_measured(self) -> bool:
        """Tell whether both its ends were heard: else it may have been longer."""
        return self.start is Edge.CLEAN and self.end is Edge.CLEAN

    @property
    def is_cut(self) -> bool:
        """Tell whether the recording begins or ends in it."""
        return Edge.CUT in (self.start, self.end)

    @property
    def length_s(self) -> float:
        """Seconds."""
        return self.end_s - self.start_s


class BeepFinder:
    """Finds beeps in frames that come block by block.

    Memory is bounded: frames are kept while a beep lasts, at most ten seconds of them.

    Parameters
    ----------
    bin_hz : float
        Distance of the bins of the frames' spectra.
    min_level_dbfs : float
        Weaker tones are not looked for.
    """

    def __init__(self, bin_hz: float, min_level_dbfs: float) -> None:
        self._bin_hz = bin_hz
        self._min_power = np.float32(10 ** (min_level_dbfs / 10))
        self._frames: Frames | None = None
        self._first_frame = 0  # number of the first frame kept
        self._resume = 0  # frames before this one are done with
        self._last: Beep | None = None

    @property
    def settled_s(self) -> float:
        """No beep found from now on starts before this moment."""
        if self._last is not None:
            return self._last.start_s
        return max(0.0, (self._resume - MARGIN_FRAMES) * HOP_S)

    def push(self, frames: Frames) -> list[Beep]:
        """Take the next frames; return the beeps that are over."""
        self._frames = frames if self._frames is None else self._frames.join(frames)
        return self._joined(self._find(self._frames, is_last=False))

    def finish(self) -> list[Beep]:
        """Return the beeps still open at the end of the recording."""
        if self._frames is None:
            return []
        found = self._joined(self._find(self._frames, is_last=True))
        if self._last is not None:
            found.append(self._last)
            self._last = None
        return found

    def _find(self, frames: Frames, *, is_last: bool) -> list[Beep]:
        """Measure the runs that are over, and drop the frames that are done with."""
        limit = len(frames) - (0 if is_last else MARGIN_FRAMES)
        resume = limit
        beeps: list[Beep] = []
        for first, end in self._runs(frames):
            if end > limit and end - first < _MAX_RUN_FRAMES:
                resume = min(resume, first)
                break
            # Of a run too long to keep the rest is joined on later.
            beep = self._measure(frames, first, min(end, limit), is_last=is_last)
            if beep is not None:
                beeps.append(beep)
        keep_from = max(0, resume - MARGIN_FRAMES)
        self._resume = self._first_frame + max(resume, 0)
        self._first_frame += keep_from
        self._frames = frames.take(keep_from)
        return beeps

    def _runs(self, frames: Frames) -> list[tuple[int, int]]:
        """Return runs of frames, half-open, that hold one steady tone or pair of tones."""
        loud = (
            frames.total * np.maximum(frames.share, frames.share_of_two) >= _SWAY * self._min_power
        )
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

    def _measure(self, frames: Frames, first: int, end: int, *, is_last: bool) -> Beep | None:
        """Return the beep in frames ``[first, end)``, None if its pitch is not steady."""
        inner = slice(first + 1, end - 1)
        is_pair = bool(np.median(frames.share[inner]) < _MIN_SHARE)
        pitches = [frames.frequency_hz[inner]]
        if is_pair:
            both = np.stack([frames.frequency_hz[inner], frames.second_hz[inner]])
            pitches = [both.min(axis=0), both.max(axis=0)]
        for pitch in pitches:
            low, high = np.percentile(pitch, [25, 75])
            if high - low > max(_MAX_SPREAD_HZ, _MAX_SPREAD * high):
                return None
        hz = [float(np.median(pitch)) for pitch in pitches]
        tone = sum(self._tone_power(frames, f) for f in hz)
        assert isinstance(tone, np.ndarray)
        centre = self._bin(hz[0])
        amplitude = np.sqrt(frames.spectrum[:, centre])
        begin = _crossing(amplitude, first, step=-1)
        until = _crossing(amplitude, end - 1, step=1)
        if (until - begin) * HOP_S < _MIN_LENGTH_S:
            return None
        power = float(np.median(tone[inner]))
        purity = float(np.median((frames.share_of_two if is_pair else frames.share)[inner]))
        sways = purity >= _PURE and power < _WEAK
        sway = _MAX_LEVEL_SPREAD_IF_WEAK if sways else _MAX_LEVEL_SPREAD
        if purity < _MIN_PURITY or not _is_steady(tone[inner], sway):
            return None
        if float(tone[inner].max()) < self._min_power:
            return None
        before = power_around(frames.total, begin, step=-1)
        after = power_around(frames.total, until, step=1)
        start_s = (self._first_frame + begin) * HOP_S
        end_s = (self._first_frame + until) * HOP_S
        is_cut = is_last and until > len(frames) - 1 - _EDGE_S / HOP_S
        return Beep(
            start_s=max(0.0, start_s),
            end_s=end_s,
            frequency_hz=hz[0],
            second_hz=hz[1] if is_pair else None,
            power=power,
            purity=purity,
            droop_db=droop_db(tone[inner]),
            start=edge_kind(before / power, is_cut=start_s < _EDGE_S),
            end=edge_kind(after / power, is_cut=is_cut),
            is_quiet_before=is_quiet(before / power),
            is_quiet_after=is_quiet(after / power),
        )

    def _bin(self, frequency_hz: float) -> int:
        return round(frequency_hz / self._bin_hz)

    def _tone_power(self, frames: Frames, frequency_hz: float) -> Floats:
        centre = self._bin(frequency_hz)
        lobe = frames.spectrum[:, centre - LOBE_BINS : centre + LOBE_BINS + 1]
        power: Floats = lobe.sum(axis=1)
        return power

    def _joined(self, beeps: list[Beep]) -> list[Beep]:
        """Join beeps that only a dropout parts; hold the last one back, it may go on."""
        done: list[Beep] = []
        for beep in beeps:
            last = self._last
            if last is not None and _is_continued(last, beep):
                self._last = join(last, beep)
                continue
            if last is not None:
                done.append(last)
            self._last = beep
        is_over = self._last is not None and (
            self._last.end_s + _JOIN_S < (self._resume - MARGIN_FRAMES) * HOP_S
        )
        if is_over and self._last is not None:
            done.append(self._last)
            self._last = None
        return done


def _is_steady(power: Floats, sway: float) -> bool:
    """Tell whether a tone keeps its level; one step up or down is allowed (a gain control)."""
    half = len(power) // 2
    for part in (power, power[:half], power[half:]):
        low, high = np.percentile(part, [10, 90]) if len(part) else (1.0, 1.0)
        if high <= sway * low:
            return True
    return False


def droop_db(power: Floats) -> float:
    """Return by how much the last third of a beep is weaker than its first."""
    third = max(1, len(power) // 3)
    return 10 * math.log10(float(np.median(power[:third])) / float(np.median(power[-third:])))


def _crossing(amplitude: Floats, outermost: int, *, step: int) -> float:
    """Return where, at the end of a run, the amplitude falls to half.

    Parameters
    ----------
    amplitude : float32, shape (n,)
    outermost : int
        The run's last frame in the direction `step`.
    step : int
        -1 for the beginning, 1 for the end.
    """
    n = len(amplitude)
    # What is steady is judged a little way in: the outermost frames are half outside.
    deep = [outermost - step * i for i in range(2, 8) if 0 <= outermost - step * i < n]
    half = 0.5 * float(np.median(amplitude[deep])) if deep else 0.0
    at = outermost
    for _ in range(MARGIN_FRAMES):
        if amplitude[at] >= half or not 0 <= at - step < n:
            break
        at -= step
    for _ in range(MARGIN_FRAMES):
        beyond = at + step
        if not 0 <= beyond < n:
            return float(at)
        inner, outer = float(amplitude[at]), float(amplitude[beyond])
        if outer < half <= inner:
            return at + step * (inner - half) / (inner - outer)
        at = beyond
    return float(outermost)


def power_around(total: Floats, edge: float, *, step: int) -> float:
    """Return the power just outside an edge, clear of the window's reach; 0 outside the sound."""
    near = round(edge) + 3 * step
    far = round(edge) + 9 * step
    first, end = (near, far) if step > 0 else (far + 1, near + 1)
    part = total[max(0, first) : max(0, end)]
    return float(np.mean(part)) if len(part) else 0.0


def is_quiet(loudness_outside: float) -> bool:
    """Tell whether the sound outside a beep is clearly weaker; power against the beep's."""
    return loudness_outside < _QUIET_RATIO


def edge_kind(loudness_outside: float, *, is_cut: bool) -> Edge:
    """Return how a beep begins or ends; power outside it against the beep's."""
    if is_cut:
        return Edge.CUT
    return Edge.COVERED if loudness_outside > _COVERED_RATIO else Edge.CLEAN


def _is_continued(last: Beep, beep: Beep) -> bool:
    if (last.second_hz is None) is not (beep.second_hz is None):
        return False
    if beep.start_s - last.end_s > (_JOIN_S if last.second_hz is None else 0.02):
        return False
    return abs(beep.frequency_hz - last.frequency_hz) <= _JOIN_HZ


def join(last: Beep, beep: Beep) -> Beep:
    """Return two beeps that follow each other as one."""
    longer = last if last.length_s >= beep.length_s else beep
    return Beep(
        start_s=last.start_s,
        end_s=max(last.end_s, beep.end_s),
        frequency_hz=longer.frequency_hz,
        second_hz=longer.second_hz,
        power=longer.power,
        purity=longer.purity,
        droop_db=longer.droop_db,
        start=last.start,
        end=beep.end,
        is_quiet_before=last.is_quiet_before,
        is_quiet_after=beep.is_quiet_after,
    )
