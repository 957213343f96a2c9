"""Call-progress signals: from steady beeps, by frequency and cadence, to tone events.

Conventions: times are seconds from the start of the sound given; levels are RMS in dBFS (a
full-scale sine has -3). One event is a whole stretch of ringing or busy, not one beep of it.

Not handled: signals of more than two beeps a period, and signals that another, equally loud sound
covers completely.
"""

from __future__ import annotations

import copy
import itertools
import math
import statistics
from collections.abc import Iterable, Sequence

from recognizer.base.errors import AudioError
from recognizer.model import Audio, Cadence, Samples, ToneEvent, ToneKind
from recognizer.signals.beeps import Beep, BeepFinder, Edge, join
from recognizer.signals.close_tones import CloseToneFinder
from recognizer.signals.spectrum import Frames, FrameStream
from recognizer.signals.tone_plans import TonePlan, ToneSpec

__all__ = ["ToneDetector", "detect_tones"]

_LOWEST_RATE = 8000
_MAX_DRIFT_HZ = 16.0  # between beeps of one signal
_MAX_GAP_S = 7.0  # longer than any period: what comes after is another signal
_MIN_PART_OF_CUT = 0.5  # of its shortest length, for a lone beep that the recording cuts
_MIN_PURITY_OF_LONE_BEEP = 0.85
# Beeps of one signal are alike; noise may spoil one in three.
_MAX_ODD_LENGTH_S = 0.04
_MAX_ODD_LENGTH = 0.1
_MAX_ODD_PITCH_HZ = 5.0
_MAX_ODD_PART = 0.34
_MIN_QUIET_PART = 0.6
_MAX_DROOP_DB = 5.0
# A beep that another sound cuts short must be much like its neighbour.
_MIN_PART_S = 0.1
_MAX_DRIFT_OF_PART_HZ = 8.0
_MAX_STEP = 4.0  # 6 dB
_MAX_BETWEEN = 3
_KEYPAD_PAUSE_S = 2.0
_MAX_SKIPPED_PERIODS = 2.2  # a signal may lose a beep or two to noise and still be the same
_SEQUENCE_PAUSE_S = 2.0
_DROPOUT_S = 0.12
_HOLE_S = 0.15  # of lost packets inside a beep; no cadence pauses for less


def detect_tones(
    audio: Audio, plan: TonePlan, *, min_level_dbfs: float = -60.0
) -> tuple[ToneEvent, ...]:
    """Return the call-progress tones heard in `audio`.

    Parameters
    ----------
    audio : Audio
        float32, shape (n_samples,), mono, 8000 Hz or more.
    plan : TonePlan
        Frequencies in Hz and cadences in ms for one country.
    min_level_dbfs : float
        Tones quieter than this are not looked for.

    Returns
    -------
    tuple of ToneEvent
        Ordered by start_s, in seconds of the source (`audio.start_s` is added); empty if none.

    Raises
    ------
    AudioError
        If `audio.sample_rate` is below 8000.
    """
    detector = ToneDetector(
        plan, audio.sample_rate, start_s=audio.start_s, min_level_dbfs=min_level_dbfs
    )
    return (*detector.push(audio.samples), *detector.finish())


class ToneDetector:
    """Finds tones in sound that comes chunk by chunk.

    The chunks may be of any length; the events are the same as of the whole at once. Memory holds
    ten seconds of spectra and the beeps of the signal going on.

    Parameters
    ----------
    plan : TonePlan
    sample_rate : int
        Hz, 8000 or more.
    start_s : float
        When the first sample sounds.
    min_level_dbfs : float
        Tones quieter than this are not looked for.
    """

    def __init__(
        self,
        plan: TonePlan,
        sample_rate: int,
        *,
        start_s: float = 0.0,
        min_level_dbfs: float = -60.0,
    ) -> None:
        self._plan = plan
        if sample_rate < _LOWEST_RATE:
            raise AudioError(
                f"tones need {_LOWEST_RATE} Hz or more, got {sample_rate} Hz; resample first",
                kind="sample_rate",
            )
        self._stream = FrameStream(sample_rate)
        self._finder = BeepFinder(self._stream.bin_hz, min_level_dbfs)
        close = [spec.close_lines_hz for spec in plan.tones if spec.close_lines_hz]
        self._close_finder = CloseToneFinder(close, min_level_dbfs)
        self._start_s = start_s
        self._open: list[Beep] = []
        self._close: list[Beep] = []

    def push(self, samples: Samples) -> tuple[ToneEvent, ...]:
        """Take more sound; return the signals that are certainly over, in order."""
        return tuple(
            event for frames in self._stream.push(samples) for event in self.push_frames(frames)
        )

    def push_frames(self, frames: Frames) -> tuple[ToneEvent, ...]:
        """Take the next frames of a `FrameStream` somebody else reads too."""
        self._add(self._finder.push(frames), self._close_finder.push(frames))
        ready: list[Beep] = []
        following_s = min(self._finder.settled_s, self._close_finder.settled_s)
        for index in range(len(self._open) - 1, -1, -1):
            if following_s - self._open[index].end_s > _MAX_GAP_S:
                ready, self._open = self._open[: index + 1], self._open[index + 1 :]
                break
            following_s = self._open[index].start_s
        return self._decide(ready)

    def forked(self) -> ToneDetector:
        """Return a detector that has heard the same and goes on by itself."""
        fork: ToneDetector = copy.copy(self)
        fork._stream, fork._finder = self._stream.forked(), copy.copy(self._finder)
        fork._close_finder = copy.copy(self._close_finder)
        fork._open, fork._close = list(self._open), list(self._close)
        return fork

    def finish(self) -> tuple[ToneEvent, ...]:
        """Return the signals still open when the sound ends, in order."""
        events = [event for frames in self._stream.finish() for event in self.push_frames(frames)]
        return (*events, *self.finish_frames())

    def finish_frames(self) -> tuple[ToneEvent, ...]:
        """Return the signals still open after the last frames."""
        self._add(self._finder.finish(), self._close_finder.finish())
        beeps, self._open = self._open, []
        return self._decide(beeps)

    def _add(self, beeps: Sequence[Beep], close: Sequence[Beep]) -> None:
        """Note beeps; of what beats, the pieces that look like beeps of one tone are none."""
        self._close += close
        self._open = sorted(
            (b for b in (*self._open, *beeps, *close) if not _is_piece(b, self._close)),
            key=lambda beep: beep.start_s,
        )
        first_s = self._open[0].start_s if self._open else self._finder.settled_s
        self._close = [b for b in self._close if b.end_s > first_s]

    def _decide(self, beeps: list[Beep]) -> tuple[ToneEvent, ...]:
        return tuple(
            ToneEvent(
                kind=event.kind,
                start_s=event.start_s + self._start_s,
                end_s=event.end_s + self._start_s,
                frequencies_hz=event.frequencies_hz,
                cadence=event.cadence,
                n_periods=event.n_periods,
                level_dbfs=event.level_dbfs,
            )
            for event in _signals(beeps, self._plan)
        )


class _Signal:
    """Beeps that make one signal."""

    def __init__(self, spec: ToneSpec, beeps: Iterable[Beep]) -> None:
        self.spec = spec
        self.beeps = sorted(beeps, key=lambda beep: beep.start_s)

    @property
    def start_s(self) -> float:
        return self.beeps[0].start_s

    @property
    def end_s(self) -> float:
        return max(beep.end_s for beep in self.beeps)

    def event(self) -> ToneEvent:
        power = statistics.fmean(beep.power for beep in self.beeps)
        n_parts = len(self.spec.frequencies_hz) if self.spec.is_sequence else 1
        return ToneEvent(
            kind=self.spec.kind,
            start_s=self.start_s,
            end_s=self.end_s,
            frequencies_hz=self._frequencies_hz(n_parts),
            cadence=self._cadence() if self.spec.period_ms else None,
            n_periods=max(1, round(len(self.beeps) / n_parts)),
            level_dbfs=round(10 * math.log10(power), 1),
        )

    def _frequencies_hz(self, n_parts: int) -> tuple[float, ...]:
        if self.beeps[0].second_hz is not None:
            return (round(self.beeps[0].frequency_hz, 1), round(self.beeps[0].second_hz, 1))
        if n_parts > 1:
            return tuple(round(beep.frequency_hz, 1) for beep in self.beeps[:n_parts])
        return (round(statistics.median(beep.frequency_hz for beep in self.beeps), 1),)

    def _cadence(self) -> Cadence | None:
        whole = [b.length_s for b in self.beeps if b.is_measured]
        on_s = statistics.median(whole or [b.length_s for b in self.beeps])
        pauses = [b.start_s - a.end_s for a, b in itertools.pairwise(self.beeps)]
        if not pauses:
            return Cadence((round(on_s * 1000),))
        return Cadence((round(on_s * 1000), round(statistics.median(pauses) * 1000)))


def _signals(beeps: Sequence[Beep], plan: TonePlan) -> list[ToneEvent]:
    """Return the events that `beeps`, in order of time, make."""
    left = list(beeps)
    signals: list[_Signal] = []
    for find in (_keypad, _sequences, _cadences, _lone):
        found = find(left, plan)
        signals += found
        left = _without(left, found)
    signals = _absorbed(signals, left)
    signals.sort(key=lambda signal: signal.start_s)
    return [signal.event() for signal in _merged(signals)]


def _is_piece(beep: Beep, close: Sequence[Beep]) -> bool:
    """Return whether a beep lies inside one of two close tones, and is another."""
    return any(
        beep is not whole and min(beep.end_s, whole.end_s) - max(beep.start_s, whole.start_s) > 0.0
        for whole in close
    )


def _without(beeps: Sequence[Beep], signals: Sequence[_Signal]) -> list[Beep]:
    """Return the beeps that no signal is made of."""
    used = [beep for signal in signals for beep in signal.beeps]
    return [beep for beep in beeps if not any(_is_in(beep, whole) for whole in used)]


def _is_in(beep: Beep, whole: Beep) -> bool:
    """Return whether a beep is another, or one of the two of a burst."""
    return beep is whole or (whole.start_s <= beep.start_s and beep.end_s <= whole.end_s)


def _keypad(beeps: Sequence[Beep], plan: TonePlan) -> list[_Signal]:
    signals: list[_Signal] = []
    for spec in plan.of_kind(ToneKind.DTMF):
        for beep in beeps:
            if beep.second_hz is None or not _is_length(beep, spec):
                continue
            row = min(abs(beep.frequency_hz - hz) for hz in spec.row_hz)
            column = min(abs(beep.second_hz - hz) for hz in spec.column_hz)
            if row <= spec.tolerance_hz and column <= spec.tolerance_hz:
                signals.append(_Signal(spec, [beep]))
    return signals


def _sequences(beeps: Sequence[Beep], plan: TonePlan) -> list[_Signal]:
    """Return signals of several frequencies in turn."""
    signals = []
    for spec in (s for s in plan.tones if s.is_sequence):
        first = 0
        while first < len(beeps):
            taken = _sequence_at(beeps, first, spec)
            if len(taken) >= min(spec.min_beeps, len(spec.frequencies_hz)):
                signals.append(_Signal(spec, taken))
                first += len(taken)
            else:
                first += 1
    return signals


def _sequence_at(beeps: Sequence[Beep], first: int, spec: ToneSpec) -> list[Beep]:
    taken: list[Beep] = []
    for position, beep in enumerate(beeps[first : first + len(spec.frequencies_hz)]):
        fits = (
            beep.second_hz is None
            and spec.matches_frequency(beep.frequency_hz, position)
            and _is_length(beep, spec)
        )
        if not fits or (taken and not _is_pause(beep.start_s - taken[-1].end_s, spec)):
            break
        taken.append(beep)
    return taken


def _cadences(beeps: Sequence[Beep], plan: TonePlan) -> list[_Signal]:
    """Return signals whose beeps repeat."""
    signals: list[_Signal] = []
    left = list(beeps)
    specs = [spec for spec in plan.tones if spec.period_ms is not None]
    for tones in dict.fromkeys((s.frequencies_hz, s.pair_hz, s.burst_ms) for s in specs):
        family = [s for s in specs if (s.frequencies_hz, s.pair_hz, s.burst_ms) == tones]
        own = [beep for beep in left if _sounds_like(beep, family[0])]
        found = [
            signal
            for signal in _chains(_bursts(own, family[0]), family)
            if len(signal.beeps) >= signal.spec.min_beeps
        ]
        left = _without(left, found)
        signals += found
    return signals


def _bursts(beeps: Sequence[Beep], spec: ToneSpec) -> list[Beep]:
    """Return what a signal is made of: its beeps, or each pair of them as one."""
    if spec.burst_ms is None:
        return list(beeps)
    bursts: list[Beep] = []
    for first, second in itertools.pairwise(beeps):
        lengths_s = (first.length_s, second.start_s - first.end_s, second.length_s)
        is_burst = all(
            low <= length_s * 1000 <= high
            for length_s, (low, high) in zip(lengths_s, spec.burst_ms, strict=True)
        )
        if is_burst and not (bursts and first.start_s < bursts[-1].end_s):
            bursts.append(join(first, second))
    return bursts


def _sounds_like(beep: Beep, spec: ToneSpec) -> bool:
    """Return whether a beep has the tone, or the two tones, of a signal."""
    if beep.second_hz is None:
        return spec.matches_frequency(beep.frequency_hz)
    return spec.matches_pair(beep.frequency_hz, beep.second_hz)


def _chains(beeps: Sequence[Beep], family: Sequence[ToneSpec]) -> list[_Signal]:
    """Return runs of beeps that follow each other in one of the family's cadences."""
    signals: list[_Signal] = []
    first = 0
    while first < len(beeps) - 1:
        spec, index = _follower(beeps, first, family)
        if spec is None:
            first += 1
            continue
        chain = [beeps[first], beeps[index]]
        while True:
            following, index_after = _follower(beeps, index, [spec])
            if following is None:
                break
            index = index_after
            chain.append(beeps[index])
        if _is_regular(chain, spec):
            signals.append(_Signal(spec, chain))
            first = index + 1
        else:
            first += 1
    return signals


def _is_regular(chain: Sequence[Beep], spec: ToneSpec) -> bool:
    """Tell whether beeps are alike, as a machine makes them and music does not."""
    if not any(beep.length_s * 1000 >= spec.on_ms[0] for beep in chain):
        return False
    measured = [beep.length_s for beep in chain if beep.is_measured]
    pitches = [beep.frequency_hz for beep in chain]
    return (
        _n_odd(measured, max(_MAX_ODD_LENGTH_S, _MAX_ODD_LENGTH * max(measured, default=0.0)))
        <= _MAX_ODD_PART * len(measured)
        and _n_odd(pitches, _MAX_ODD_PITCH_HZ) <= _MAX_ODD_PART * len(pitches)
        and _part_quiet(chain) >= _MIN_QUIET_PART
        and sum(map(_dies_away, chain)) <= _MAX_ODD_PART * len(chain)
    )


def _dies_away(beep: Beep) -> bool:
    return abs(beep.droop_db) > _MAX_DROOP_DB


def _n_odd(values: Sequence[float], tolerance: float) -> int:
    """Return how many values lie further than `tolerance` from the middle one."""
    if not values:
        return 0
    middle = statistics.median_low(values)
    return sum(abs(value - middle) > tolerance for value in values)


def _part_quiet(chain: Sequence[Beep]) -> float:
    """Return the part of the edges heard, 0-1, that have clearly weaker sound beyond."""
    edges = [b.is_quiet_before for b in chain if b.start is not Edge.CUT]
    edges += [b.is_quiet_after for b in chain if b.end is not Edge.CUT]
    return sum(edges) / len(edges) if edges else 1.0


def _follower(
    beeps: Sequence[Beep], first: int, family: Sequence[ToneSpec]
) -> tuple[ToneSpec | None, int]:
    """Return which beep follows `first`, and in which signal; noise may put others between."""
    for index in range(first + 1, min(first + 1 + _MAX_BETWEEN, len(beeps))):
        between = beeps[first + 1 : index]
        for spec in family:
            if _is_pair(beeps[first], beeps[index], spec) and not any(
                _is_one_more(beep, beeps[first], spec) for beep in between
            ):
                return spec, index
    return None, first


def _is_one_more(beep: Beep, of: Beep, spec: ToneSpec) -> bool:
    """Tell whether a beep between two of a signal is no noise: the cadence is another one."""
    return (
        not beep.is_cut
        and _is_length(beep, spec)
        and 1 / _MAX_STEP <= beep.power / of.power <= _MAX_STEP
    )


def _is_pair(before: Beep, after: Beep, spec: ToneSpec) -> bool:
    """Tell whether two beeps can follow each other in a signal."""
    pause_s = after.start_s - before.end_s
    if not _is_pause(pause_s, spec) or spec.period_ms is None:
        return False
    if abs(before.frequency_hz - after.frequency_hz) > _MAX_DRIFT_HZ:
        return False
    if not (_is_length(before, spec) and _is_length(after, spec)):
        return False
    if before.start is Edge.CLEAN:
        period_s = after.start_s - before.start_s
    elif after.end is Edge.CLEAN:
        period_s = after.end_s - before.end_s
    else:
        return True
    return spec.period_ms[0] <= period_s * 1000 <= spec.period_ms[1]


def _is_pause(pause_s: float, spec: ToneSpec) -> bool:
    # Two beeps measured one by one may seem to overlap a little.
    return spec.off_ms is not None and (
        spec.off_ms[0] - 30 <= pause_s * 1000 <= spec.off_ms[1]
        if spec.is_sequence
        else spec.off_ms[0] <= pause_s * 1000 <= spec.off_ms[1]
    )


def _is_length(beep: Beep, spec: ToneSpec) -> bool:
    """Tell whether a beep is as long as the signal's, or was before the recording cut it."""
    shortest, longest = spec.on_ms
    return (beep.is_cut or beep.length_s * 1000 >= shortest) and beep.length_s * 1000 <= longest


def _lone(beeps: Sequence[Beep], plan: TonePlan) -> list[_Signal]:
    """Return signals that one beep is enough for."""
    signals = []
    for beep in beeps:
        for spec in plan.tones:
            if spec.min_beeps != 1 or spec.row_hz or not _is_lone(beep, spec):
                continue
            if not _has_another_cadence(beep, beeps, spec):
                signals.append(_Signal(spec, [beep]))
                break
    return signals


def _has_another_cadence(beep: Beep, beeps: Sequence[Beep], spec: ToneSpec) -> bool:
    """Return whether the tone comes back sooner than the signal's does.

    A Greek dial tone is 0.2 s on, 0.3 s off, 0.7 s on, 0.8 s off: its longer beeps are no rings.
    """
    if spec.off_ms is None:
        return False
    pauses_s = [
        max(other.start_s - beep.end_s, beep.start_s - other.end_s)
        for other in beeps
        if other is not beep and _sounds_like(other, spec)
    ]
    return any(_HOLE_S < pause_s < spec.off_ms[0] / 1000 for pause_s in pauses_s)


def _is_lone(beep: Beep, spec: ToneSpec) -> bool:
    if not (_sounds_like(beep, spec) and _is_length(beep, spec)):
        return False
    if beep.length_s * 1000 < _MIN_PART_OF_CUT * spec.on_ms[0]:
        return False
    is_apart = beep.is_cut or beep.is_quiet_before or beep.is_quiet_after
    if not is_apart or beep.purity < _MIN_PURITY_OF_LONE_BEEP or _dies_away(beep):
        return False
    if spec.band_hz is not None:  # any pitch may be a note: ask for more quiet around it
        return beep.is_quiet_before and beep.is_quiet_after
    return not (spec.is_isolated and Edge.COVERED in (beep.start, beep.end))


def _absorbed(signals: list[_Signal], left: Sequence[Beep]) -> list[_Signal]:
    """Give left-over beeps, cut short by another sound, to the signal they belong to."""
    for beep in left:
        for signal in signals:
            if _belongs(beep, signal):
                signal.beeps = sorted([*signal.beeps, beep], key=lambda b: b.start_s)
                break
    return signals


def _belongs(beep: Beep, signal: _Signal) -> bool:
    nearest = min(signal.beeps, key=lambda b: abs(b.start_s - beep.start_s))
    first, second = sorted((beep, nearest), key=lambda b: b.start_s)
    return (
        signal.spec.period_ms is not None
        and beep.second_hz is None
        and abs(beep.frequency_hz - nearest.frequency_hz) <= _MAX_DRIFT_OF_PART_HZ
        and 1 / _MAX_STEP <= beep.power / nearest.power <= _MAX_STEP
        and _MIN_PART_S <= beep.length_s <= signal.spec.on_ms[1] / 1000
        and _is_pause(second.start_s - first.end_s, signal.spec)
    )


def _reach_s(spec: ToneSpec) -> float:
    """Return how long a signal may pause and still be the same."""
    if spec.is_sequence:
        return _SEQUENCE_PAUSE_S
    if spec.row_hz:
        return _KEYPAD_PAUSE_S
    if spec.period_ms is None:
        return _DROPOUT_S
    return min(_MAX_GAP_S, _MAX_SKIPPED_PERIODS * spec.period_ms[1] / 1000)


def _merged(signals: list[_Signal]) -> list[_Signal]:
    """Join neighbours of one kind, in order of time, that noise or a lost beep has parted."""
    merged: list[_Signal] = []
    for signal in signals:
        last = merged[-1] if merged else None
        if (
            last is not None
            and last.spec is signal.spec
            and signal.start_s - last.end_s <= _reach_s(signal.spec)
        ):
            last.beeps = sorted([*last.beeps, *signal.beeps], key=lambda beep: beep.start_s)
        else:
            merged.append(signal)
    return merged
