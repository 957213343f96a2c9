"""Beeps that make one call-progress signal, and whether a beep is as a signal's are."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Sequence

from recognizer.model import Cadence, ToneEvent
from recognizer.signals.beeps import Beep
from recognizer.signals.tone_plans import ToneSpec

__all__ = ["Signal", "dies_away", "is_length", "is_pause", "sounds_like", "without"]

_MAX_DROOP_DB = 5.0


class Signal:
    """Beeps that make one signal."""

    def __init__(self, spec: ToneSpec, beeps: Iterable[Beep]) -> None:
        self.spec = spec
        self.beeps = sorted(beeps, key=lambda beep: beep.start_s)

    @property
    def start_s(self) -> float:
        """When its first beep starts, seconds of the sound."""
        return self.beeps[0].start_s

    @property
    def end_s(self) -> float:
        """When its last beep ends."""
        return max(beep.end_s for beep in self.beeps)

    def event(self) -> ToneEvent:
        """Return the signal as the other stages see it."""
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


def without(beeps: Sequence[Beep], signals: Sequence[Signal]) -> list[Beep]:
    """Return the beeps that no signal is made of."""
    used = [beep for signal in signals for beep in signal.beeps]
    return [beep for beep in beeps if not any(_is_in(beep, whole) for whole in used)]


def _is_in(beep: Beep, whole: Beep) -> bool:
    """Return whether a beep is another, or one of the two of a burst."""
    return beep is whole or (whole.start_s <= beep.start_s and beep.end_s <= whole.end_s)


def sounds_like(beep: Beep, spec: ToneSpec) -> bool:
    """Return whether a beep has the tone, or the two tones, of a signal."""
    if beep.second_hz is None:
        return spec.matches_frequency(beep.frequency_hz)
    return spec.matches_pair(beep.frequency_hz, beep.second_hz)


def is_length(beep: Beep, spec: ToneSpec) -> bool:
    """Tell whether a beep is as long as the signal's, or was before the recording cut it."""
    shortest, longest = spec.on_ms
    return (beep.is_cut or beep.length_s * 1000 >= shortest) and beep.length_s * 1000 <= longest


def is_pause(pause_s: float, spec: ToneSpec) -> bool:
    """Tell whether a pause is as long as one between two beeps of the signal."""
    # Two beeps measured one by one may seem to overlap a little.
    return spec.off_ms is not None and (
        spec.off_ms[0] - 30 <= pause_s * 1000 <= spec.off_ms[1]
        if spec.is_sequence
        else spec.off_ms[0] <= pause_s * 1000 <= spec.off_ms[1]
    )


def dies_away(beep: Beep) -> bool:
    """Tell whether a beep fades or swells, as a string or a voice does."""
    return abs(beep.droop_db) > _MAX_DROOP_DB
