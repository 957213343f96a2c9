"""Beeps that repeat as a signal's do: alike, and in the cadence that a tone plan gives it."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence

from recognizer.signals.beeps import Beep, Edge, join
from recognizer.signals.tone_plans import TonePlan, ToneSpec
from recognizer.signals.tone_signals import (
    Signal,
    dies_away,
    is_length,
    is_pause,
    sounds_like,
    without,
)

__all__ = ["MAX_STEP", "find_cadences"]

_MAX_DRIFT_HZ = 16.0  # between beeps of one signal
# Beeps of one signal are alike; noise may spoil one in three.
_MAX_ODD_LENGTH_S = 0.04
_MAX_ODD_LENGTH = 0.1
_MAX_ODD_PITCH_HZ = 5.0
_MAX_ODD_PART = 0.34
_MIN_QUIET_PART = 0.6
_MAX_BETWEEN = 3
MAX_STEP = 4.0
"""Of power, from one beep of a signal to another: 6 dB."""


def find_cadences(beeps: Sequence[Beep], plan: TonePlan) -> list[Signal]:
    """Return signals whose beeps repeat."""
    signals: list[Signal] = []
    left = list(beeps)
    specs = [spec for spec in plan.tones if spec.period_ms is not None]
    for tones in dict.fromkeys((s.frequencies_hz, s.pair_hz, s.burst_ms) for s in specs):
        family = [s for s in specs if (s.frequencies_hz, s.pair_hz, s.burst_ms) == tones]
        own = [beep for beep in left if sounds_like(beep, family[0])]
        found = [
            signal
            for signal in _chains(_bursts(own, family[0]), family)
            if len(signal.beeps) >= signal.spec.min_beeps
        ]
        left = without(left, found)
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


def _chains(beeps: Sequence[Beep], family: Sequence[ToneSpec]) -> list[Signal]:
    """Return runs of beeps that follow each other in one of the family's cadences."""
    signals: list[Signal] = []
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
            signals.append(Signal(spec, chain))
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
        and sum(map(dies_away, chain)) <= _MAX_ODD_PART * len(chain)
    )


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
        and is_length(beep, spec)
        and 1 / MAX_STEP <= beep.power / of.power <= MAX_STEP
    )


def _is_pair(before: Beep, after: Beep, spec: ToneSpec) -> bool:
    """Tell whether two beeps can follow each other in a signal."""
    pause_s = after.start_s - before.end_s
    if not is_pause(pause_s, spec) or spec.period_ms is None:
        return False
    if abs(before.frequency_hz - after.frequency_hz) > _MAX_DRIFT_HZ:
        return False
    if not (is_length(before, spec) and is_length(after, spec)):
        return False
    if before.start is Edge.CLEAN:
        period_s = after.start_s - before.start_s
    elif after.end is Edge.CLEAN:
        period_s = after.end_s - before.end_s
    else:
        return True
    return spec.period_ms[0] <= period_s * 1000 <= spec.period_ms[1]
