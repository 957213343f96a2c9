"""What the signal stages find: call-progress tones and segments of one kind of sound."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable
from dataclasses import dataclass

from recognizer.model._checks import check_interval

__all__ = [
    "CROSSTALK_DB",
    "LONGEST_PAUSE_S",
    "Cadence",
    "GapKind",
    "Segment",
    "SegmentKind",
    "SoundGap",
    "ToneEvent",
    "ToneKind",
    "joined_intervals",
    "total_duration_s",
]


class ToneKind(enum.StrEnum):
    """Call-progress and in-band signals."""

    RINGBACK = "ringback"
    BUSY = "busy"
    CONGESTION = "congestion"
    SIT = "sit"
    DIAL = "dial"
    FAX = "fax"
    BEEP = "beep"
    DTMF = "dtmf"


class SegmentKind(enum.StrEnum):
    """What fills an interval of the recording."""

    SPEECH = "speech"
    TONE = "tone"
    MUSIC = "music"
    NOISE = "noise"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Cadence:
    """Alternating on and off times in milliseconds, beginning with on; empty: continuous."""

    on_off_ms: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ToneEvent:
    """One call-progress signal: all the ringing or all the busy tone, not a single beep of it.

    Attributes
    ----------
    start_s, end_s : float
        From the first beep's start to the last beep's end.
    frequencies_hz : tuple of float
        As measured.
    cadence : Cadence or None
        As measured (medians); None for a signal without periods.
    n_periods : int
        How many beeps were heard.
    level_dbfs : float
        RMS of the beeps.
    """

    kind: ToneKind
    start_s: float
    end_s: float
    frequencies_hz: tuple[float, ...]
    cadence: Cadence | None
    n_periods: int
    level_dbfs: float

    def __post_init__(self) -> None:
        check_interval(f"tone {self.kind}", self.start_s, self.end_s)


@dataclass(frozen=True, slots=True)
class Segment:
    """An interval of one kind of sound; `level_dbfs` is its RMS."""

    kind: SegmentKind
    start_s: float
    end_s: float
    level_dbfs: float

    def __post_init__(self) -> None:
        check_interval(f"segment {self.kind}", self.start_s, self.end_s)

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return self.end_s - self.start_s


class GapKind(enum.StrEnum):
    """How sound that was lost on the way shows in the samples."""

    ZEROS = "zeros"
    REPEATED = "repeated"
    COMFORT_NOISE = "comfort_noise"
    FADED = "faded"
    CUT = "cut"
    CLIPPED = "clipped"


@dataclass(frozen=True, slots=True)
class SoundGap:
    """Where the sound is not whole: what was said there cannot be known."""

    kind: GapKind
    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        check_interval(f"gap {self.kind}", self.start_s, self.end_s)


CROSSTALK_DB = 10.0
"""What is heard in a channel by so much weaker than in another may only be the leak of that one."""

LONGEST_PAUSE_S = 1.5
"""Pauses inside one announcement are shorter; after a longer one somebody else may speak."""


def joined_intervals(
    intervals: Iterable[tuple[float, float]], *, longest_pause_s: float = LONGEST_PAUSE_S
) -> list[tuple[float, float]]:
    """Return intervals of seconds, in their order, with those joined that a pause parts."""
    joined: list[tuple[float, float]] = []
    for start_s, end_s in intervals:
        if joined and start_s - joined[-1][1] <= longest_pause_s:
            joined[-1] = (joined[-1][0], end_s)
        else:
            joined.append((start_s, end_s))
    return joined


def total_duration_s(segments: Iterable[Segment], kind: SegmentKind) -> float:
    """Return how many seconds of `segments` are of `kind`."""
    return math.fsum(s.duration_s for s in segments if s.kind is kind)
