"""From beeps to call-progress signals: keypad, sequences, cadences, lone beeps, what is left over.

Each kind takes the beeps that those before it have left.
"""

from __future__ import annotations

from collections.abc import Sequence

from recognizer.model import ToneEvent, ToneKind
from recognizer.signals.beeps import Beep, Edge
from recognizer.signals.cadences import MAX_STEP, find_cadences
from recognizer.signals.tone_plans import TonePlan, ToneSpec
from recognizer.signals.tone_signals import (
    Signal,
    dies_away,
    is_length,
    is_pause,
    sounds_like,
    without,
)

__all__ = ["MAX_GAP_S", "find_signals"]

MAX_GAP_S = 7.0
"""Longer than any period: what comes after is another signal."""
_MIN_PART_OF_CUT = 0.5  # of its shortest length, for a lone beep that the recording cuts
_MIN_PURITY_OF_LONE_BEEP = 0.85
# A beep that another sound cuts short must be much like its neighbour.
_MIN_PART_S = 0.1
_MAX_DRIFT_OF_PART_HZ = 8.0
_KEYPAD_PAUSE_S = 2.0
_MAX_SKIPPED_PERIODS = 2.2  # a signal may lose a beep or two to noise and still be the same
_SEQUENCE_PAUSE_S = 2.0
_DROPOUT_S = 0.12
_HOLE_S = 0.15  # of lost packets inside a beep; no cadence pauses for less


def find_signals(beeps: Sequence[Beep], plan: TonePlan) -> list[ToneEvent]:
    """Return the events that `beeps`, in order of time, make."""
    left = list(beeps)
    signals: list[Signal] = []
    for find in (_keypad, _sequences, find_cadences, _lone):
        found = find(left, plan)
        signals += found
        left = without(left, found)
    signals = _absorbed(signals, left)
    signals.sort(key=lambda signal: signal.start_s)
    return [signal.event() for signal in _merged(signals)]


def _keypad(beeps: Sequence[Beep], plan: TonePlan) -> list[Signal]:
    signals: list[Signal] = []
    for spec in plan.of_kind(ToneKind.DTMF):
        for beep in beeps:
            if beep.second_hz is None or not is_length(beep, spec):
                continue
            row = min(abs(beep.frequency_hz - hz) for hz in spec.row_hz)
            column = min(abs(beep.second_hz - hz) for hz in spec.column_hz)
            if row <= spec.tolerance_hz and column <= spec.tolerance_hz:
                signals.append(Signal(spec, [beep]))
    return signals


def _sequences(beeps: Sequence[Beep], plan: TonePlan) -> list[Signal]:
    """Return signals of several frequencies in turn."""
    signals = []
    for spec in (s for s in plan.tones if s.is_sequence):
        first = 0
        while first < len(beeps):
            taken = _sequence_at(beeps, first, spec)
            if len(taken) >= min(spec.min_beeps, len(spec.frequencies_hz)):
                signals.append(Signal(spec, taken))
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
            and is_length(beep, spec)
        )
        if not fits or (taken and not is_pause(beep.start_s - taken[-1].end_s, spec)):
            break
        taken.append(beep)
    return taken


def _lone(beeps: Sequence[Beep], plan: TonePlan) -> list[Signal]:
    """Return signals that one beep is enough for."""
    signals = []
    for beep in beeps:
        for spec in plan.tones:
            if spec.min_beeps != 1 or spec.row_hz or not _is_lone(beep, spec):
                continue
            if not _has_another_cadence(beep, beeps, spec):
                signals.append(Signal(spec, [beep]))
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
        if other is not beep and sounds_like(other, spec)
    ]
    return any(_HOLE_S < pause_s < spec.off_ms[0] / 1000 for pause_s in pauses_s)


def _is_lone(beep: Beep, spec: ToneSpec) -> bool:
    if not (sounds_like(beep, spec) and is_length(beep, spec)):
        return False
    if beep.length_s * 1000 < _MIN_PART_OF_CUT * spec.on_ms[0]:
        return False
    is_apart = beep.is_cut or beep.is_quiet_before or beep.is_quiet_after
    if not is_apart or beep.purity < _MIN_PURITY_OF_LONE_BEEP or dies_away(beep):
        return False
    if spec.band_hz is not None:  # any pitch may be a note: ask for more quiet around it
        return beep.is_quiet_before and beep.is_quiet_after
    return not (spec.is_isolated and Edge.COVERED in (beep.start, beep.end))


def _absorbed(signals: list[Signal], left: Sequence[Beep]) -> list[Signal]:
    """Give left-over beeps, cut short by another sound, to the signal they belong to."""
    for beep in left:
        for signal in signals:
            if _belongs(beep, signal):
                signal.beeps = sorted([*signal.beeps, beep], key=lambda b: b.start_s)
                break
    return signals


def _belongs(beep: Beep, signal: Signal) -> bool:
    nearest = min(signal.beeps, key=lambda b: abs(b.start_s - beep.start_s))
    first, second = sorted((beep, nearest), key=lambda b: b.start_s)
    return (
        signal.spec.period_ms is not None
        and beep.second_hz is None
        and abs(beep.frequency_hz - nearest.frequency_hz) <= _MAX_DRIFT_OF_PART_HZ
        and 1 / MAX_STEP <= beep.power / nearest.power <= MAX_STEP
        and _MIN_PART_S <= beep.length_s <= signal.spec.on_ms[1] / 1000
        and is_pause(second.start_s - first.end_s, signal.spec)
    )


def _merged(signals: list[Signal]) -> list[Signal]:
    """Join neighbours of one kind, in order of time, that noise or a lost beep has parted."""
    merged: list[Signal] = []
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


def _reach_s(spec: ToneSpec) -> float:
    """Return how long a signal may pause and still be the same."""
    if spec.is_sequence:
        return _SEQUENCE_PAUSE_S
    if spec.row_hz:
        return _KEYPAD_PAUSE_S
    if spec.period_ms is None:
        return _DROPOUT_S
    return min(MAX_GAP_S, _MAX_SKIPPED_PERIODS * spec.period_ms[1] / 1000)
